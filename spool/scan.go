package spool

import (
	"encoding/binary"
	"hash/crc32"
	"sync"
	"time"

	"github.com/girok/girok/record"
)

// settled returns up to where what stands at pos will never change, and is to be
// skipped; 0 while it may still become a frame.
func (r *Reader) settled(v verdict) (limit uint64) {
	if w := r.run.writer; w != nil && !r.dead {
		if end, ok := w.faults.at(r.pos); ok {
			return end
		}
	}
	end := r.cur.end()
	switch {
	case r.dead || r.salvage:
		return end
	case r.pos < r.final: // its writer has gone on: the storage failed here
		return min(r.final, end)
	case v != bad && v != short:
		return 0
	case r.badAt != r.pos:
		r.badAt, r.badSince = r.pos, time.Now()
		return 0
	case time.Since(r.badSince) < doubt || !r.hasLater():
		return 0
	}
	r.salvage = true
	return end
}

// hasLater reports whether the run has gone on to a later segment.
func (r *Reader) hasLater() bool {
	list, err := r.run.segments()
	return err == nil && len(list) > 0 && list[len(list)-1].seq > r.cur.seq
}

// skipTo moves pos to the next frame or PAD that checks, at most to limit.
func (r *Reader) skipTo(limit uint64, v verdict) {
	start := r.pos
	w := scanner{r: r}
	for r.pos += wordSize; r.pos < limit; r.pos += wordSize {
		b := w.bytes(wordSize)
		if r.over {
			r.pos = start
			return
		}
		if b == nil {
			if r.Err == nil {
				r.pos = limit
			}
			break
		}
		if word := binary.LittleEndian.Uint64(b); word != 0 && w.checks(word) {
			break
		}
	}
	r.pos = min(r.pos, limit)
	if v == bad || v == short && r.hasLater() {
		r.Damaged += r.pos - start
	}
}

// scanner is what skipTo sees of a segment. Bytes of a stranger can claim a frame
// of half a MiB at every word; so a checksum is not made over each, but out of
// two of those that sums holds, in a time that does not depend on the length:
// 8 MiB of such words take a quarter of a second and not half a minute.
type scanner struct {
	r    *Reader
	buf  []byte
	at   uint64   // position of buf[0]
	sums []uint32 // of buf[:8*i], as far as they were needed
}

const wholeScan = 2 << 20

// bytes is n bytes from the reader's pos; nil if the file has fewer.
func (w *scanner) bytes(n int) []byte {
	r := w.r
	for try := 0; try < 2; try++ {
		if off := r.pos - w.at; r.pos >= w.at && off+uint64(n) <= uint64(len(w.buf)) {
			return w.buf[off:][:n]
		}
		if try > 0 {
			break
		}
		size := uint64(chunk)
		if n > wordSize {
			size = wholeScan
		}
		size = min(size, r.cur.end()-r.pos)
		if uint64(cap(w.buf)) < size {
			w.buf = make([]byte, size)
		}
		w.buf = w.buf[:size]
		w.at, w.sums = r.pos, w.sums[:0]
		w.buf = w.buf[:r.readAt(w.buf, r.pos)]
	}
	return nil
}

// checks reports whether word begins a frame or PAD at the reader's pos.
func (w *scanner) checks(word uint64) bool {
	r := w.r
	n := uint64(word & lengthMask)
	switch {
	case word&busyBit != 0:
		return false
	case word&padBit != 0:
		return r.padChecks(word)
	case n < minPayload || n > record.MaxPayload || r.pos+frameSize(int(n)) > r.cur.end():
		return false
	case w.bytes(int(wordSize+n)) == nil:
		return false
	}
	return w.sum(r.pos-w.at+wordSize, n)^mix(r.cur.salt, r.pos) == uint32(word>>32)
}

// sum is the checksum of buf[off:off+n]; off is a multiple of 8.
func (w *scanner) sum(off, n uint64) uint32 {
	table := w.r.cur.table()
	if len(w.sums) == 0 {
		w.sums = append(w.sums, 0)
	}
	from, to := int(off/8), int((off+n)/8)
	for i := len(w.sums); i <= to; i++ {
		w.sums = append(w.sums, crc32.Update(w.sums[i-1], table, w.buf[8*(i-1):8*i]))
	}
	whole := crc32.Update(w.sums[to], table, w.buf[8*to:off+n])
	return whole ^ shifts[w.r.cur.checksum]().shift(w.sums[from], n)
}

// shifter makes of the checksum of some bytes what it contributes to that of the
// same bytes and n more: it multiplies by x^(8n) modulo the polynomial.
type shifter struct {
	poly uint32
	low  [1024]uint32                       // x^(8i)
	high [record.MaxPayload/1024 + 1]uint32 // x^(8*1024*i)
}

var shifts = map[uint32]func() *shifter{
	crc32c:    sync.OnceValue(func() *shifter { return newShifter(crc32.Castagnoli) }),
	crc32ieee: sync.OnceValue(func() *shifter { return newShifter(crc32.IEEE) }),
}

func newShifter(poly uint32) *shifter {
	s := &shifter{poly: poly}
	const one = 1 << 31 // x^0: the bits are reversed
	s.low[0], s.high[0] = one, one
	for i := range s.low[1:] {
		s.low[i+1] = s.multiply(s.low[i], one>>8)
	}
	next := s.multiply(s.low[len(s.low)-1], one>>8)
	for i := range s.high[1:] {
		s.high[i+1] = s.multiply(s.high[i], next)
	}
	return s
}

func (s *shifter) shift(sum uint32, n uint64) uint32 {
	return s.multiply(s.multiply(s.low[n%1024], s.high[n/1024]), sum)
}

// multiply multiplies polynomials over GF(2) modulo poly.
func (s *shifter) multiply(a, b uint32) (p uint32) {
	for ; a != 0; a <<= 1 {
		if a&(1<<31) != 0 {
			p ^= b
		}
		b = b>>1 ^ s.poly&-(b&1)
	}
	return p
}

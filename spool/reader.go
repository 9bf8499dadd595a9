package spool

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"iter"
	"os"
	"time"

	"github.com/girok/girok/record"
)

// Status is what Next found.
type Status int

// What Next can find.
const (
	Frame Status = iota // a record
	Wait                // nothing more for now
	End                 // the run is dead and this was all
	Gap                 // segments that were not read are gone; Next goes on after them
	Newer               // a newer girok wrote what follows: leave it
)

// Ref is one frame. Payload is good until the next call of Next.
type Ref struct {
	Position uint64
	Next     uint64 // position after the frame
	Payload  []byte
	Sum      uint32 // CRC-32C of Payload
}

// Records are the frame's records by their index in it; a request has several. A
// payload is good until the next one.
func (f *Ref) Records() iter.Seq2[uint32, []byte] {
	return func(yield func(uint32, []byte) bool) {
		var req record.Request
		if req.Parse(f.Payload) != nil {
			yield(0, f.Payload)
			return
		}
		var buf []byte
		for i := uint32(0); ; i++ {
			p, ok := req.Next(buf[:0])
			if buf = p; !ok || !yield(i, p) {
				return
			}
		}
	}
}

// Mask is the frame's handlers; of a request, those of any of its records.
func (f *Ref) Mask() uint64 { return binary.LittleEndian.Uint64(f.Payload) }

const (
	chunk      = 256 << 10 // read at a time where much waits
	smallChunk = 32 << 10  // and at the end of somebody's living run
	minPayload = 10        // mask, kind, encoding
	// doubt is how long a checksum that fails in a living run is read again
	// before it is believed.
	doubt = 2 * time.Second
)

// Reader reads a run's frames in their order: of the own process, of another,
// and of a dead one by the same rules. While the run lives it waits at a word
// that is zero or BUSY; when it is dead it looks on for the next frame whose
// checksum holds. What checks is delivered; nothing else decides.
//
// A Reader is not safe for concurrent use.
type Reader struct {
	run  *Run
	pos  uint64
	end  uint64 // after the last frame or PAD that checked
	cur  header
	src  source // nil: none open
	name string // of its file; empty if it has none
	over bool   // the file that is open holds another segment by now
	only bool   // stop at the end of this segment
	dead bool

	buf   []byte // bytes of the segment
	bufAt uint64 // position of buf[0]

	final    uint64 // below it nothing changed any more when buf was read last
	badAt    uint64 // where a checksum failed in a living run
	badSince time.Time
	salvage  bool // this segment is read like one of a dead run

	// GapFrom and GapTo are what the last Gap spans.
	GapFrom, GapTo uint64
	// Err is why the segment could not be read just now; Next answers Wait.
	Err error
	// Damaged counts bytes that were skipped because they did not check.
	Damaged uint64
}

// Reader begins at position from, which is 0 or the edge of a frame.
func (r *Run) Reader(from uint64) *Reader { return &Reader{run: r, pos: from, end: from} }

// Position is where Next goes on.
func (r *Reader) Position() uint64 { return r.pos }

// FramesEnd is the position after the last frame that was found: at End, that of
// the run.
func (r *Reader) FramesEnd() uint64 { return r.end }

// Close frees the open segment.
func (r *Reader) Close() {
	if r.src != nil {
		r.src.close()
		r.src = nil
	}
}

// Next finds the next frame.
func (r *Reader) Next() (ref Ref, st Status) {
	st = r.Read(&ref)
	return ref, st
}

// Read is Next into ref, which it sets only for a Frame: a Ref is long, and to hand it
// on from call to call takes as long as to find the frame.
func (r *Reader) Read(ref *Ref) Status {
	fresh := false // buf was read in this call, from pos
	for {
		if r.src == nil {
			if st := r.open(); st != Frame {
				return st
			}
			fresh = false
		}
		if r.pos >= r.cur.end() {
			r.Close()
			if r.only {
				return End
			}
			continue
		}
		v := r.look(ref)
		switch {
		case r.over:
			r.Close()
			r.over, fresh = false, false
			continue
		case v == good:
			r.pos, r.end = ref.Next, ref.Next
			return Frame
		case v == skip:
			r.end = r.pos
			continue
		case !fresh: // what is in buf may be old
			r.final = r.run.Counters().Committed()
			r.fill(r.pos, wordSize)
			fresh = true
			continue
		case r.Err != nil:
			return Wait
		}
		if limit := r.settled(v); limit > r.pos {
			fresh = false
			r.skipTo(limit, v)
			continue
		}
		if r.died() {
			fresh = false
			continue
		}
		return Wait
	}
}

// verdict is what look says of the word at pos.
type verdict int

const (
	good  verdict = iota // a frame
	skip                 // pos moved on
	empty                // zero or BUSY
	short                // the file ends here
	bad                  // it does not check
)

// look reads the word at pos, and the frame after it into ref.
func (r *Reader) look(ref *Ref) verdict {
	b := r.bytes(wordSize)
	if b == nil {
		return short
	}
	word := binary.LittleEndian.Uint64(b)
	n := int(word & lengthMask)
	switch {
	case word == 0 || word&busyBit != 0:
		return empty
	case word&padBit != 0:
		if !r.padChecks(word) {
			return bad
		}
		r.pos += wordSize + uint64(n)
		return skip
	case n < minPayload || n > record.MaxPayload || r.pos+frameSize(n) > r.cur.end():
		return bad
	}
	b = r.bytes(wordSize + n)
	if b == nil {
		return short
	}
	payload := b[wordSize : wordSize+n : wordSize+n]
	sum := r.cur.sum(payload)
	if sum^mix(r.cur.salt, r.pos) != uint32(word>>32) {
		return bad
	}
	if r.cur.checksum != crc32c {
		sum = crc32.Checksum(payload, castagnoli)
	}
	ref.Position, ref.Next, ref.Payload, ref.Sum = r.pos, r.pos+frameSize(n), payload, sum
	return good
}

// padChecks reports whether word is a PAD that belongs at pos.
func (r *Reader) padChecks(word uint64) bool {
	n := word & lengthMask
	return n%8 == 0 && r.pos+wordSize+n <= r.cur.end() && checkPad(word, r.cur.salt, r.pos)
}

// bytes is n bytes from pos; nil if the segment's file has fewer.
func (r *Reader) bytes(n int) []byte {
	for try := 0; ; try++ {
		if r.pos >= r.bufAt && r.pos-r.bufAt+uint64(n) <= uint64(len(r.buf)) {
			return r.buf[r.pos-r.bufAt:][:n]
		}
		if try > 0 {
			return nil
		}
		r.fill(r.pos, n)
	}
}

// fill reads the segment from pos, at least n bytes if it has them.
func (r *Reader) fill(pos uint64, n int) {
	size := uint64(chunk)
	if !r.dead {
		if w := r.run.writer; w != nil {
			size = min(size, max(w.Tail(), pos)-pos+wordSize)
		} else {
			size = smallChunk
		}
	}
	size = min(max(size, uint64(n)), r.cur.end()-pos)
	if uint64(cap(r.buf)) < size {
		r.buf = make([]byte, max(size, smallChunk))
	}
	r.buf, r.bufAt = r.buf[:size], pos
	r.buf = r.buf[:r.readAt(r.buf, pos)]
}

// readAt fills b from a position of the segment and returns how much there was.
func (r *Reader) readAt(b []byte, pos uint64) int {
	got, err := r.src.read(b, pos-r.cur.base)
	r.Err = nil
	if err != nil && !errors.Is(err, io.EOF) {
		got, r.Err = 0, err // it may be readable later: nothing is skipped for it
	}
	if r.Err == nil && r.reused() {
		got, r.over = 0, true
	}
	return got
}

// reused reports whether the open file does not hold the segment any more: a
// living writer takes the files of delivered ones again.
func (r *Reader) reused() bool {
	if r.dead || r.run.path == "" {
		return false
	}
	var b [headerUsed]byte
	n, err := r.src.read(b[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		r.Err = err
		return true
	}
	if n < headerUsed {
		return false // cut off
	}
	h, err := decodeHeader(b[:])
	if errors.Is(err, errUnborn) || errors.Is(err, errSpare) {
		return true
	}
	return err == nil && (h.seq != r.cur.seq || h.salt != r.cur.salt)
}

// died looks whether the run has died meanwhile; then all must be read again.
func (r *Reader) died() bool {
	if r.dead || r.run.Alive() {
		return false
	}
	r.dead = true
	r.buf = r.buf[:0]
	return true
}

// open opens the segment that holds pos, or the next that there is.
func (r *Reader) open() Status {
	for {
		h, st := r.find()
		if st != Frame {
			if st == Wait && r.died() {
				continue
			}
			if st == Wait && r.dead && r.Err == nil {
				return End
			}
			return st
		}
		src, err := r.run.openSource(h)
		if err != nil {
			if errors.Is(err, os.ErrNotExist) {
				continue // freed between the look and now
			}
			r.Err = err
			return Wait
		}
		lost := h.base > r.pos && (r.cur.seq != 0 || r.pos != 0)
		r.cur, r.src, r.name, r.buf, r.salvage = h.header, src, h.name, r.buf[:0], false
		if r.reused() {
			r.Close() // since the look at its header
			continue
		}
		from := r.pos
		r.pos = max(r.pos, h.data())
		if lost {
			r.GapFrom, r.GapTo = from, h.data()
			return Gap
		}
		return Frame
	}
}

// find chooses the segment that holds pos, or the next that there is.
func (r *Reader) find() (segmentFile, Status) {
	list, err := r.run.segments()
	if errors.Is(err, ErrNewer) {
		return segmentFile{}, Newer
	}
	r.Err = err
	for _, h := range list {
		if h.end() > r.pos {
			return h, Frame
		}
	}
	return segmentFile{}, Wait
}

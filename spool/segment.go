package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/internal/random"
)

// segment is one file of a run, mapped by its writer. Without a folder (the
// memory ring) it is memory only.
type segment struct {
	header
	mem    []byte    // never changes: an append reads it without a lock
	f      *os.File  // nil in memory
	path   string    // empty in memory
	walked uint64    // below it every frame is committed; only the background's
	frames uint64    // that were walked over
	filled uint64    // below it the pages are resident, and were writable
	ready  uint64    // below it those of the window are writable again
	made   time.Time // when its file was
	fault  atomic.Bool
	kick   uint8 // see kickShift

	told      bool   // its fault was reported
	padded    bool   // a plain one has its PAD
	lost      bool   // to the disk: it could not take what was written
	synced    bool   // what it was filled with went to the disk ahead of the first append
	unmapped  bool   // mem is not to be touched any more
	holeAt    uint64 // where walk stopped last
	holeSince time.Time
}

// step is how many bytes of pages are made ready at a time.
const step = 64 << 10

// youth is how old a file may be that is used again. Linux writes the pages of a
// file to the disk when it has been dirty for 30 s, counted from the first write
// to it and whatever was synced meanwhile, and write-protects them for that: a
// store into the window would fault. What is deleted before is never written.
const youth = 20 * time.Second

// largePage is the size of a large page, in bytes. To make a segment of them ready and
// to delete it again takes a sixth of what it takes with small ones. They are not for a
// spool that is put on the disk again and again: what is dirty is a whole page.
const largePage = 2 << 20

// giveUp is how long a hole is waited for where storage failed.
const giveUp = time.Second

// segmentName is that of a run's file; its number says nothing of the segment's
// seq, which stands in the header.
func segmentName(number uint64) string { return fmt.Sprintf("%06d.seg", number) }

// newSegment makes segment h in a new file, or in memory if path is empty. Its
// space is allocated, so a full disk is an error here and never a fault in the
// application; the first populate bytes are ready for writing. large: its pages may
// be large ones.
func newSegment(path string, h header, populate uint64, large bool) (*segment, error) {
	s := &segment{header: h.renew(), path: path, walked: h.data(), filled: h.base, made: time.Now(), kick: kickShift(h.size)}
	var err error
	if path == "" {
		s.mem = make([]byte, h.size)
	} else if s.f, s.mem, err = createMapped(path, int64(h.size)); err != nil {
		return nil, err
	}
	if large && h.size >= largePage {
		largePages(s.mem)
	}
	s.bear()
	s.fill(h.base + populate)
	return s, nil
}

// renew is the header with what is new at every use of a file.
func (h header) renew() header {
	h.checksum, h.created, h.salt = crc32c, time.Now().UnixNano(), random.Uint64()
	return h
}

// bear writes the header, and the magic last: a header without it does not count.
func (s *segment) bear() {
	var b [headerUsed]byte
	s.encode(b[:])
	copy(s.mem[len(segmentMagic):], b[len(segmentMagic):])
	crash.At(crash.Roll)
	s.magic().Store(binary.NativeEndian.Uint64(segmentMagic[:]))
}

func (s *segment) magic() *atomic.Uint64 { return (*atomic.Uint64)(unsafe.Pointer(&s.mem[0])) }

// blank ends the segment: whoever still reads it sees that its bytes are no
// longer what they were.
func (s *segment) blank() bool { return s.guard(func() { s.magic().Store(0) }) }

func (s *segment) young() bool { return time.Since(s.made) < youth }

// again makes segment h in the file and the mapping of s, which is blank. The
// frames go before the header does: a file without any header has no frames.
func (s *segment) again(h header) (n *segment, err error) {
	n = &segment{header: h.renew(), f: s.f, path: s.path, mem: s.mem, walked: h.data(), filled: h.end(), made: s.made, kick: s.kick}
	ok := s.guard(func() {
		clear(s.mem[headerSize:])
		crash.At(crash.Reuse)
		clear(s.mem[len(segmentMagic):headerSize])
		n.bear()
	})
	if !ok {
		return nil, &os.PathError{Op: "reuse", Path: s.path, Err: errors.New("its storage failed")}
	}
	return n, nil
}

// guard runs do, and reports false if the storage faulted in it.
func (s *segment) guard(do func()) bool {
	if guarded(do) {
		return true
	}
	s.fault.Store(true)
	return false
}

// fill makes pages up to position to resident and writable, so that the
// application's stores never fault. It is only speed: errors do not matter.
func (s *segment) fill(to uint64) {
	to = min((to+step-1)&^(step-1), s.size+s.base)
	if s.path == "" || s.mem == nil || to <= s.filled {
		return
	}
	from := (s.filled - s.base) &^ (step - 1)
	populate(s.mem[from : to-s.base])
	s.filled = to
}

// refill does it again for [from, to): the kernel write-protects pages that it
// has written back, and a store would fault in the file system's code.
func (s *segment) refill(from, to uint64) {
	const page = 4096
	if s.path == "" || s.mem == nil || from >= to {
		return
	}
	lo := (from - s.base) &^ (page - 1)
	hi := min((to-s.base+page-1)&^(page-1), s.size)
	populate(s.mem[lo:hi])
}

// extend is refill in steps, on from where it ended last; with all, from from.
func (s *segment) extend(from, to uint64, all bool) {
	if !all {
		if from = max(from, s.ready); to < from+step && to < s.end() {
			return
		}
	}
	if from < to {
		s.refill(from, to)
		s.ready = to
	}
}

func (s *segment) word(pos uint64) *uint64 {
	return (*uint64)(unsafe.Pointer(&s.mem[pos-s.base]))
}

// put commits one frame in a range that the caller has reserved. It returns
// false when the storage faulted (the file was cut off under the mapping, the
// disk failed): the frame is not committed then.
func (s *segment) put(pos uint64, word uint64, payload []byte) (ok bool) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		if !ok {
			onlyFault(recover())
		}
	}()
	b := s.mem[pos-s.base:]
	w := (*uint64)(unsafe.Pointer(&b[0]))
	storeWord(w, uint64(len(payload))|busyBit)
	crash.At(crash.Reserved)
	copy(b[wordSize:], payload)
	storeWord(w, word)
	ok = true
	return
}

// onlyFault goes on with a panic that is not that of an access to memory.
func onlyFault(p any) {
	if p != nil && !isFault(p) {
		panic(p)
	}
}

// isFault reports whether a panic is that of an access to memory.
func isFault(p any) bool {
	err, ok := p.(runtime.Error)
	if !ok {
		return false
	}
	var fault interface{ Addr() uintptr }
	return errors.As(err, &fault)
}

// pad commits a PAD from pos to the end of the segment.
func (s *segment) pad(pos uint64) bool {
	return s.put(pos, padWord(s.end()-pos, s.salt, pos), nil)
}

// walk looks how far frames are committed, up to limit, and returns how far. A
// faulted range counts as committed: nothing will come there.
func (s *segment) walk(limit uint64, faults *faults) (pos uint64) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			if !isFault(p) {
				panic(p)
			}
			s.fault.Store(true)
			s.walked, pos = s.end(), s.end()
		}
	}()
	limit = min(limit, s.end())
	if s.mem == nil {
		s.walked = max(s.walked, limit)
		return s.walked
	}
	// Appends read what stands beside these in the segment: they are written once.
	pos, frames := s.walked, s.frames
	for pos < limit {
		w := atomic.LoadUint64(s.word(pos))
		if end, ok := faults.at(pos); ok {
			pos = end
			continue
		}
		if w == 0 || w&busyBit != 0 {
			if s.walked = pos; !s.lostHole() {
				break
			}
			pos = limit
			continue
		}
		pos += frameSize(int(w & lengthMask))
		if w&padBit == 0 {
			frames++
		}
	}
	s.walked, s.frames = pos, frames
	return pos
}

// lostHole reports whether the hole at walked will stay: frames that were there
// went when the file was cut off, and the rest of their page reads as zeros.
func (s *segment) lostHole() bool {
	if s.holeAt != s.walked {
		s.holeAt, s.holeSince = s.walked, time.Now()
		return false
	}
	if s.path == "" || time.Since(s.holeSince) < giveUp {
		return false
	}
	if st, err := os.Stat(s.path); err == nil && uint64(st.Size()) < s.size {
		s.fault.Store(true)
	}
	return s.fault.Load()
}

// unmap gives the mapping back. No goroutine may be in put: the segment was
// walked to its end. Where storage failed that is not known, and the mapping
// stays: a late store must not meet what is mapped there next.
func (s *segment) unmap() {
	if s.path == "" || s.unmapped {
		return
	}
	s.f.Close()
	if s.mem != nil && !s.fault.Load() {
		unmapFile(s.mem)
	}
	s.unmapped = true
}

// sync puts what is in the segment on the disk.
func (s *segment) sync() error {
	if s.f == nil {
		return nil
	}
	return syncData(s.f)
}

// remove deletes the segment.
func (s *segment) remove() error {
	if s.path == "" {
		return nil
	}
	err := os.Remove(s.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

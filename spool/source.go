package spool

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
	"unsafe"
)

// source is an open segment.
type source interface {
	// read fills b from offset off of the segment and returns how much there was.
	read(b []byte, off uint64) (int, error)
	close()
}

func (r *Run) openSource(h segmentFile) (source, error) {
	if r.path == "" {
		mem := r.writer.memoryAt(h.seq)
		if mem == nil {
			return nil, os.ErrNotExist
		}
		return memorySource{mem, &r.writer.finished}, nil
	}
	if h.name == "" { // its folder is gone
		f, err := r.writer.openMapped(h.seq)
		return fileSource{f}, err
	}
	f, err := os.Open(filepath.Join(r.path, h.name))
	return fileSource{f}, err
}

type fileSource struct{ f *os.File }

func (s fileSource) read(b []byte, off uint64) (int, error) { return s.f.ReadAt(b, int64(off)) }
func (s fileSource) close()                                 { s.f.Close() }

// memorySource reads the memory ring. While the run lives off is the edge of a
// frame, and what is read are the frames that are committed, then zeros.
type memorySource struct {
	mem      []byte
	finished *atomic.Bool
}

func (m memorySource) read(b []byte, off uint64) (int, error) {
	if m.finished.Load() {
		return copy(b, m.mem[off:]), nil
	}
	n := uint64(0)
	for n+wordSize <= uint64(len(b)) {
		w := atomic.LoadUint64((*uint64)(unsafe.Pointer(&m.mem[off+n])))
		if w == 0 || w&busyBit != 0 {
			break
		}
		size := frameSize(int(w & lengthMask))
		binary.NativeEndian.PutUint64(b[n:], w)
		if w&padBit == 0 {
			copy(b[n+wordSize:], m.mem[off+n+wordSize:off+n+size])
		}
		n += size
	}
	clear(b[min(n, uint64(len(b))):])
	return len(b), nil
}

func (m memorySource) close() {}

// Oldest is the position of the oldest segment that the run still has, and 0 if
// none.
func (r *Run) Oldest() uint64 {
	list, err := r.segments()
	if err != nil || len(list) == 0 {
		return 0
	}
	return list[0].base
}

// StillThere reports whether all segments that hold [from, to) are there and
// stay: the caller has pinned the range.
func (r *Run) StillThere(from, to uint64) bool {
	r.awaitFreeing(from)
	list, err := r.segments()
	if err != nil {
		return false
	}
	at := max(from, 1)
	for _, h := range list {
		if h.base <= at && at < h.end() {
			at = h.end()
		}
	}
	return at >= to
}

// StillThere is that of the run, and cheaper for a range in the segment that is
// open: its name and its header are looked at, and no other file.
func (r *Reader) StillThere(from, to uint64) bool {
	if r.src == nil || r.name == "" || from < r.cur.base || to > r.cur.end() {
		return r.run.StillThere(from, to)
	}
	r.run.awaitFreeing(from)
	if _, err := os.Stat(filepath.Join(r.run.path, r.name)); err != nil {
		return r.run.StillThere(from, to)
	}
	return !r.reused()
}

// awaitFreeing returns when nobody frees what lies at or above from. Whoever frees
// announces it, and looks at the pins then. One that stands may have looked before
// the pin was there; one that stands for long belongs to a process that died
// meanwhile.
func (r *Run) awaitFreeing(from uint64) {
	const patience = 2 * time.Second
	for begin := time.Now(); r.Counters().load(freeingOffset) > from && r.mayBeFreed() && time.Since(begin) < patience; {
		time.Sleep(time.Millisecond)
	}
}

// mayBeFreed reports whether somebody is there who frees segments of the run: its
// writer, or for a dead one whoever holds the lock of the service's room.
func (r *Run) mayBeFreed() bool {
	if r.Alive() {
		return true
	}
	if r.path == "" {
		return false
	}
	held, err := Locked(r.roomLock())
	return held && err == nil
}

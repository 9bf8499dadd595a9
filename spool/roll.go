package spool

import (
	"errors"
	"path/filepath"
	"syscall"
	"time"

	"github.com/girok/girok/internal/crash"
)

// retryMake is how long an append that finds the spool's disk refusing fails at
// once before a segment is tried again.
const retryMake = 100 * time.Millisecond

// roll moves the tail on from seg into the next segment, unless that was done.
// It makes the segment itself when the background has not.
func (w *Writer) roll(seg *segment, force bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rollOn(seg, force)
}

// rollOn is roll for a caller that holds mu.
func (w *Writer) rollOn(seg *segment, force bool) error {
	if w.tail.Load()&sealed != 0 {
		return ErrClosed
	}
	if w.cur.Load() != seg {
		return nil
	}
	if w.next == nil {
		if err := w.makeNext(force); err != nil {
			w.takeBack(seg)
			return err
		}
	}
	next := w.next
	if !w.moveTail(next) {
		return ErrClosed
	}
	w.next = nil
	w.segs = append(w.segs, next)
	w.cur.Store(next)
	w.wake()
	return nil
}

// pad ends a segment at offset start. The append whose range reached past the end
// does it: there is only one.
func (w *Writer) pad(seg *segment, start uint64) {
	crash.At(crash.Rolled)
	if !seg.pad(seg.base + start) {
		w.faults.add(seg.base+start, seg.end())
		w.mu.Lock()
		defer w.mu.Unlock()
		w.reportFault(seg)
	}
}

// moveTail sets the tail to the beginning of a segment, unless it is sealed.
func (w *Writer) moveTail(to *segment) bool {
	for {
		t := w.tail.Load()
		if t&sealed != 0 {
			return false
		}
		if w.tail.CompareAndSwap(t, tailAt(to.seq, headerSize)) {
			return true
		}
	}
}

// takeBack keeps appends that fail for long from carrying the offset into the
// seq. What it leaves is still past the end, so every range stays void.
func (w *Writer) takeBack(seg *segment) {
	if t := w.tail.Load(); t>>offsetBits == seg.seq && t&offsetMask > seg.size+slack {
		w.tail.CompareAndSwap(t, tailAt(seg.seq, seg.size+wordSize))
	}
}

// makeNext makes the segment after the last one; a full spool lets its oldest one
// go for it if force. The caller holds mu.
func (w *Writer) makeNext(force bool) error {
	if w.run.path != "" {
		w.spool.glance()
	}
	full := w.spool.over(w.run, int64(w.size))
	if full && !force {
		return ErrFull
	}
	w.pressed = full
	if w.broken != nil && w.broken != ErrFull && time.Now().Before(w.again) {
		return w.broken
	}
	last := w.segs[len(w.segs)-1]
	err := w.makeRoom()
	if last.seq >= maxSeq {
		err = ErrFull // 64 TB in one run
	}
	if err == nil {
		w.next, err = w.makeAfter(last)
	}
	w.broken, w.again = err, time.Now().Add(retryMake)
	return err
}

// makeAfter makes the segment after the last one: a smaller one where the disk has no
// room, if that is the run's only one. It stays until there is another, so nothing that is
// delivered would make room. Of several the oldest one does, and what is left of the disk is
// for those who deliver. The caller holds mu.
func (w *Writer) makeAfter(last *segment) (*segment, error) {
	for size := w.size; ; size = max(size/2&^4095, minSegment) {
		s, err := w.make(header{seq: last.seq + 1, size: size, base: last.end(), run: w.run.ID}, window)
		if err == nil || !hasNoRoom(err) || len(w.segs) > 1 || size <= minSegment {
			return s, err
		}
	}
}

// hasNoRoom reports whether an error says that a disk, or what a user may have of it, is
// full.
func hasNoRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// make makes a segment: in a spare file, or a new one, of which populate bytes are
// ready for writing. The caller holds mu, but for the first.
func (w *Writer) make(h header, populate uint64) (*segment, error) {
	for len(w.spare) > 0 {
		last := len(w.spare) - 1
		s := w.spare[last]
		w.spare = w.spare[:last]
		if s.young() {
			if n, err := s.again(h); err == nil {
				return n, nil
			}
		}
		w.discard(s)
	}
	if w.run.path == "" {
		return newSegment("", h, 0, false)
	}
	w.files++
	w.dirtyDir.Store(true)
	path := filepath.Join(w.run.path, segmentName(w.files))
	if w.plain {
		return newPlainSegment(path, h)
	}
	return newSegment(path, h, populate, w.syncer == nil)
}

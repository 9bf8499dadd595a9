package spool

import (
	"os"
	"slices"
	"time"
)

const (
	// window is how far ahead of the tail pages are kept writable, in bytes.
	window = 1 << 20
	// near is how far ahead of the tail they are made writable at every tick: the
	// kernel may write them back, and then they are not, at any moment.
	near = 256 << 10
	// aheadFactor: where appends come faster, so many times what came since the
	// last tick is made ready, a segment at most. When all processors are busy
	// with appends the background runs late.
	aheadFactor = 4
	// firstWindow is what the birth of a run populates.
	firstWindow = 256 << 10
	// maxMapped is how many segments stay mapped, spare ones among them; older ones
	// are only files.
	maxMapped = 8

	fastTick = 2 * time.Millisecond
	// notifyEvery is how often whoever delivers is woken at most.
	notifyEvery = 5 * time.Millisecond
	busyTick    = 100 * time.Millisecond
	idleTicks   = 20               // without an append, before it goes to sleep
	restTick    = time.Second      // asleep, with segments that wait to be freed
	sleepTick   = 60 * time.Second // asleep
)

// background keeps segments and pages ready ahead of the appends, gives back
// what was delivered, and wakes whoever delivers. It wakes by the bytes that are
// appended (kick), and ten times a second at most when they are few.
func (w *Writer) background() {
	defer close(w.done)
	timer := time.NewTimer(busyTick)
	defer timer.Stop()
	var seen uint64 // the tail at the last tick
	var walked, ticked time.Time
	idle := 0
	for {
		select {
		case <-w.stop:
			return
		case <-w.kick:
		case <-timer.C:
		}
		tail := w.Tail()
		w.ahead = min(max(aheadFactor*(tail-seen), window), w.size)
		if tail != seen {
			idle = 0
		} else {
			idle++
		}
		walk := time.Since(walked) >= busyTick
		if walk {
			walked = time.Now()
		}
		if walk && tail != seen && w.homeless() {
			w.spool.rescue(w)
		}
		settled := w.tick(tail, tail != seen, walk)
		pace := paceOf(tail-seen, time.Since(ticked))
		ticked = time.Now()
		seen = tail
		if idle > idleTicks {
			pace = restTick
			if settled {
				pace = sleepTick
			}
			// The next append wakes it; one that came meanwhile is seen here.
			w.asleep.Store(true)
			if w.Tail() != seen {
				w.wake()
			}
		}
		timer.Reset(pace)
	}
}

// paceOf is when to look again after so many bytes in a time: before half of the
// near window is used up.
func paceOf(bytes uint64, took time.Duration) time.Duration {
	if bytes == 0 {
		return busyTick
	}
	d := time.Duration(float64(took) * float64(near/2) / float64(bytes))
	return min(max(d, fastTick), busyTick)
}

// tick does what is due. settled: nothing will be due before the next append.
func (w *Writer) tick(tail uint64, moved, walk bool) (settled bool) {
	w.mu.Lock()
	cur := w.cur.Load()
	if moved {
		w.prepare(cur, tail, walk || w.cleaned.Swap(false))
	}
	came := walk && w.run.count.Committed() < tail
	if came {
		w.run.count.raise(committedOffset, w.walkTo(tail))
	}
	w.free(cur)
	w.unmapOld(cur)
	if !moved && w.asleep.Load() {
		w.discardSpares(0)
	}
	settled = len(w.segs) == 1 && len(w.spare) == 0 && w.run.count.Committed() >= tail
	w.mu.Unlock()
	if came {
		w.ring()
	}
	w.owed = w.owed || moved
	if w.owed && time.Since(w.notified) >= notifyEvery {
		w.owed, w.notified = false, time.Now()
		w.spool.notify()
	}
	return settled && !w.owed
}

// prepare keeps the window and the next segment ready. all: what was made ready
// before, too, and not only near the tail. The caller holds mu.
func (w *Writer) prepare(cur *segment, tail uint64, all bool) {
	to := tail + w.ahead
	if tail >= cur.base && tail < cur.end() {
		cur.fill(min(to, cur.end()))
		cur.refill(tail, min(tail+near, cur.filled))
		cur.extend(tail+near, min(tail+window, cur.filled), all)
	}
	// A plain one that ends early and is not the last would look as if it had been
	// cut off, so the next is made when it is there.
	if w.next == nil && !w.plain && tail > cur.base+cur.size/4 {
		_ = w.makeNext(w.pressed) // an append that needs it tries again and tells
	}
	if w.next != nil && to > w.next.base {
		w.next.fill(min(to, w.next.end()))
	}
	if w.next != nil && tail+window > w.next.base { // the tail will be there before the next tick
		w.next.refill(w.next.base, min(max(tail+window, w.next.base+near), w.next.filled))
	}
}

// free takes own segments back that every handler is past. The caller holds mu.
func (w *Writer) free(cur *segment) {
	for len(w.segs) > 0 && w.segs[0] != cur {
		s := w.segs[0]
		if !w.run.passed(s.end()) || w.walkTo(s.end()) < s.end() {
			return
		}
		w.run.count.setFreeing(s.end())
		if w.run.pinned(&s.header) {
			w.run.count.setFreeing(0)
			return
		}
		w.drop(0)
		w.run.count.setFreeing(0)
	}
}

// drop takes segment i out of the run: its file is kept as a spare one if it can
// be used again, and deleted if not. No goroutine is in put: the segment was
// walked to its end. The caller holds mu.
func (w *Writer) drop(i int) {
	s := w.segs[i]
	w.segs = slices.Delete(w.segs, i, i+1)
	w.dropped += s.frames
	if w.reusable(s) && s.blank() {
		w.spare = append(w.spare, s)
		return
	}
	w.discard(s)
}

// reusable reports whether a segment's file can hold the next one.
func (w *Writer) reusable(s *segment) bool {
	return s.path != "" && s.mem != nil && !s.unmapped && !s.fault.Load() && s.size == w.size && s.young() && w.tail.Load()&sealed == 0
}

// discard unmaps and deletes a segment that is not in the list any more.
func (w *Writer) discard(s *segment) {
	s.unmap()
	if err := s.remove(); err != nil {
		w.spool.report(Event{Kind: EventDisk, Err: err})
	}
}

// discardSpares deletes spare segments but keep of them. The caller holds mu.
func (w *Writer) discardSpares(keep int) {
	for len(w.spare) > keep {
		w.discard(w.spare[0])
		w.spare = w.spare[1:]
	}
}

// unmapOld keeps the number of mappings down: spare ones go first, then those of
// the oldest segments. One with a hole stays: a goroutine is still copying into
// it. The caller holds mu.
func (w *Writer) unmapOld(cur *segment) {
	mapped := 1 // the next
	for _, s := range w.segs {
		if !s.unmapped {
			mapped++
		}
	}
	w.discardSpares(max(maxMapped-mapped, 0))
	for _, s := range w.segs {
		if mapped <= maxMapped {
			return
		}
		if s != cur && s.path != "" && !s.unmapped && s.walk(s.end(), &w.faults) == s.end() {
			s.unmap()
			mapped--
		}
	}
}

// readerOf reads a segment that is committed to its end, without asking for the
// list of segments, which mu guards.
func (w *Writer) readerOf(s *segment) *Reader {
	r := &Reader{run: w.run, pos: s.data(), cur: s.header, only: true, dead: true}
	if s.path == "" {
		r.src = memorySource{s.mem, &w.finished}
	} else if f, err := os.Open(s.path); err == nil {
		r.src = fileSource{f}
	} else {
		r.pos = s.end() // gone: nobody can tell what was in it
	}
	return r
}

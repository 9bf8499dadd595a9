package spool

import (
	"errors"
	"sync"
	"sync/atomic"
)

// faulted takes a range out of service whose storage failed, and with it the
// rest of its segment.
func (w *Writer) faulted(seg *segment, start, end uint64) {
	seg.fault.Store(true)
	w.faults.add(start, end)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cur.Load() != seg {
		return
	}
	w.takeRest(seg)
	w.reportFault(seg)
}

// takeRest takes what is left of the current segment, so that the next append
// rolls. The caller holds mu.
func (w *Writer) takeRest(seg *segment) {
	for {
		t := w.tail.Load()
		if t>>offsetBits != seg.seq || t&offsetMask >= seg.size {
			return
		}
		if w.tail.CompareAndSwap(t, tailAt(seg.seq, seg.size+wordSize)) {
			w.faults.add(seg.base+t&offsetMask, seg.end())
			return
		}
	}
}

// abandon lets nothing more go to a segment that the disk does not take.
func (w *Writer) abandon(seg *segment) {
	seg.fault.Store(true)
	w.mu.Lock()
	defer w.mu.Unlock()
	seg.lost = true
	switch seg {
	case w.cur.Load():
		w.takeRest(seg)
	case w.next:
		w.next = nil
		w.discard(seg)
	}
}

// reportFault tells it once a segment. The caller holds mu.
func (w *Writer) reportFault(seg *segment) {
	seg.fault.Store(true)
	if seg.told {
		return
	}
	seg.told = true
	w.spool.report(Event{Kind: EventFault, Err: errors.New("the storage of " + seg.path + " failed under the mapping; going on in a new segment")})
}

// faults is the list of ranges in which nothing was or will be committed. It is
// nearly always empty.
type faults struct {
	any atomic.Bool
	mu  sync.Mutex
	m   map[uint64]uint64 // start → end
}

func (f *faults) add(start, end uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.m == nil {
		f.m = map[uint64]uint64{}
	}
	f.m[start] = end
	f.any.Store(true)
}

// at is the end of the faulted range that starts at pos.
func (f *faults) at(pos uint64) (end uint64, ok bool) {
	if !f.any.Load() {
		return 0, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	end, ok = f.m[pos]
	return end, ok
}

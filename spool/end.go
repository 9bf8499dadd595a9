package spool

import (
	"os"
	"path/filepath"
)

// End is the position after the run's last frame. It is exact for the own run
// and for a dead one; that of another process's living run is as old as the
// last tick of its background, if it has one.
func (r *Run) End() uint64 {
	if r.writer != nil {
		return r.writer.Tail()
	}
	end := r.Counters().Committed()
	if r.Alive() {
		if end == 0 {
			end = r.grown()
		}
		return end
	}
	rd := r.Reader(end)
	defer rd.Close()
	for {
		switch _, st := rd.Next(); st {
		case Frame, Gap:
		case Newer: // how much is in it only a newer girok can tell
			return max(end, uint64(heldIn(r.path)))
		default:
			return max(end, rd.FramesEnd())
		}
	}
}

// reachMost is how far Reached looks beyond what a writer has told of.
const reachMost = 8 << 20

// Reached is where the run ends right now: for the run of another process End, and what
// its writer has not told of so far, which is some 100 ms old at most.
func (r *Run) Reached() uint64 {
	end := r.End()
	if r.writer != nil || !r.Alive() {
		return end
	}
	from := end
	if end == 0 { // it has told nothing so far
		from = r.delivered()
	}
	rd := r.Reader(from)
	defer rd.Close()
	for rd.Position() < from+reachMost {
		if _, st := rd.Next(); st != Frame && st != Gap {
			break
		}
	}
	return max(end, rd.Position())
}

// delivered is the position below which nothing waits for any handler.
func (r *Run) delivered() uint64 {
	at := ^uint64(0)
	for _, h := range r.Config.Handlers {
		at = min(at, r.Counters().Slot(h.Bit).Delivered())
	}
	if len(r.Config.Handlers) == 0 {
		return 0
	}
	return at
}

// grown is how far the files have grown of a writer that does not say how far it is,
// as Python's: without a mapping the last one is as long as what was written to it. 0
// for one that was made whole before.
func (r *Run) grown() uint64 {
	list, err := r.segments()
	if err != nil || len(list) == 0 {
		return 0
	}
	last := list[len(list)-1]
	st, err := os.Stat(filepath.Join(r.path, last.name))
	if err != nil || uint64(st.Size()) >= last.size {
		return 0
	}
	return last.base + uint64(st.Size())
}

// Waiting is how many bytes of frames handler bit has not passed; end is the
// run's End.
func (r *Run) Waiting(bit int, end uint64) uint64 {
	at := r.Counters().Slot(bit).Delivered()
	if at < end {
		at = max(at, r.Oldest()+headerSize) // a header is nobody's
	}
	return end - min(at, end)
}

// Pinned is what the deliverer of handler bit holds, or held when it died: its
// destination may have it, although nobody noted that. seen is false for a run whose
// page other processes do not see: then nobody knows.
func (r *Run) Pinned(bit int) (from, to uint64, seen bool) {
	from, to = r.Counters().Slot(bit).pinned()
	return from, to, r.Counters().shared()
}

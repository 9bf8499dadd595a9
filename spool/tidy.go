package spool

import (
	"errors"
	"os"
	"path/filepath"
)

// untidy is how much a dead run may take beyond its frames without being cut off,
// in bytes.
const untidy = 64 << 10

// Tidy cuts a dead run of another process off at its end, if it takes much more.
// A run in which something does not check is left as it is.
func (r *Run) Tidy() error {
	if r.Own() || r.path == "" || heldIn(r.path) <= untidy || r.Alive() {
		return nil
	}
	list, err := r.segments()
	if errors.Is(err, ErrNewer) {
		return nil
	}
	if err != nil || len(list) == 0 {
		return err
	}
	last := list[len(list)-1]
	from := max(r.Counters().Committed(), list[0].base)
	st, err := os.Stat(filepath.Join(r.path, last.name))
	if err != nil || last.base+uint64(st.Size()) <= max(from, last.base)+untidy {
		return nil // gone, or not worth it
	}
	rd := r.Reader(from)
	defer rd.Close()
	for {
		switch _, st := rd.Next(); st {
		case Frame, Gap:
			continue
		case End:
			if rd.Damaged > 0 {
				return nil
			}
			return r.Trim(rd.FramesEnd())
		}
		return nil
	}
}

// giveBack cuts a sealed run off at its end before others get it, unless all of it
// is delivered and it goes anyway, or somebody has removed it. The caller holds mu.
func (w *Writer) giveBack() {
	end := w.Tail()
	if w.tail.Load()&sealed == 0 || !w.finished.Load() || w.run.passed(end) || w.homeless() {
		return
	}
	if err := w.run.Trim(end); err != nil {
		w.spool.report(Event{Kind: EventDisk, Err: err})
	}
}

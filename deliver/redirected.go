package deliver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/girok/girok/record"
)

// redirectNote is the part of a note that says which state tells whether its run
// counts.
type redirectNote struct {
	Destination string `json:"destination"` // its folder in to/
	Handler     string `json:"handler"`
	Target      string `json:"target"`
	Run         string `json:"run"` // that the records lay in
}

// counts reports whether the state names the run made as the one that has the records.
// One that can't be read names none: whoever delivers sees the same.
func (n *redirectNote) counts(service, made string) (bool, error) {
	id, ok := record.ParseRunID(n.Run)
	if !ok || n.Destination != filepath.Base(n.Destination) {
		return false, fmt.Errorf("deliver: a note names the destination %q and the run %q, of which one is none", n.Destination, n.Run)
	}
	st, err := openState(filepath.Join(service, "to", n.Destination), n.Handler, n.Target)
	return err == nil && st.redirected(id) == made, err
}

// redirected is the run that has what waited in another one; "" if nothing of it was
// given elsewhere.
func (s *state) redirected(id record.RunID) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.body.Runs[id.String()]; r != nil {
		return r.Redirected
	}
	return ""
}

// redirect notes, on the disk, that a run has nothing for the handler any more, up to
// its end: made has it. Of a batch that was begun the others of its runs stay.
func (s *state) redirect(id record.RunID, end uint64, made record.RunID) error {
	s.mu.Lock()
	r := s.run(id)
	r.Next, r.Index, r.Redirected = end, 0, made.String()
	if e := s.body.Journal; e != nil {
		if e.forget(id); len(e.Moves) == 0 {
			s.body.Mark, s.body.Journal = nil, nil // what came in last is not known any more
		}
	}
	s.mu.Unlock()
	return s.save(true)
}

// forget takes a run out of the entry.
func (e *entry) forget(id record.RunID) {
	run := id.String()
	e.Moves = slices.DeleteFunc(e.Moves, func(m entryMove) bool { return m.Run == run })
	e.Out = slices.DeleteFunc(e.Out, func(o entryOut) bool { return o.Run == run })
}

// pass takes the handler past the run, and lets the run go if nobody needs it.
func (s *Strays) pass(w *walk) error {
	end := max(w.end, s.Run.Counters().Committed())
	slot := s.Run.Counters().Slot(s.Handler.Bit)
	slot.SetDelivered(end)
	slot.SetFreeBelow(end)
	slot.Unpin()
	if w.damaged || s.Run.Untold() {
		return nil // whoever delivers tells of it
	}
	_, err := s.Run.FreeDelivered(end)
	return err
}

// atHand reports whether what waits in a run may be read. What was given elsewhere is
// not for the handler any more: the cursor steps over it, once the run that has it
// is there for sure.
func (l *lane) atHand(c *cursor) bool {
	made := l.state.redirected(c.run.ID)
	if made == "" {
		return true
	}
	note := notePath(l.dest.d.opts.Spool.Dir(), made)
	if _, err := os.Stat(note); err == nil {
		if err := RecoverReplays(l.dest.d.opts.Spool.Dir()); err != nil {
			l.dest.d.opts.Log.Warn("records that were given to another place wait", "handler", l.handler, "error", err)
		}
	}
	if _, err := os.Stat(note); !errors.Is(err, fs.ErrNotExist) {
		return false // somebody else makes runs just now
	}
	c.redirected = true
	c.slot().Unpin()
	return true
}

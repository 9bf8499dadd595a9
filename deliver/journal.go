package deliver

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// entry is what the journal holds of a batch of class file, name or offset before any of it
// is sent: enough to cut the same batch again. It stands in the state until the
// batch is in.
type entry struct {
	Name    string      `json:"name"`
	Moves   []entryMove `json:"moves"`
	Layout  string      `json:"layout"` // what its rows were shaped by
	Attempt int         `json:"attempt"`
	Out     []entryOut  `json:"out,omitempty"`
	Mark    sink.Mark   `json:"mark"`
}

// entryMove is the range of one run.
type entryMove struct {
	Run  string       `json:"run"`
	From record.Place `json:"from"`
	To   record.Place `json:"to"`
}

// entryOut is a record that is not in the batch although it lies in its ranges:
// its letter is written.
type entryOut struct {
	Run    string       `json:"run"`
	Place  record.Place `json:"place"`
	Reason string       `json:"reason"`
}

// covers reports whether a record lies in the ranges of the entry.
func (e *entry) covers(it *sink.Item) bool {
	run := it.Origin.Run.String()
	return slices.ContainsFunc(e.Moves, func(m entryMove) bool {
		return m.Run == run && it.Place.Compare(m.From) >= 0 && it.Place.Compare(m.To) < 0
	})
}

// out finds a record that was set aside; nil if it was not.
func (e *entry) out(it *sink.Item) *entryOut {
	run := it.Origin.Run.String()
	i := slices.IndexFunc(e.Out, func(o entryOut) bool { return o.Run == run && o.Place == it.Place })
	if i < 0 {
		return nil
	}
	return &e.Out[i]
}

// layoutOf is a short name of what shapes a cursor's rows.
func layoutOf(c *cursor) string {
	sum := sha256.Sum256([]byte(c.rows))
	return hex.EncodeToString(sum[:8])
}

// entryOf is a batch without its mark and layout. Of what was set aside it takes what
// lies in its ranges.
func (p *splitter) entryOf(b *sink.Batch) *entry {
	e := &entry{Name: b.Name, Attempt: 1}
	for _, m := range b.Moves {
		e.Moves = append(e.Moves, entryMove{Run: m.Run.String(), From: m.From, To: m.To})
	}
	for _, o := range p.out {
		for _, m := range e.Moves {
			if o.Run == m.Run && o.Place.Compare(m.From) >= 0 && o.Place.Compare(m.To) < 0 {
				e.Out = append(e.Out, o)
			}
		}
	}
	return e
}

// write gives a batch to the sink. A Journaled sink prepares it first, and
// the journal gets what it is; again is the entry of a batch that was begun
// before and is cut once more.
func (p *splitter) write(b *sink.Batch, again *entry) error {
	e := p.entryOf(b)
	j, ok := p.s.(sink.Journaled)
	if !ok {
		p.l.unsure = e
		err := p.s.Write(p.ctx, b)
		var reject *sink.Reject
		var refused *sink.Refused
		if err == nil || errors.As(err, &reject) || errors.As(err, &refused) {
			p.l.unsure = nil
		}
		return err
	}
	st, old := p.l.state, p.l.state.pending()
	e.Layout = layoutOf(p.used)
	switch {
	case again != nil:
		b.Partial = b.Name != untried(again)
		e.Attempt, e.Moves, e.Out = again.Attempt, again.Moves, again.Out
		b.Name, b.Mark = again.Name, again.Mark
	case old != nil: // it was refused, and nothing of it is in
		e.Attempt = old.Attempt + 1
		b.Name += fmt.Sprint(".", e.Attempt)
	}
	b.Attempt = e.Attempt
	mark, err := j.Prepare(p.ctx, b, st.last())
	if err != nil {
		return err
	}
	if e.Name, e.Mark = b.Name, mark; again == nil || again.Layout != e.Layout || string(again.Mark) != string(mark) {
		if err := st.begin(e); err != nil {
			return fmt.Errorf("the journal can't be written: %w", err)
		}
	}
	crash.At(crash.Journaled)
	b.Mark = mark
	return j.Write(p.ctx, b)
}

// untried is the name that a batch had if it were the first in its place.
func untried(e *entry) string {
	if e.Attempt <= 1 {
		return e.Name
	}
	return e.Name[:len(e.Name)-len(fmt.Sprint(".", e.Attempt))]
}

// pending is the batch that may be in; nil if there is none.
func (s *state) pending() *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.body.Journal
}

// last is the mark of the last batch that is in.
func (s *state) last() sink.Mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.body.Mark
}

// begin puts a batch into the journal, on the disk. When it fails the batch is not
// begun: the next try must not take it for one that was written down.
func (s *state) begin(e *entry) error {
	s.mu.Lock()
	before := s.body.Journal
	s.body.Journal = e
	s.mu.Unlock()
	err := s.save(true)
	if err != nil {
		s.mu.Lock()
		s.body.Journal = before
		s.mu.Unlock()
	}
	return err
}

// end takes the batch out of the journal. in: it is in.
func (s *state) end(in bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in && s.body.Journal != nil {
		s.body.Mark = s.body.Journal.Mark
	}
	s.body.Journal = nil
}

// endPartly takes a batch out of the journal of which a part is in, with the mark.
func (s *state) endPartly(mark sink.Mark) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.body.Mark, s.body.Journal = mark, nil
}

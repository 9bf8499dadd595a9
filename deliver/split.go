package deliver

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

// splitter writes one batch in as many parts as bad rows force it to. Parts are
// written in their order; each moves the positions from where the last left
// them.
type splitter struct {
	l    *lane
	s    sink.Sink
	ctx  context.Context
	used *cursor    // whose configuration shapes the rows
	out  []entryOut // what was set aside

	total    int    // rows of the batch
	sure     bool   // rows that are all refused are set aside, however few they are
	split    bool   // the sink does not say which rows are at fault
	accepted bool   // something was taken
	alike    int    // rows refused for one reason before anything was taken, also of the batches before
	reason   string // theirs
}

// alikeLimit is how many rows alone, refused alike with none accepted, mean that
// the table is at fault and not they.
const alikeLimit = 16

// all writes what of the open batch is not in yet: first the part of it that was
// sent and may be in, as it was, then the rest. What was set aside for it stays set
// aside: without it, it may be in.
func (p *splitter) all(items []sink.Item) error {
	l := p.l
	e := cmp.Or(l.state.pending(), l.unsure)
	l.letters.keepTries(e) // what else was set aside is sent again
	if e != nil || slices.ContainsFunc(l.b.moves, func(m move) bool { return m.c.stored != m.from }) {
		// An earlier try may have brought in a part.
		items = slices.DeleteFunc(slices.Clone(items), func(it sink.Item) bool { return it.Place.Compare(l.b.moveOf(&it).c.stored) < 0 })
	}
	ends := make([]record.Place, len(l.b.moves))
	for i, m := range l.b.moves {
		ends[i] = m.to
	}
	if e == nil {
		return p.part(items, ends)
	}
	begun, to := []sink.Item{}, slices.Clone(ends)
	for i, m := range l.b.moves {
		to[i] = m.c.stored
		for _, em := range e.Moves {
			if em.Run == m.c.run.ID.String() {
				to[i] = em.To
			}
		}
	}
	rest := items[:0]
	for _, it := range items {
		switch {
		case !e.covers(&it):
			rest = append(rest, it)
		case e.out(&it) == nil:
			begun = append(begun, it)
		}
	}
	p.out = e.Out
	if err := p.tried(begun, to, e); err != nil {
		return err
	}
	return p.part(rest, ends)
}

// part writes items. ends is where the runs of the batch stand after it; nil:
// right behind their last item, for more of the batch follows.
func (p *splitter) part(items []sink.Item, ends []record.Place) error {
	if c, ok := p.s.(sink.Cutter); ok {
		for {
			n := c.Fit(sink.NewBatch("", "", nil, items))
			if n >= len(items) {
				break
			}
			if err := p.tried(items[:n:n], nil, nil); err != nil {
				return err
			}
			items = items[n:]
		}
	}
	return p.tried(items, ends, nil)
}

// tried is part for a batch that was begun before, if again is not nil.
func (p *splitter) tried(items []sink.Item, ends []record.Place, again *entry) error {
	moves, touched := p.l.movesFor(items, ends)
	if len(moves) == 0 {
		return nil
	}
	b := sink.NewBatch(p.l.handler, p.l.b.name(moves, items), moves, items)
	err := p.write(b, again)
	var head *sink.Taken
	switch {
	case err == nil:
		return p.taken(b, touched, lengthOf(items), nil)
	case errors.As(err, &head):
		return p.goOn(items, ends, head)
	}
	return p.refused(items, ends, err)
}

// goOn notes the first of items, which are in, and goes on with the others.
func (p *splitter) goOn(items []sink.Item, ends []record.Place, head *sink.Taken) error {
	n := head.Items
	if n <= 0 || n >= len(items) {
		return fmt.Errorf("the sink says that %d of %d records are in", n, len(items))
	}
	moves, touched := p.l.movesFor(items[:n], nil)
	if err := p.taken(sink.NewBatch(p.l.handler, "", moves, items[:n]), touched, lengthOf(items[:n]), head); err != nil {
		return err
	}
	if head.Err == nil {
		return p.part(items[n:], ends)
	}
	return p.refused(items[n:], ends, head.Err)
}

// refused goes on with a part of which nothing is in, if rows are at fault.
func (p *splitter) refused(items []sink.Item, ends []record.Place, err error) error {
	var reject *sink.Reject
	if !errors.As(err, &reject) {
		return err
	}
	p.l.stats.rejected.Add(1)
	switch {
	case len(reject.Rows) > 0:
		return p.without(items, reject, ends)
	case len(items) > 1:
		if !p.split && p.l.pauses == 0 { // good rows may lie behind the first bad one
			p.alike, p.reason = 0, ""
		}
		p.split = true
		half := len(items) / 2
		if err := p.part(items[:half], nil); err != nil {
			return err
		}
		return p.part(items[half:], ends)
	case len(items) == 1:
		reject.Rows = []sink.RowError{{Index: 0, Reason: reject.Error()}}
		return p.without(items, reject, ends)
	}
	return err // moves alone are refused: it is not the rows
}

// without sets the named rows aside and writes the rest.
func (p *splitter) without(items []sink.Item, reject *sink.Reject, ends []record.Place) error {
	bad := make(map[int]string, len(reject.Rows))
	for _, r := range reject.Rows {
		if r.Index < 0 || r.Index >= len(items) {
			return fmt.Errorf("the sink rejects row %d of %d", r.Index, len(items))
		}
		bad[r.Index] = r.Reason
	}
	if len(bad) == len(items) {
		switch hopeless := p.hopeless(reject.Rows); {
		case hopeless:
			return errPaused
		case ends != nil && !p.sure && p.alike >= p.total && !p.accepted:
			return errDoubt
		}
	}
	if p.mended(reject.Rows) {
		return errRecut
	}
	durable := p.l.b.durable()
	rest := make([]sink.Item, 0, len(items)-len(bad))
	for i, it := range items {
		reason, isBad := bad[i]
		if !isBad {
			rest = append(rest, it)
			continue
		}
		if err := p.l.letters.try(it, reason, durable); err != nil {
			return err
		}
		p.out = append(p.out, entryOut{Run: it.Origin.Run.String(), Place: it.Place, Reason: reason})
		crash.At(crash.LetterWritten)
	}
	if len(rest) == 0 && ends == nil {
		return nil // the next part moves past them
	}
	return p.part(rest, ends)
}

// hopeless reports whether enough rows were refused for one reason, with none
// accepted, to say that it is the table.
func (p *splitter) hopeless(rows []sink.RowError) bool {
	if p.accepted {
		return false
	}
	for _, r := range rows {
		if kindOf(r.Reason) != kindOf(p.reason) {
			p.alike = 0
		}
		p.alike++
		p.reason = r.Reason
	}
	return p.alike >= alikeLimit
}

// mended reports whether some rows of a batch are refused as all of them were when
// the handler was paused. The table may have been mended while the sink looked which
// rows it refuses: then those are not bad.
func (p *splitter) mended(rows []sink.RowError) bool {
	if p.l.pauses == 0 || p.accepted || p.l.state.pending() != nil {
		return false
	}
	was := kindOf(p.l.alike.reason)
	return slices.ContainsFunc(rows, func(r sink.RowError) bool { return kindOf(r.Reason) == was })
}

// kindOf is a reason without the values in it: quoted text and digits.
func kindOf(reason string) string {
	var b strings.Builder
	quoted := false
	for _, r := range reason {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted || r >= '0' && r <= '9':
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// lengthOf is the bytes of the items' payloads.
func lengthOf(items []sink.Item) (n uint64) {
	for i := range items {
		n += uint64(len(items[i].Payload))
	}
	return n
}

// taken notes a part of so many bytes that the destination has. of is not nil if more
// than that part stands in the journal.
func (p *splitter) taken(b *sink.Batch, touched []*cursor, bytes uint64, of *sink.Taken) error {
	crash.At(crash.Answered)
	l := p.l
	if b.Len() > 0 {
		p.accepted, p.alike, p.reason = true, 0, ""
	}
	for i, m := range b.Moves {
		touched[i].stored = m.To
	}
	l.stats.records.Add(uint64(b.Len()))
	l.stats.bytes.Add(bytes)
	l.stats.batches.Add(1)
	l.stats.succeeded.Store(time.Now().UnixNano())
	crash.At(crash.Noted)
	if err := l.settle(b.Moves, touched); err != nil {
		return err
	}
	if of != nil {
		l.state.endPartly(of.Mark)
	} else {
		l.state.end(true)
	}
	for _, m := range b.Moves {
		l.state.set(m.Run, m.To)
	}
	if err := l.state.write(); err != nil {
		return err
	}
	for i, m := range b.Moves { // now that no journal needs them
		slot := touched[i].slot()
		slot.SetDelivered(m.To.Position)
		slot.SetFreeBelow(m.To.Position)
	}
	return nil
}

// settle makes the letters count whose records the destination is past.
func (l *lane) settle(moves []sink.Move, runs []*cursor) error {
	settled, err := l.letters.settle(moves)
	for i, m := range moves {
		runs[i].slot().AddLetters(settled[m.Run])
		l.stats.letters.Add(uint64(settled[m.Run]))
	}
	return err
}

// movesFor is how a part moves the positions: each run from where it stands to
// its end, or without ends to right behind its last record in the part.
func (l *lane) movesFor(items []sink.Item, ends []record.Place) (moves []sink.Move, touched []*cursor) {
	for i := range l.b.moves {
		m := &l.b.moves[i]
		to := m.c.stored
		if ends != nil {
			to = ends[i]
		} else if j := lastOf(items, &m.c.origin); j >= 0 {
			to = m.c.behind(items[j].Place)
		}
		if to == m.c.stored {
			continue
		}
		moves = append(moves, sink.Move{Run: m.c.run.ID, From: m.c.stored, To: to})
		touched = append(touched, m.c)
	}
	return moves, touched
}

// lastOf is the index of the last item of a run; -1: none is of it.
func lastOf(items []sink.Item, of *sink.Origin) int {
	for j := len(items) - 1; j >= 0; j-- {
		if items[j].Origin == of {
			return j
		}
	}
	return -1
}

// behind is the place right after a record: that of the next frame, or within its
// frame, as an index, when more of that is for the handler. A frame that is behind
// counts as lost for nobody when its segment goes.
func (c *cursor) behind(p record.Place) record.Place {
	within := record.Place{Position: p.Position, Index: p.Index + 1}
	r := c.run.Reader(p.Position)
	defer r.Close()
	ref, st := r.Next()
	if st != spool.Frame || ref.Position != p.Position {
		return within // it is not there any more
	}
	if record.IsRequest(ref.Payload) {
		for i, payload := range ref.Records() {
			if i > p.Index && binary.LittleEndian.Uint64(payload)&(1<<c.bit) != 0 {
				return within
			}
		}
	}
	return record.Place{Position: ref.Next}
}

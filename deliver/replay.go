package deliver

import (
	"context"
	"slices"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

// replay brings in the batch that an earlier process had in the journal, before
// anything else is read. It returns false while that can't be done.
func (l *lane) replay(ctx context.Context) bool {
	e := l.state.pending()
	if e == nil {
		return true
	}
	g, found := l.journaled(e)
	if !found {
		l.dest.d.once("journal "+l.state.path, "a batch that was begun waits for its runs; nothing is delivered until they can be read", "handler", l.handler, "batch", e.Name)
		return false
	}
	if len(g) == 0 {
		l.dest.d.opts.Log.Error("the runs of a batch that was begun are gone: perhaps a part of it is missing", "handler", l.handler, "batch", e.Name)
		l.state.end(true)
		return true
	}
	if !l.recut(ctx, g, e) {
		return false
	}
	for _, m := range l.b.moves {
		m.c.slot().Pin(m.lo, m.to.Position) // as it was when the batch was begun
	}
	err := l.send(ctx, g)
	for _, m := range l.b.moves {
		if err == nil { // else it may be in, and must not count as lost
			m.c.slot().Unpin()
		}
	}
	l.rewind(g)
	return err == nil
}

// awaitRuns waits until the scan may have found more runs. A program that ends
// does not wait for it.
func (l *lane) awaitRuns(ctx context.Context) {
	if l.dest.d.isClosing() {
		l.finishOwn()
	}
	l.rest(ctx, l.dest.d.pace.Scan)
}

// journaled finds the runs of a batch, in their order, without those that are
// gone. found is false while one of them is there and not in the lane.
func (l *lane) journaled(e *entry) (g []*cursor, found bool) {
	present, err := l.dest.d.opts.Spool.Present()
	if err != nil && l.dest.dir != "" {
		return nil, false
	}
	for _, m := range e.Moves {
		i := slices.IndexFunc(l.runs, func(c *cursor) bool { return c.run.ID.String() == m.Run })
		switch id, _ := record.ParseRunID(m.Run); {
		case i >= 0:
			g = append(g, l.runs[i])
		case present[id]:
			return nil, false
		}
	}
	return g, true
}

// recut fills the builder with the batch of an entry, from the same frames.
func (l *lane) recut(ctx context.Context, g []*cursor, e *entry) bool {
	l.b.reset(l.handler, sink.Limits{})
	for _, c := range g {
		m := e.Moves[slices.IndexFunc(e.Moves, func(m entryMove) bool { return m.Run == c.run.ID.String() })]
		if c.reader == nil {
			c.reader = c.run.Reader(m.From.Position)
		}
		if !c.claimed() && !l.claim(ctx, c) {
			return false
		}
		c.stored = m.From
		l.b.moves = append(l.b.moves, move{c: c, from: m.From, to: m.To, lo: m.From.Position})
		if !l.reread(c, m) {
			l.rewind(g)
			return false
		}
		l.b.find(c).to = m.To
	}
	if i := slices.IndexFunc(l.runs, func(c *cursor) bool { return layoutOf(c) == e.Layout }); i >= 0 && l.runs[i].rows != g[0].rows {
		l.instead[g[0].rows] = l.runs[i]
	}
	for _, it := range l.b.seal() {
		if o := e.out(&it); o != nil {
			if err := l.letters.try(it, o.Reason, l.b.durable()); err != nil {
				l.dest.d.opts.Log.Error("a dead letter can't be written; trying again", "handler", l.handler, "error", err)
				l.rewind(g)
				return false
			}
		}
	}
	return true
}

// reread takes the records of one range; c stands at its beginning.
func (l *lane) reread(c *cursor, m entryMove) bool {
	c.reader.Close()
	c.reader = c.run.Reader(m.From.Position)
	for (record.Place{Position: c.reader.Position()}).Compare(m.To) < 0 {
		ref, st := c.reader.Next()
		switch st {
		case spool.Frame:
			if ref.Position < m.From.Position || ref.Mask()&(1<<c.bit) == 0 {
				continue
			}
			if !l.dest.d.canRead(&ref, c.bit) {
				l.tooNew(c)
				return false
			}
			l.addFrame(c, &ref)
		case spool.End:
			return true
		case spool.Gap:
			l.gap(c)
		case spool.Newer:
			l.tooNew(c)
			return false
		default:
			return false
		}
	}
	l.b.cutAt(m.To) // it may end within a frame
	return true
}

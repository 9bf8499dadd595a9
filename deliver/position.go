package deliver

import (
	"context"
	"errors"
	"slices"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// errRecut says that positions are not where the open batch begins: it must be cut
// anew.
var errRecut = errors.New("the destination stands elsewhere")

// claim finds out where the destination stands in a run, and makes this process
// the one that moves it. It happens when the first record for the handler is
// met, so a run without one leaves no trace. It returns false when delivery
// ends.
func (l *lane) claim(ctx context.Context, c *cursor) bool {
	one := []*cursor{c}
	if c.kind.Class() == sink.Position && !l.state.ask(c.run.ID) { // the row that a kill leaves is found by it
		l.writeState()
	}
	if l.persist(ctx, one, func(s sink.Sink) error { return l.own(ctx, s, one) }) != nil {
		return false
	}
	c.reader.Close()
	c.open()
	c.has() // until now the pin of the process that may have sent it, and not noted it, has kept it
	if l.state.pending() == nil {
		c.slot().Unpin()
	}
	l.sayLost(c)
	if err := l.letters.resume(c.run.ID, c.stored); err != nil {
		l.dest.d.opts.Log.Warn("dead letters can't be settled; trying again at the next start", "handler", l.handler, "error", err)
	}
	l.state.set(c.run.ID, c.stored)
	l.writeState()
	return true
}

func (l *lane) writeState() {
	if err := l.state.write(); err != nil {
		l.dest.d.opts.Log.Warn("the state of a handler can't be written", "handler", l.handler, "error", err)
	}
}

// own claims the runs on this sink that are not claimed on it: each sink that is
// opened has to know them. errRecut: one does not stand where it was left.
func (l *lane) own(ctx context.Context, s sink.Sink, runs []*cursor) error {
	var todo []*cursor
	var claims []sink.Claim
	for _, c := range runs {
		if c.claimedOn == s {
			continue
		}
		_, known := l.state.next(c.run.ID)
		todo = append(todo, c)
		claims = append(claims, sink.Claim{Run: c.run.ID, Known: known})
	}
	if len(todo) == 0 {
		return nil
	}
	at, err := l.places(ctx, s, claims)
	if err != nil {
		return err
	}
	var moved []sink.Move // by a batch of which there was no answer
	var of []*cursor
	for i, c := range todo {
		if known, ok := l.state.next(c.run.ID); ok && at[i].Compare(known) < 0 {
			c.had = max(c.had, known.Position)
		}
		if c.claimed() && c.stored != at[i] {
			moved = append(moved, sink.Move{Run: c.run.ID, To: at[i]})
			of = append(of, c)
		}
		c.claimedOn, c.stored = s, at[i]
	}
	if len(moved) == 0 {
		return nil
	}
	if err := l.settle(moved, of); err != nil {
		return err
	}
	for _, c := range of {
		c.has() // the pin of the batch goes now
	}
	return errRecut
}

// has notes in the page what the destination has: it is not lost when it goes.
func (c *cursor) has() {
	c.slot().SetDelivered(c.stored.Position)
	c.slot().SetFreeBelow(c.stored.Position)
}

// places is where the destination stands in each run.
func (l *lane) places(ctx context.Context, s sink.Sink, claims []sink.Claim) ([]record.Place, error) {
	p, ok := s.(sink.Positioned)
	if !ok {
		at := make([]record.Place, len(claims))
		for i, c := range claims {
			at[i], _ = l.state.next(c.Run)
		}
		return at, nil
	}
	at, err := p.Claim(ctx, l.dest.d.owner, claims)
	if err != nil {
		return nil, err
	}
	for i, c := range claims {
		if known, ok := l.state.next(c.Run); ok && at[i].Compare(known) < 0 {
			l.dest.d.opts.Log.Warn("the destination stands before what it had taken (was a backup restored?); going back as far as the spool still has records",
				"handler", l.handler, "run", c.Run.String(), "had", known.Position, "has", at[i].Position)
		}
	}
	return at, nil
}

// sink is the sink for a run's row configuration, opened if it is not.
func (l *lane) sink(ctx context.Context, c *cursor) (sink.Sink, error) {
	if s := l.sinks[c.rows]; s != nil {
		return s, nil
	}
	s, err := c.kind.Open(ctx, c.env, c.cfg)
	if err != nil {
		return nil, err
	}
	l.sinks[c.rows] = s
	l.offer(s)
	l.sweep(s, l.stale())
	return s, nil
}

// dropSink closes the sink, so that the next try opens it anew.
func (l *lane) dropSink(c *cursor) {
	if s := l.sinks[c.rows]; s != nil {
		l.offer(nil)
		_ = s.Close()
		delete(l.sinks, c.rows)
	}
}

// stale lists the runs that the state knows and that are gone.
func (l *lane) stale() (ids []record.RunID) {
	present, err := l.dest.d.opts.Spool.Present()
	if err != nil {
		return nil
	}
	for _, id := range l.state.runs() {
		if !present[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

// sweep deletes the positions of runs that are gone, then what the state knows
// of them. What fails is tried again when a sink is opened.
func (l *lane) sweep(s sink.Sink, gone []record.RunID) {
	may := l.state.runs()
	known := slices.DeleteFunc(slices.Clone(gone), func(id record.RunID) bool { return !slices.Contains(may, id) })
	if len(known) == 0 {
		return
	}
	log := l.dest.d.opts.Log
	if p, ok := s.(sink.Positioned); ok {
		if err := p.Forget(l.dest.d.ctx, known); err != nil {
			if !errors.Is(err, context.Canceled) {
				log.Warn("positions of drained runs stay in the destination for now", "handler", l.handler, "error", err)
			}
			return
		}
	}
	l.state.forget(known)
	l.writeState()
}

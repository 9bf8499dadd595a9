package deliver

import (
	"context"
	"errors"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// claim finds out where the destination stands in a run, and makes this process
// the one that moves it. It happens when the first record for the handler is
// met, so a run without one leaves no trace. It returns false when delivery
// ends.
func (l *lane) claim(ctx context.Context, c *cursor) bool {
	err := l.persist(ctx, []*cursor{c}, func(s sink.Sink) error {
		known, isKnown := l.state.next(c.run.ID)
		p, ok := s.(sink.Positioned)
		if !ok {
			c.stored = known
			return nil
		}
		at, err := p.Claim(ctx, l.dest.d.owner, []sink.Claim{{Run: c.run.ID, Known: isKnown}})
		if err != nil {
			return err
		}
		if isKnown && at[0].Compare(known) < 0 {
			l.dest.d.opts.Log.Warn("the destination stands before what it had taken (was a backup restored?); going back as far as the spool still has records",
				"handler", l.handler, "run", c.run.ID.String(), "had", known.Position, "has", at[0].Position)
		}
		c.stored = at[0]
		return nil
	})
	if err != nil {
		return false
	}
	c.claimed = true
	c.reader.Close()
	c.reader = c.run.Reader(c.stored.Position)
	if err := l.letters.resume(c.run.ID, c.stored); err != nil {
		l.dest.d.opts.Log.Warn("dead letters can't be settled; trying again at the next start", "handler", l.handler, "error", err)
	}
	l.state.set(c.run.ID, c.stored)
	if err := l.state.write(); err != nil {
		l.dest.d.opts.Log.Warn("the state of a handler can't be written", "handler", l.handler, "error", err)
	}
	return true
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
	l.sweep(s, l.stale())
	return s, nil
}

// dropSink closes the sink, so that the next try opens it anew.
func (l *lane) dropSink(c *cursor) {
	if s := l.sinks[c.rows]; s != nil {
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
	var known []record.RunID
	for _, id := range gone {
		if _, ok := l.state.next(id); ok {
			known = append(known, id)
		}
	}
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
	if err := l.state.write(); err != nil {
		log.Warn("the state of a handler can't be written", "handler", l.handler, "error", err)
	}
}

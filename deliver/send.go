package deliver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

// errPaused says that the destination refuses every row alike.
var errPaused = errors.New("every row is refused alike")

// send brings the open batch home: tries without end, splits when rows are at
// fault, sets bad ones aside. It returns an error only when delivery ends or
// the batch must be cut anew.
func (l *lane) send(ctx context.Context, g []*cursor) error {
	items := l.b.seal()
	l.unsure = nil
	for i := range l.b.moves {
		m := &l.b.moves[i]
		m.from = m.c.stored
	}
	if g[0].kind.Class().Journaled() {
		l.b.sortRuns() // what the journal has must not depend on who was read when
	}
	batch := make([]*cursor, len(l.b.moves))
	for i, m := range l.b.moves {
		batch[i] = m.c
	}
	return l.persist(ctx, g, func(s sink.Sink) error {
		if err := l.own(ctx, s, batch); err != nil {
			return err
		}
		sp := splitter{l: l, s: s, ctx: ctx, used: l.configOf(g[0]), total: len(items), sure: l.sure(g), alike: l.alike.n, reason: l.alike.reason}
		err := sp.all(items)
		if errors.Is(err, errDoubt) {
			l.letters.dropTries()
			l.state.end(false) // nothing of it is in
			l.inDoubt(g, len(items), sp.reason)
			return err
		}
		if errors.Is(err, errRecut) { // mended perhaps: what is refused once more is bad
			l.letters.dropTries()
			l.pauses, l.alike = 0, alike{}
			return err
		}
		if errors.Is(err, errPaused) {
			l.letters.dropTries()
			l.state.end(false) // nothing of it is in
			// The first one that is refused like this tells as much the next time: the
			// table may be mended any moment, and what was refused before is no bad row.
			l.alike = alike{alikeLimit, sp.reason}
			err = &sink.Refused{
				Err:    fmt.Errorf("%w: %s", errPaused, sp.reason),
				Remedy: "mend the table or the handler's columns; nothing was set aside, and delivery goes on by itself",
			}
		}
		if err == nil {
			l.doubt = doubt{}
			l.alike = alike{sp.alike, sp.reason}
		}
		return err
	})
}

// persist calls do with the sink of g until it succeeds. It gives up when ctx
// ends, when positions are fenced, and with errRecut.
func (l *lane) persist(ctx context.Context, g []*cursor, do func(sink.Sink) error) error {
	back := backoff{pace: l.dest.d.pace, refused: l.pauses}
	for {
		used := l.configOf(g[0])
		s, err := l.sink(ctx, used)
		if err == nil {
			if err = do(s); err == nil {
				l.pauses = 0
				l.setState(g, spool.Delivering, nil)
				return nil
			}
		}
		if ctx.Err() != nil || errors.Is(err, errRecut) || errors.Is(err, errDoubt) {
			return err
		}
		var fenced *sink.Fenced
		if errors.As(err, &fenced) {
			l.fenced(g, err)
			return err
		}
		wait := l.failed(g, used, err, &back)
		if !l.wait(ctx, wait, back.refused > 0) {
			return cmp.Or(ctx.Err(), errYield)
		}
		if errors.Is(err, errPaused) && l.state.pending() == nil {
			l.pauses = back.refused
			return errRecut // there may be good rows behind it by now
		}
	}
}

// configOf is the run whose configuration g's rows are written with: its own, or
// after a refusal that of a newer run; or what Options.With says, but for a batch
// that was begun before.
func (l *lane) configOf(c *cursor) *cursor {
	if c.with != nil && l.state.pending() == nil {
		return c.with
	}
	if n := l.instead[c.rows]; n != nil {
		return n
	}
	return c
}

// failed says what went wrong and how long to wait. What a refusal was about may
// have been mended in the configuration since the run was written: then the
// newest run's is tried at once.
func (l *lane) failed(g []*cursor, used *cursor, err error, back *backoff) time.Duration {
	for _, c := range g {
		c.slot().AddRetry()
	}
	var refused *sink.Refused
	if errors.As(err, &refused) {
		l.stats.refused.Add(1)
		l.setState(g, spool.Refused, err)
		l.dropSink(used) // opened anew: secrets are read again
		if used == g[0].with {
			return back.refusal()
		}
		own := g[0].rows
		l.dest.d.scan() // the run of the mended configuration may have begun just now
		if n := l.newest(); n != nil && l.instead[own] == nil && n.rows != used.rows {
			l.instead[own] = n
			return 0
		}
		delete(l.instead, own) // it may be its own that heals
		return back.refusal()
	}
	l.stats.retries.Add(1)
	l.setState(g, spool.Retrying, err)
	var retry *sink.Retry
	if errors.As(err, &retry) {
		return max(back.retry(), retry.After)
	}
	return back.retry()
}

// newest is the run that was begun last.
func (l *lane) newest() *cursor {
	l.take()
	if len(l.runs) == 0 {
		return nil // somebody has removed it
	}
	return slices.MaxFunc(l.runs, func(a, b *cursor) int { return a.run.Config.Created.Compare(b.run.Config.Created) })
}

// wait sleeps between two tries. When the program ends, a destination that
// refuses is not waited for, and any other is tried once more at once; when it is about
// to end, each is.
func (l *lane) wait(ctx context.Context, d time.Duration, refused bool) bool {
	closing := l.dest.d.ending
	if l.dest.d.isClosing() {
		closing = nil
		d = min(d, closingRetry)
	}
	if closing == nil && refused {
		l.finishOwn() // nothing will go out before the program ends
	}
	hasten := l.dest.d.hasten
	if l.dest.d.hastens() {
		hasten = nil
		if !refused {
			d = min(d, closingRetry)
		}
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-l.dest.yield:
		return false
	case <-closing:
	case <-hasten:
	case <-t.C:
	}
	if refused && l.dest.d.isClosing() {
		l.finishOwn()
	}
	return ctx.Err() == nil
}

// closingRetry bounds the wait between tries when the program ends, or is about to.
const closingRetry = 200 * time.Millisecond

// fenced stops the lane for good: somebody else moves the positions, and to take
// them back would only make two owners alternate.
func (l *lane) fenced(g []*cursor, err error) {
	l.stats.fenced.Add(1)
	l.setState(g, spool.Fenced, err)
	l.stopped = true
}

func (l *lane) setState(g []*cursor, st spool.State, err error) {
	old := spool.State(l.stats.state.Swap(uint64(st)))
	text := ""
	if err != nil {
		text = err.Error()
	}
	last := l.stats.cause.Swap(&text)
	if st == old && (last == nil || *last == text) {
		return
	}
	for _, c := range g {
		c.slot().SetState(st, text)
	}
	log := l.dest.d.opts.Log
	if err := l.state.because(text); err != nil {
		log.Warn("the state of a handler can't be written", "handler", l.handler, "error", err)
	}
	switch st {
	case spool.Delivering:
		log.Info("delivering again", "handler", l.handler)
	case spool.Retrying:
		log.Warn("a destination does not take records; trying again", "handler", l.handler, "error", text)
	case spool.Refused:
		log.Error("a destination refuses; records wait in the spool", "handler", l.handler, "error", text)
	case spool.Fenced:
		log.Error("delivery stopped", "handler", l.handler, "error", text)
	}
}

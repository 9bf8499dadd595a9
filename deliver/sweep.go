package deliver

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// sweepAge is how long nobody has looked after a position that is swept. The
// holder of a destination looks after those of its runs once a day.
const sweepAge = 30 * 24 * time.Hour

// sweepOld tells the destination once a day which runs are there, and lets it
// delete the positions of the handler that nobody has looked after for long: a
// spool that was deleted can't forget its own.
func (l *lane) sweepOld() {
	d := l.dest.d
	if l.dest.dir == "" || l.stopped || time.Since(l.swept) < d.pace.Sweep {
		return
	}
	for _, s := range l.sinks {
		p, ok := s.(sink.Sweeper)
		if !ok {
			continue
		}
		l.swept = time.Now()
		living, err := l.living()
		if err != nil {
			return // which runs there are is not known: another day
		}
		gone, err := p.Sweep(d.ctx, living, sweepAge)
		switch {
		case err != nil && !errors.Is(err, context.Canceled):
			d.opts.Log.Warn("old positions stay in the destination for now", "handler", l.handler, "error", err)
		case gone > 0:
			d.opts.Log.Info("positions were deleted that nobody had looked after for 30 days; their spool was deleted, or has been off since",
				"handler", l.handler, "target", l.target, "positions", gone)
		}
		return
	}
}

// living is every run that may have a position: those that are there, and those
// that the state knows.
func (l *lane) living() ([]record.RunID, error) {
	present, err := l.dest.d.opts.Spool.Present()
	if err != nil {
		return nil, err
	}
	for _, id := range l.state.runs() {
		present[id] = true
	}
	return slices.Collect(maps.Keys(present)), nil
}

package girok

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/girok/girok/spool"
)

// flushByOthers asks the process that delivers for what the own runs hold now, by
// their counters, and waits for it.
func (l *Logs) flushByOthers(ctx context.Context, names []string) error {
	began := time.Now()
	ends := map[*spool.Run]uint64{}
	var known []string
	for _, r := range l.spool.Load().Own() {
		ends[r] = r.Tail()
		r.WantFlush(ends[r])
		for _, h := range r.Config.Handlers {
			known = append(known, h.Name)
		}
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("no spooled handler %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		left := unflushed(ends, names)
		if left == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			left.Oldest = time.Since(began)
			return left
		case <-tick.C:
		}
	}
}

// unflushed finds a handler that is not past the end of a run.
func unflushed(ends map[*spool.Run]uint64, names []string) *FlushError {
	for r, end := range ends {
		for _, h := range r.Config.Handlers {
			slot := r.Counters().Slot(h.Bit)
			if len(names) > 0 && !slices.Contains(names, h.Name) || slot.Delivered() >= end {
				continue
			}
			_, cause := slot.State()
			return &FlushError{Handler: h.Name, Waiting: r.Waiting(h.Bit, end), Cause: cause}
		}
	}
	return nil
}

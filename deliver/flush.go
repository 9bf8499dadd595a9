package deliver

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/girok/girok/spool"
)

// Unflushed is what Flush leaves when it can't wait any longer.
type Unflushed struct {
	Handler string
	Waiting uint64        // bytes of the own run that the handler has not passed
	Oldest  time.Duration // since the handler last moved
	Cause   string        // why it does not; empty: it is only slow
}

func (u *Unflushed) Error() string {
	s := fmt.Sprintf("handler %s: %d bytes of the spool wait for delivery", u.Handler, u.Waiting)
	if u.Cause != "" {
		s += ": " + u.Cause
	}
	return s
}

// slowAge is from which age of batches a handler is not flushed unless named.
const slowAge = 10 * time.Second

// Flush waits until all that the own run holds now is delivered, or in the dead
// letters, for the named handlers; without names for those whose batches are at
// most 10 s old when they are cut. When ctx ends first it returns *Unflushed.
func (d *Deliverer) Flush(ctx context.Context, names ...string) error {
	if err := d.known(names); err != nil {
		return err
	}
	ends := map[*spool.Run]uint64{}
	for _, r := range d.opts.Spool.Own() {
		ends[r] = r.Tail()
		r.WantFlush(ends[r])
	}
	d.scan()
	for _, l := range d.lanes() {
		if slices.Contains(names, l.handler) {
			l.asked.Add(1)
			defer l.asked.Add(-1)
		}
	}
	d.wakeLanes()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	start := time.Now()
	for {
		waiting := d.waiting(ends, names)
		if waiting == nil {
			return nil
		}
		select {
		case <-tick.C:
			if time.Since(start) > 100*time.Millisecond {
				tick.Reset(20 * time.Millisecond)
			}
			d.wakeLanes()
		case <-ctx.Done():
			waiting.Oldest = time.Since(start)
			return waiting
		case <-d.ctx.Done():
			return waiting
		}
	}
}

// known wants names to be handlers of the own runs, or such as this process has
// delivered for.
func (d *Deliverer) known(names []string) error {
	if len(names) == 0 {
		return nil
	}
	var all []string
	for _, r := range d.opts.Spool.Own() {
		for _, h := range r.Config.Handlers {
			all = append(all, h.Name)
		}
	}
	for _, s := range d.Sizes() { // of runs of before, too
		all = append(all, s.Handler)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	for _, name := range names {
		if !slices.Contains(all, name) {
			return fmt.Errorf("no spooled handler %q; there are %s", name, strings.Join(all, ", "))
		}
	}
	return nil
}

// waiting finds a handler that is not past the end of a run.
func (d *Deliverer) waiting(ends map[*spool.Run]uint64, names []string) *Unflushed {
	for run, end := range ends {
		if u := d.waitingIn(run, end, names); u != nil {
			return u
		}
	}
	return nil
}

func (d *Deliverer) waitingIn(run *spool.Run, end uint64, names []string) *Unflushed {
	for _, h := range run.Config.Handlers {
		if len(names) > 0 && !slices.Contains(names, h.Name) {
			continue
		}
		l := d.laneOf(h.Name)
		if len(names) == 0 && l != nil && l.slow() {
			continue
		}
		at := run.Counters().Slot(h.Bit).Delivered()
		if at >= end {
			continue
		}
		u := &Unflushed{Handler: h.Name, Waiting: run.Waiting(h.Bit, end)}
		if l != nil {
			u.Cause = l.cause()
		}
		return u
	}
	return nil
}

func (d *Deliverer) laneOf(handler string) *lane {
	for _, l := range d.lanes() {
		if l.handler == handler {
			return l
		}
	}
	return nil
}

// slow reports whether the lane's batches may be open for long.
func (l *lane) slow() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.runs {
		return time.Duration(c.cfg.Limits().Age) > slowAge
	}
	return false
}

// unasked reports whether a Flush of this process leaves the lane's batch open: it
// is slow, and nobody has named it. Else a program that flushes often would have
// many small files.
func (l *lane) unasked() bool { return l.asked.Load() == 0 && l.slow() }

func (l *lane) cause() string {
	if p := l.stats.cause.Load(); p != nil {
		return *p
	}
	return ""
}

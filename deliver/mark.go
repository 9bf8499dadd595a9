package deliver

import (
	"fmt"
	"math"

	"github.com/girok/girok/spool"
)

// Mark is where the runs of a service ended at one moment.
type Mark struct {
	d    *Deliverer
	ends map[*spool.Run]uint64
}

// Mark takes one, and from then on sends what there is without waiting for batches to
// fill, and what waits for its next try at once: for a process that delivers for others
// and is about to end.
func (d *Deliverer) Mark() *Mark {
	d.scan() // a run may have begun just now
	m := &Mark{d: d, ends: map[*spool.Run]uint64{}}
	for _, r := range d.opts.Spool.Runs() {
		if m.ends[r] = math.MaxUint64; r.Alive() { // a dead one is done with at its end
			m.ends[r] = r.Reached()
		}
	}
	d.hastenOnce.Do(func() { close(d.hasten) })
	d.wakeLanes()
	return m
}

// hastens reports whether a Mark was taken.
func (d *Deliverer) hastens() bool {
	select {
	case <-d.hasten:
		return true
	default:
		return false
	}
}

// Backlog lists what still waits of what there was, oldest run first. Another process
// may deliver some of it: see Backlog.Holder.
func (m *Mark) Backlog() []Backlog {
	return m.d.backlog(true, func(c *cursor) uint64 {
		end, was := m.ends[c.run]
		switch {
		case !was || c.slot().Delivered() >= end:
			return 0
		case c.run.Alive():
			return c.run.Waiting(c.bit, end)
		}
		return min(c.waiting(), c.run.Waiting(c.bit, end))
	})
}

// heldBy names the other process that delivers to the destination; "" if there is none.
func (dest *destination) heldBy() string {
	if dest.dir == "" || dest.holds() {
		return ""
	}
	h, err := HolderOf(dest.d.opts.Spool.Dir(), dest.kind, dest.endpoint)
	if err != nil || h == nil || dest.holds() {
		return ""
	}
	return fmt.Sprintf("pid %d", h.PID)
}

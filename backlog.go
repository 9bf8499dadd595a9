package girok

import (
	"cmp"

	"github.com/girok/girok/record"
	"github.com/girok/girok/spool"
)

// Backlog is what one handler has still to take of one run.
type Backlog struct {
	Run     record.RunID
	Own     bool // this process writes the run
	Memory  bool // and only in memory
	Handler string
	Bytes   uint64
	State   spool.State
	Cause   string // why it does not move; "" if it does
}

// Backlog lists what waits for this process, oldest first: in its own run, and
// in runs of the service whose writers are dead. Those of living programs are
// left out: they end by themselves.
func (l *Logs) Backlog() (list []Backlog) {
	if l.spool == nil {
		return nil
	}
	for _, r := range l.spool.Runs() {
		if !r.Own() && r.Alive() {
			continue
		}
		end := l.endOf(r)
		for _, h := range r.Config.Handlers {
			n := r.Waiting(h.Bit, end)
			if n == 0 {
				continue
			}
			b := Backlog{Run: r.ID, Own: r.Own(), Memory: r.Path() == "", Handler: h.Name, Bytes: n}
			if b.State, b.Cause = r.Counters().Slot(h.Bit).State(); b.State != spool.Delivering {
				// The run's page has room for the beginning of it only.
				b.Cause = cmp.Or(l.deliver.Cause(h.Name), b.Cause)
			}
			list = append(list, b)
		}
	}
	return list
}

// endOf is where a run ends. To find it out means to read, so that of a dead run
// is remembered.
func (l *Logs) endOf(r *spool.Run) uint64 {
	if r.Own() {
		return r.End()
	}
	if end, ok := l.ends.Load(r.ID); ok {
		return end.(uint64)
	}
	end := r.End()
	l.ends.Store(r.ID, end)
	return end
}

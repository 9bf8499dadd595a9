package girok

import (
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
	Tried   bool   // this process has met the cause; else another has
	Remedy  string // what to do, where it is no destination that refuses; else ""
}

// Backlog lists what waits for this process, oldest first: in its own run, and
// in runs of the service whose writers are dead. Those of living programs are
// left out: they end by themselves.
func (l *Logs) Backlog() (list []Backlog) {
	d := l.deliver.Load()
	if d == nil {
		return nil
	}
	for _, b := range d.Backlog() {
		list = append(list, Backlog{
			Run: b.Run.ID, Own: b.Run.Own(), Memory: b.Run.Path() == "", Handler: b.Handler, Bytes: b.Bytes,
			State: b.State, Cause: b.Cause, Tried: b.Tried, Remedy: b.Remedy,
		})
	}
	return list
}

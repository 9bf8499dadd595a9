package girok

import (
	"github.com/girok/girok/deliver"
	"github.com/girok/girok/record"
	"github.com/girok/girok/spool"
)

// Backlog is what one handler has still to take of one run.
type Backlog struct {
	Run     record.RunID
	Service string
	Own     bool // this process writes the run
	Memory  bool // and only in memory
	Handler string
	Bytes   uint64
	State   spool.State
	Cause   string // why it does not move; "" if it does
	Tried   bool   // this process has met the cause; else another has
	Remedy  string // what to do, where it is no destination that refuses; else ""
	Holder  string // the other process that delivers it; "" if none does, or this one
}

// Backlog lists what waits for this process, oldest first: in its own run, and
// in runs of the service whose writers are dead. Those of living programs are
// left out: they end by themselves.
func (l *Logs) Backlog() (list []Backlog) {
	if d := l.deliver.Load(); d != nil {
		list = backlog(d.Backlog())
	}
	return list
}

func backlog(waits []deliver.Backlog) (list []Backlog) {
	for _, b := range waits {
		list = append(list, Backlog{
			Run: b.Run.ID, Service: b.Run.Config.Service, Own: b.Run.Own(), Memory: b.Run.Path() == "", Handler: b.Handler, Bytes: b.Bytes,
			State: b.State, Cause: b.Cause, Tried: b.Tried, Remedy: b.Remedy, Holder: b.Holder,
		})
	}
	return list
}

// Mark is where the runs of the service ended at one moment, those of living programs
// too. It is for a process that delivers for others and is about to end.
type Mark struct{ m *deliver.Mark } // nil: nothing is delivered here

// Mark takes one. From then on what there is goes out without waiting for batches to
// fill, until Close.
func (l *Logs) Mark() *Mark {
	if d := l.deliver.Load(); d != nil {
		return &Mark{d.Mark()}
	}
	return &Mark{}
}

// Backlog lists what still waits of what there was, oldest first. What another process
// delivers is among it, with Holder.
func (m *Mark) Backlog() (list []Backlog) {
	if m.m != nil {
		list = backlog(m.m.Backlog())
	}
	return list
}

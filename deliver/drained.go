package deliver

import (
	"slices"
	"time"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/record"
	"github.com/girok/girok/spool"
)

// passIdle notes how far runs are read when nothing of them is under way.
func (l *lane) passIdle(g []*cursor) {
	for _, c := range g {
		if c.reader == nil {
			continue
		}
		pos := c.reader.Position()
		if c.ended { // its last segments may have gone to make room
			pos = max(pos, c.run.Counters().Committed())
		}
		c.slot().SetDelivered(pos)
		c.slot().SetFreeBelow(pos)
		if c.ended {
			if !c.run.Own() {
				l.sayLost(c) // also of a run that has nothing left to deliver
			}
			l.finish(c)
		}
	}
}

// finish lets a drained run go.
func (l *lane) finish(c *cursor) {
	c.drained = drained{end: max(c.reader.FramesEnd(), c.run.Counters().Committed()), damaged: c.reader.Damaged}
	c.reader.Close()
	c.reader = nil
	if c.drained.damaged > 0 {
		c.run.MarkDamaged()
	}
	if c.run == l.dest.d.opts.Spool.Writer().Run() && c.run.Path() != "" {
		return // it is removed, or set aside, when the program ends
	}
	l.letGo(c)
}

// drained is what is known of a run that was read to its end.
type drained struct {
	end, damaged uint64 // where that is; bytes that did not check
	untold       bool   // not all that it has lost is told yet
}

// letGoLate lets the runs go that could not go because of losses that were not told.
func (l *lane) letGoLate() {
	for _, c := range l.runs {
		if c.drained.untold {
			l.letGo(c)
		}
	}
}

// letGo removes a drained run, or sets it aside, unless another handler needs it.
func (l *lane) letGo(c *cursor) {
	end, log := c.drained.end, l.dest.d.opts.Log
	switch {
	case !c.run.Own():
		all, told := l.tellGaps(c.run, end)
		if c.drained.untold = !told; !told {
			time.AfterFunc(l.dest.d.pace.Lock, l.wakeUp)
			return
		}
		if !all {
			l.freeSegments(c.run, end)
			return // the last handler that comes to the end lets the run go
		}
	case c.run.Path() != "":
		if c.drained.untold = c.run.Untold(); c.drained.untold { // the program tells of it
			time.AfterFunc(l.dest.d.pace.Lock, l.wakeUp)
			l.freeSegments(c.run, end)
			return
		}
	}
	if c.drained.damaged > 0 {
		l.setAside(c, end, c.drained.damaged)
		return
	}
	if _, err := c.run.FreeDelivered(end); err != nil {
		log.Warn("a drained run can't be removed; trying again at the next start", "run", c.run.Path(), "error", err)
	}
}

// freeSegments removes what all handlers are past of a run that stays.
func (l *lane) freeSegments(r *spool.Run, end uint64) {
	if err := r.FreeSegments(end); err != nil {
		l.dest.d.opts.Log.Warn("delivered segments can't be removed", "run", r.Path(), "error", err)
	}
}

// setAside keeps a run in which something did not check: what could be read is
// delivered, the rest may be worth somebody's look.
func (l *lane) setAside(c *cursor, end, damaged uint64) {
	to, err := c.run.SetAside(end)
	if to == "" && err == nil {
		return // other handlers still read it
	}
	log := l.dest.d.opts.Log.With("run", c.run.Path(), "damaged_bytes", damaged)
	if err != nil {
		log.Error("a run was damaged, and can't be set aside", "error", err)
		return
	}
	log.Error("a run was damaged: what checked is delivered, the run is set aside", "now_in", to)
}

// forgetRuns deletes the positions of runs whose folders are gone.
func (l *lane) forgetRuns(gone []record.RunID) {
	crash.At(crash.RunForgotten)
	is := map[record.RunID]bool{}
	for _, id := range gone {
		is[id] = true
	}
	var keep []*cursor
	l.mu.Lock()
	for _, c := range l.runs {
		if !is[c.run.ID] {
			keep = append(keep, c)
		} else {
			c.deafen()
		}
	}
	l.runs = keep
	l.mu.Unlock()
	l.b.forget()
	for _, s := range l.sinks {
		l.sweep(s, gone)
		break
	}
	// Without an open sink the state keeps what it knows until one is.
	l.closeUnused()
}

// closeUnused closes the sinks of row configurations that no run has any more.
func (l *lane) closeUnused() {
	for rows, s := range l.sinks {
		used := slices.ContainsFunc(l.runs, func(c *cursor) bool { return c.rows == rows || l.configOf(c).rows == rows })
		if used || len(l.runs) == 0 {
			continue
		}
		_ = s.Close()
		delete(l.sinks, rows)
		l.offer(nil)
	}
	for _, s := range l.sinks {
		l.offer(s)
	}
}

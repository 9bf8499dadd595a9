package deliver

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

// lane delivers one handler to one target, from all runs, living and dead. One
// goroutine works on it: choose ranges, write, note.
type lane struct {
	dest    *destination
	handler string
	target  string
	wake    chan struct{}
	ownDone chan struct{} // closed when nothing more of the own run will go out
	left    chan struct{} // closed when the lane has ended

	state   *state
	letters *letters
	sinks   map[string]sink.Sink // by row configuration
	instead map[string]*cursor   // row configurations that were refused, and whose is used in their place
	stopped bool                 // fenced
	b       builder

	mu    sync.Mutex
	runs  []*cursor      // oldest first
	fresh []*cursor      // given by scan, not taken yet
	gone  []record.RunID // runs whose folder is gone
	stats lanesStats
}

type lanesStats struct {
	records, batches, retries atomic.Uint64
	letters                   atomic.Uint64
	state                     atomic.Uint64
	cause                     atomic.Pointer[string]
}

// cursor is how far a lane is in one run.
type cursor struct {
	run  *spool.Run
	bit  int
	rows string // what shapes its rows: batches hold runs of one such only
	kind sink.Kind
	cfg  sink.Config
	env  sink.Env

	origin    sink.Origin
	reader    *spool.Reader
	claimedOn sink.Sink    // the sink that knows this process as the owner
	stored    record.Place // where the destination stands
	gapTo     uint64       // the end of the gap that was told last
	ended     bool         // the reader has come to the end of a dead run
	newer     bool         // a newer girok must go on
}

// claimed reports whether the destination was asked where it stands.
func (c *cursor) claimed() bool { return c.claimedOn != nil }

func (c *cursor) slot() spool.Slot { return c.run.Counters().Slot(c.bit) }

func newLane(dest *destination, handler, target string) *lane {
	return &lane{
		dest: dest, handler: handler, target: target,
		wake: make(chan struct{}, 1), ownDone: make(chan struct{}), left: make(chan struct{}), sinks: map[string]sink.Sink{}, instead: map[string]*cursor{},
	}
}

func (l *lane) wakeUp() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// add gives the lane a run.
func (l *lane) add(c *cursor) {
	cfg := &c.run.Config
	c.origin = sink.Origin{Run: c.run.ID, Service: cfg.Service, Version: cfg.Version, Host: cfg.Host}
	l.mu.Lock()
	l.fresh = append(l.fresh, c)
	l.mu.Unlock()
	l.wakeUp()
}

// forget tells the lane that a run is gone.
func (l *lane) forget(id record.RunID) {
	l.mu.Lock()
	l.gone = append(l.gone, id)
	l.mu.Unlock()
	l.wakeUp()
}

// take moves what scan gave into the lane's own lists.
func (l *lane) take() {
	l.mu.Lock()
	fresh, gone := l.fresh, l.gone
	l.fresh, l.gone = nil, nil
	l.runs = append(l.runs, fresh...)
	l.mu.Unlock()
	if len(gone) > 0 {
		l.forgetRuns(gone)
	}
}

func (l *lane) work() {
	defer l.dest.d.wg.Done()
	defer close(l.left)
	ctx := l.dest.d.ctx
	select {
	case <-ctx.Done():
		return
	case <-l.dest.held:
	}
	defer l.close()
	for !l.open() {
		if !sleep(ctx, l.dest.d.pace.RetryMax) {
			return
		}
	}
	for ctx.Err() == nil {
		l.take()
		groups := l.groups()
		if len(groups) == 0 && l.dest.d.isClosing() {
			l.leave(ctx)
			return
		}
		if l.stopped {
			l.rest(ctx, idleRest)
			continue
		}
		busy := false
		for _, g := range groups {
			busy = l.deliver(ctx, g) || busy
		}
		if !busy {
			l.rest(ctx, pause(groups))
		}
	}
}

// leave ends the lane's work once the own run is delivered: when its folder is
// gone, so may its position be.
func (l *lane) leave(ctx context.Context) {
	l.finishOwn()
	select {
	case <-ctx.Done():
	case <-l.dest.d.ownGone:
		l.forgetRuns(l.dest.d.ownIDs)
	}
}

// open reads the lane's state and letters.
func (l *lane) open() bool {
	var err error
	if l.state, err = openState(l.dest.dir, l.handler, l.target); err == nil {
		l.letters, err = openLetters(l.dest.d.opts.Spool, l.dest.dir == "", l.handler, l.target, l.dest.d.opts.Log)
	}
	if err != nil {
		l.dest.d.opts.Log.Error("the state of a handler can't be read; trying again", "handler", l.handler, "error", err)
		return false
	}
	return true
}

func (l *lane) close() {
	for _, s := range l.sinks {
		if s != nil {
			_ = s.Close()
		}
	}
	for _, c := range l.runs {
		if c.reader != nil {
			c.reader.Close()
		}
	}
}

// rest waits until something happens, d at most.
func (l *lane) rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-l.wake:
	case <-t.C:
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// groups sorts the runs that may still have something by what shapes their rows:
// a batch holds runs of one such only. The group of the oldest run comes first.
func (l *lane) groups() (groups [][]*cursor) {
	closing := l.dest.d.isClosing()
	for _, c := range l.runs {
		if c.ended || c.newer || closing && (l.stopped || !c.run.Own()) {
			continue
		}
		i := slices.IndexFunc(groups, func(g []*cursor) bool { return g[0].rows == c.rows })
		if i < 0 {
			groups = append(groups, nil)
			i = len(groups) - 1
		}
		groups[i] = append(groups[i], c)
	}
	return groups
}

func (l *lane) finishOwn() {
	select {
	case <-l.ownDone:
	default:
		close(l.ownDone)
	}
}

// deliver reads a batch from the runs of g, sends it, and notes it. It reports
// whether there was anything to do.
func (l *lane) deliver(ctx context.Context, g []*cursor) (busy bool) {
	l.b.reset(l.handler, l.configOf(g[0]).cfg.Limits())
	if !l.fill(ctx, g) {
		return true
	}
	if l.b.len() == 0 {
		l.passIdle(g)
		// With a run at its end, the next look finds other runs, or none.
		return l.b.cut || slices.ContainsFunc(g, func(c *cursor) bool { return c.ended })
	}
	if !l.pin(g) {
		return true // something went meanwhile: read again
	}
	crash.At(crash.BatchRead)
	err := l.send(ctx, g)
	for _, c := range g {
		c.slot().Unpin()
	}
	if err != nil {
		l.rewind(g)
		return true
	}
	l.passIdle(g)
	return true
}

// idleRest bounds how long a lane that has nothing to do sleeps: it is woken by
// the background of the own run's writer. Nothing wakes it for the living run of
// another process: there it looks ten times a second.
const (
	idleRest    = 5 * time.Second
	foreignRest = 100 * time.Millisecond
)

func pause(groups [][]*cursor) time.Duration {
	for _, g := range groups {
		for _, c := range g {
			if !c.run.Own() && !c.ended {
				return foreignRest
			}
		}
	}
	return idleRest
}

// fill reads frames of g into the builder until it is full, old enough, or
// somebody waits for a flush.
func (l *lane) fill(ctx context.Context, g []*cursor) bool {
	for {
		for _, c := range g {
			if !l.read(ctx, c) {
				return false
			}
			if l.b.full() {
				return true
			}
		}
		left := l.b.left()
		if l.b.len() == 0 || left <= 0 || l.hurry(g) {
			return true
		}
		l.rest(ctx, left)
		if ctx.Err() != nil {
			return false
		}
	}
}

// hurry reports whether the open batch must be cut now: somebody waits for a
// flush, the program ends, or all of g is dead.
func (l *lane) hurry(g []*cursor) bool {
	if l.dest.d.isClosing() {
		return true
	}
	dead := true
	for _, c := range g {
		if w := c.run.Counters().FlushWanted(); w > c.slot().Delivered() && !c.ended {
			return true
		}
		dead = dead && c.ended
	}
	return dead
}

// read takes frames of one run until there are no more, or the batch is full.
func (l *lane) read(ctx context.Context, c *cursor) bool {
	if c.ended || c.newer {
		return true
	}
	if c.reader == nil {
		c.reader = c.run.Reader(c.stored.Position)
	}
	for !l.b.full() {
		ref, st := c.reader.Next()
		switch st {
		case spool.Frame:
			if ref.Mask()&(1<<c.bit) == 0 {
				continue
			}
			if !c.claimed() {
				if !l.claim(ctx, c) {
					return false
				}
				continue // the reader stands elsewhere now
			}
			if ref.Position == c.stored.Position && c.stored.Index > 0 {
				continue // the part of a batch that ended behind it is in
			}
			l.b.add(c, ref)
		case spool.Wait:
			return true
		case spool.End:
			c.ended = true
			l.trim(c)
			return true
		case spool.Gap:
			l.gap(c)
		case spool.Newer:
			c.newer = true
			l.dest.d.once("newer "+c.run.ID.String(), "a newer girok wrote this run; it waits for one that can read it", "run", c.run.Path())
			return true
		}
	}
	return true
}

// trim gives back what a dead run had allocated ahead.
func (l *lane) trim(c *cursor) {
	if c.run.Own() || c.reader.Damaged > 0 {
		return
	}
	if err := c.run.Trim(c.reader.FramesEnd()); err != nil {
		l.dest.d.opts.Log.Warn("a dead run can't be cut off at its end", "run", c.run.Path(), "error", err)
	}
}

// gap goes on behind segments that went before the handler had read them.
func (l *lane) gap(c *cursor) {
	if l.b.find(c) != nil {
		l.b.cut = true // a batch has one range a run
	}
	if c.gapTo == c.reader.GapTo {
		return // told already
	}
	c.gapTo = c.reader.GapTo
	l.state.lost(c.run.ID, c.reader.GapFrom, c.reader.GapTo)
	l.sayLost(c)
}

// sayLost tells what a run lost because the spool was full.
func (l *lane) sayLost(c *cursor) {
	if n, first, last := c.slot().Lost(); n > 0 {
		l.dest.d.opts.Log.Error("records were lost: the spool was full before this handler had read them",
			"handler", l.handler, "run", c.run.ID.String(), "records", n, "first", first, "last", last)
	}
}

// pin holds what the batch was read from, and looks whether it is still there.
func (l *lane) pin(g []*cursor) bool {
	for _, m := range l.b.moves {
		c := m.c
		c.slot().Pin(m.lo, m.to.Position)
		if !c.run.StillThere(m.lo, m.to.Position) {
			for _, m := range l.b.moves {
				m.c.slot().Unpin()
			}
			l.rewind(g)
			return false
		}
	}
	return true
}

// rewind makes the runs of g be read again from where the destination stands.
func (l *lane) rewind(g []*cursor) {
	for _, c := range g {
		if c.reader != nil {
			c.reader.Close()
			c.reader = nil
		}
		c.ended = false
	}
}

// passIdle notes how far runs are read when nothing of them is under way.
func (l *lane) passIdle(g []*cursor) {
	for _, c := range g {
		if c.reader == nil {
			continue
		}
		pos := c.reader.Position()
		c.slot().SetDelivered(pos)
		c.slot().SetFreeBelow(pos)
		if c.ended {
			l.finish(c)
		}
	}
}

// finish lets a drained run go.
func (l *lane) finish(c *cursor) {
	end, damaged := c.reader.FramesEnd(), c.reader.Damaged
	c.reader.Close()
	c.reader = nil
	if c.run.Own() && c.run.Path() != "" {
		return // it is removed when the program ends
	}
	if damaged > 0 {
		l.setAside(c, end, damaged)
		return
	}
	if _, err := c.run.FreeDelivered(end); err != nil {
		l.dest.d.opts.Log.Warn("a drained run can't be removed; trying again at the next start", "run", c.run.Path(), "error", err)
	}
}

// setAside keeps a run in which something did not check: what could be read is
// delivered, the rest may be worth somebody's look.
func (l *lane) setAside(c *cursor, end, damaged uint64) {
	to, err := c.run.SetAside(end)
	if to == "" && err == nil {
		return // other handlers still read it
	}
	l.dest.d.opts.Log.Error("a run was damaged: what checked is delivered, the run is set aside",
		"run", c.run.Path(), "damaged_bytes", damaged, "now_in", to, "error", err)
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
		}
	}
	l.runs = keep
	l.mu.Unlock()
	for _, s := range l.sinks {
		l.sweep(s, gone)
		return
	}
	// No sink is open: the state keeps what it knows until one is.
}

package deliver

import (
	"context"
	"errors"
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
	sinks   map[string]sink.Sink         // by row configuration
	instead map[string]*cursor           // row configurations that were refused, and whose is used in their place
	queryer atomic.Pointer[sink.Queryer] // one of sinks, for Query
	stopped bool                         // fenced
	pauses  int                          // how often in turn every row was refused alike
	doubt   doubt
	alike   alike
	unsure  *entry       // what was sent last of the open batch, if nobody knows whether it is in; without a journal
	asked   atomic.Int32 // Flushes that name the handler
	swept   time.Time    // when positions were swept last
	b       builder
	ownLost uint64      // what Stats told of the own runs
	listens atomic.Bool // it rests until the writer of a run in another process rings

	mu    sync.Mutex
	runs  []*cursor      // oldest first
	fresh []*cursor      // given by scan, not taken yet
	gone  []record.RunID // runs whose folder is gone
	stats lanesStats
}

type lanesStats struct {
	records, bytes, batches            atomic.Uint64
	retries, rejected, refused, fenced atomic.Uint64
	letters, lost, damaged             atomic.Uint64
	succeeded                          atomic.Int64 // nanoseconds since 1970; 0: never
	state                              atomic.Uint64
	cause                              atomic.Pointer[string]
}

// cursor is how far a lane is in one run.
type cursor struct {
	run  *spool.Run
	bit  int
	rows string // what shapes its rows: batches hold runs of one such only
	kind sink.Kind
	cfg  sink.Config
	env  sink.Env
	with *cursor // has the configuration of Options.With; nil: none for it

	origin    sink.Origin
	reader    *spool.Reader
	rings     bool                   // its writer, in another process, tells when records come
	hush      func()                 // and is not listened to any more; nil: it never was
	claimedOn sink.Sink              // the sink that knows this process as the owner
	stored    record.Place           // where the destination stands
	had       uint64                 // where the destination stood before it was put back; 0: it was not
	lostTold  uint64                 // how many lost records of the run were told
	gapTo     uint64                 // the end of the gap that was told last
	ended     bool                   // the reader has come to the end of a dead run
	newer     atomic.Bool            // a newer girok must go on
	unread    atomic.Pointer[string] // why the run can't be read just now; nil: it can

	drained    drained
	redirected bool   // what waited was given elsewhere
	damaged    uint64 // what the reader had skipped when it was looked at last
	damagedTo  uint64 // up to where that was counted
	look       look   // of Stats
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
	c.origin = sink.Origin{Run: c.run.ID, Service: cfg.Service, Version: cfg.Version, Host: cfg.Host, PID: cfg.PID, Started: cfg.Start()}
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
	for _, c := range fresh {
		if !c.run.Own() && c.run.Alive() {
			c.hush, c.rings = c.run.Listen(l.wakeUp)
		}
	}
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
	ended := false // no handler needs the lane any more
	defer func() {
		l.close()
		if ended {
			l.dest.letGo()
		}
	}()
	for !l.open() {
		if l.rest(ctx, l.dest.d.pace.RetryMax); ctx.Err() != nil || l.dest.yields() {
			return
		}
	}
	for idle := false; ctx.Err() == nil; {
		if l.dest.yields() {
			l.finishOwn() // who wants the destination goes on
			return
		}
		closing := l.dest.d.isClosing() // asked before take: Close gives what there is first
		l.take()
		l.letGoLate()
		l.sweepOld()
		if !l.replay(ctx) {
			l.awaitRuns(ctx)
			continue
		}
		groups := l.groups()
		if len(groups) == 0 && closing {
			l.leave(ctx)
			return
		}
		if l.stopped {
			l.rest(ctx, l.dest.d.pace.Idle)
			continue
		}
		busy := false
		for _, g := range groups {
			if ctx.Err() != nil || l.stopped || l.dest.yields() {
				break // what was sent last may be in: that is for whoever claims next
			}
			busy = l.deliver(ctx, g) || busy
		}
		if busy {
			continue
		}
		if len(l.runs) == 0 && idle && l.dest.end(l) {
			l.finishOwn()
			ended = true
			return
		}
		idle = len(l.runs) == 0
		if l.await(groups) {
			continue
		}
		l.rest(ctx, l.pause(groups))
		l.listens.Store(false)
	}
}

// leave ends the lane's work once the own run is delivered: when its folder is
// gone, so may its position be, and those of other runs that went meanwhile.
func (l *lane) leave(ctx context.Context) {
	l.finishOwn()
	l.forgetRuns(l.stale())
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
	if err == nil && l.state.torn {
		l.dest.d.opts.Log.Warn("the state of a handler was damaged: the destination tells what it has; where it can't, its oldest records are sent again", "handler", l.handler)
	}
	if err != nil {
		l.dest.d.opts.Log.Error("the state of a handler can't be read; trying again", "handler", l.handler, "error", err)
		return false
	}
	return true
}

func (l *lane) close() {
	l.offer(nil)
	for _, s := range l.sinks {
		if s != nil {
			_ = s.Close()
		}
	}
	for _, c := range l.runs {
		c.deafen()
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
	case <-l.dest.yield:
	case <-l.wake:
	case <-t.C:
	}
}

// groups sorts the runs that may still have something by what shapes their rows:
// a batch holds runs of one such only. The group of the oldest run comes first.
func (l *lane) groups() (groups [][]*cursor) {
	closing := l.dest.d.isClosing()
	for _, c := range l.runs {
		if c.ended || c.newer.Load() || closing && (l.stopped || !c.run.Own()) {
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
	defer l.b.done()
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
	if ctx.Err() == nil && !errors.Is(err, errYield) { // else it may be in, and whoever claims next finds out
		for i := range l.b.moves { // no other run of g: its pin may be of one who died, and tell the next claim
			l.b.moves[i].c.slot().Unpin()
		}
	}
	if err != nil {
		l.rewind(g)
		return true
	}
	l.passIdle(g)
	return true
}

// foreignRest is how long a lane sleeps that follows the living run of another
// process whose writer does not ring: nothing wakes it for that. For the own run the
// background of its writer does.
const foreignRest = 100 * time.Millisecond

func (l *lane) pause(groups [][]*cursor) time.Duration {
	rest, listens := l.dest.d.pace.Idle, false
	for _, g := range groups {
		for _, c := range g {
			switch {
			case c.run.Own() || c.ended:
			case c.rings:
				listens = true
			default:
				rest = foreignRest
			}
		}
	}
	l.listens.Store(listens)
	return rest
}

// await asks the writers in other processes to ring for what comes next. It reports
// whether something may have come unheard. Once a batch is open nobody has to ring.
func (l *lane) await(groups [][]*cursor) (look bool) {
	for _, g := range groups {
		for _, c := range g {
			if c.rings && !c.ended {
				look = c.run.Await() || look
			}
		}
	}
	return look
}

// deafen ends what Listen began.
func (c *cursor) deafen() {
	if c.hush != nil {
		c.hush()
		c.hush = nil
	}
}

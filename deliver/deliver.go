// Package deliver takes records from the spool to their sinks: it cuts named
// batches, retries, splits, sets bad rows aside as dead letters, and notes how
// far each handler is. For each destination one process on the machine delivers,
// whoever holds its lock.
package deliver

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/girok/girok/internal/random"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

// Options of New.
type Options struct {
	Spool *spool.Spool
	Kinds []sink.Kind
	Log   *slog.Logger // what the operator should know; nil: nothing
	// Control is where the program's control socket lies; empty if it has none.
	Control string
	// Want: other processes of the service that hold a destination let it go.
	Want bool
	// With, if set, shapes the rows of all runs, from the next batch that is cut on:
	// of its handlers those that have the name, kind, endpoint and target of the
	// run's. Service and Version of it are not looked at.
	With *spool.RunConfig
	// Pace is for tests; the zero value is that of operation.
	Pace Pace
}

// Pace is how long to wait between tries.
type Pace struct {
	RetryMin, RetryMax   time.Duration // 100 ms, 30 s: backoff after an error
	RefuseMin, RefuseMax time.Duration // 30 s, 5 min: after a refusal
	Doubt                time.Duration // 10 s: how long a few rows that are all refused wait for more
	Scan                 time.Duration // 1 s: how often runs are looked for
	Lock                 time.Duration // 500 ms: how often a lock is tried
	Idle                 time.Duration // 5 s: how long a lane sleeps that has nothing to do
	Stuck                time.Duration // 1 min: after how long a holder that moves nothing is told
	Sweep                time.Duration // 1 day: how often positions are swept
}

func (p Pace) orDefaults() Pace {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&p.RetryMin, 100*time.Millisecond)
	set(&p.RetryMax, 30*time.Second)
	set(&p.RefuseMin, 30*time.Second)
	set(&p.RefuseMax, 5*time.Minute)
	set(&p.Doubt, 10*time.Second)
	set(&p.Scan, time.Second)
	set(&p.Lock, 500*time.Millisecond)
	set(&p.Idle, 5*time.Second)
	set(&p.Stuck, time.Minute)
	set(&p.Sweep, 24*time.Hour)
	return p
}

// Deliverer delivers the runs of one service. Its methods are safe for
// concurrent use.
type Deliverer struct {
	opts     Options
	pace     Pace
	owner    string                    // of the positions that this process moves; random
	readable func(payload []byte) bool // record.Known, but for tests

	ctx    context.Context // ends when delivery is cut off
	cancel context.CancelFunc
	poke   chan struct{} // something new may be there
	done   chan struct{}
	wg     sync.WaitGroup

	ending     chan struct{}  // closed when Close is called
	hasten     chan struct{}  // closed when a Mark is taken
	ownGone    chan struct{}  // closed when the own runs are delivered and removed
	ownIDs     []record.RunID // theirs; set before ownGone is closed
	scanMu     sync.Mutex
	hastenOnce sync.Once
	gaps       sync.Mutex // one lane at a time makes a run that tells of a gap
	statsMu    sync.Mutex
	past       []Stat // counts of lanes that have ended; guarded by statsMu

	mu      sync.Mutex
	dests   map[string]*destination // by hash of kind and endpoint
	nobody  []stranded              // what no lane delivers
	decoded map[string]decoded      // by handler and what shapes its rows
	met     map[record.RunID]uint64 // runs, and the bits that are assigned to lanes
	told    map[string]bool         // what was said once
	closing bool
}

// New makes a deliverer; Start begins.
func New(opts Options) *Deliverer {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	d := &Deliverer{
		opts: opts, pace: opts.Pace.orDefaults(), owner: fmt.Sprintf("%016x", random.Uint64()),
		readable: record.Known,
		poke:     make(chan struct{}, 1), done: make(chan struct{}), ownGone: make(chan struct{}), ending: make(chan struct{}), hasten: make(chan struct{}),
		dests: map[string]*destination{}, decoded: map[string]decoded{}, met: map[record.RunID]uint64{}, told: map[string]bool{},
	}
	d.ctx, d.cancel = context.WithCancel(record.Quiet(context.Background()))
	return d
}

// Start begins to deliver. Call it once.
func (d *Deliverer) Start() { go d.run() }

// Wake says that there may be something new. It never blocks.
func (d *Deliverer) Wake() {
	select {
	case d.poke <- struct{}{}:
	default:
	}
}

// Look looks for runs now, and not only within a second.
func (d *Deliverer) Look() {
	d.scan()
	d.wakeLanes()
}

func (d *Deliverer) run() {
	defer close(d.done)
	scan := time.NewTicker(d.pace.Scan)
	defer scan.Stop()
	account := 0
	if err := RecoverReplays(d.opts.Spool.Dir()); err != nil {
		d.opts.Log.Warn("dead letters that were being given back wait", "error", err)
	}
	d.scan()
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-d.poke:
			d.wakeLanes()
		case <-scan.C:
			if account%10 == 0 {
				d.opts.Spool.Account()
			}
			account++
			d.scan()
			d.handOverWanted()
			d.wakeListening()
		}
	}
}

// wakeListening has those look that wait for a bell: the lock of a writer that was
// killed may go a moment after its bell is heard.
func (d *Deliverer) wakeListening() {
	for _, l := range d.lanes() {
		if l.listens.Load() {
			l.wakeUp()
		}
	}
}

func (d *Deliverer) wakeLanes() {
	for _, l := range d.lanes() {
		l.wakeUp()
	}
}

func (d *Deliverer) lanes() (all []*lane) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, dest := range d.dests {
		all = append(all, dest.lanes...)
	}
	return all
}

// scan looks for runs and gives each to the lanes of its handlers.
func (d *Deliverer) scan() {
	d.scanMu.Lock()
	defer d.scanMu.Unlock()
	for _, r := range d.opts.Spool.Runs() {
		d.tidy(r)
		d.assign(r)
		if len(r.Config.Handlers) == 0 && !r.Alive() {
			if err := r.Remove(); err != nil {
				d.once("remove "+r.Path(), "a run without handlers can't be removed", "run", r.Path(), "error", err)
			}
		}
	}
	d.mu.Lock()
	dests := slices.Collect(maps.Values(d.dests))
	d.mu.Unlock()
	for _, dest := range dests {
		dest.relock()
	}
	for _, id := range d.vanished() {
		for _, l := range d.lanes() {
			l.forget(id)
		}
	}
}

// vanished lists the runs that were met and are gone. That a run could not be
// read just now does not make it gone: forgetting its position would double it.
func (d *Deliverer) vanished() (ids []record.RunID) {
	present, err := d.opts.Spool.Present()
	if err != nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for id := range d.met {
		if !present[id] {
			delete(d.met, id)
			ids = append(ids, id)
		}
	}
	d.nobody = slices.DeleteFunc(d.nobody, func(s stranded) bool { return slices.Contains(ids, s.run.ID) })
	return ids
}

// tidy gives back what a dead run that is met for the first time had allocated
// ahead: its destination may refuse for long, and nobody reads it until then.
func (d *Deliverer) tidy(r *spool.Run) {
	d.mu.Lock()
	_, known := d.met[r.ID]
	d.mu.Unlock()
	if known {
		return
	}
	if err := r.Tidy(); err != nil {
		d.opts.Log.Warn("a dead run can't be cut off at its end", "run", r.Path(), "error", err)
	}
}

// assign gives a run to a lane for each of its handlers. What fails for a
// passing reason is tried again by the next scan.
func (d *Deliverer) assign(r *spool.Run) {
	d.mu.Lock()
	done := d.met[r.ID]
	d.met[r.ID] = done
	d.mu.Unlock()
	for i := range r.Config.Handlers {
		h := &r.Config.Handlers[i]
		if done&(1<<h.Bit) != 0 {
			continue
		}
		final, err := d.assignHandler(r, h)
		remedy := ""
		if final && err != nil {
			remedy = unusableRemedy(r)
		}
		if err != nil {
			d.once(h.Name+"\x00"+err.Error(), "records wait: their handler can't be used in this program",
				"handler", h.Name, "run", r.ID.String(), "error", err, "remedy", remedy)
		}
		d.mu.Lock()
		d.nobody = slices.DeleteFunc(d.nobody, func(s stranded) bool { return s.run == r && s.bit == h.Bit })
		if err != nil {
			d.nobody = append(d.nobody, stranded{&cursor{run: r, bit: h.Bit}, err, remedy})
		}
		if err == nil || final {
			d.met[r.ID] |= 1 << h.Bit
		}
		d.mu.Unlock()
	}
}

// stranded is a handler of a run that this program can't deliver for, why, and what to
// do; "" where it may pass.
type stranded struct {
	*cursor
	why    error
	remedy string
}

// unusableRemedy is what to do about a handler whose keys or class this program does not
// understand. A program that only writes takes them as they are, mistakes too.
func unusableRemedy(r *spool.Run) string {
	return "deliver with a program that has it, or mend a mistake of the handler where it stands, in " + filepath.Join(r.Path(), "config")
}

func (d *Deliverer) once(key, msg string, args ...any) {
	d.mu.Lock()
	told := d.told[key]
	d.told[key] = true
	d.mu.Unlock()
	if !told {
		d.opts.Log.Warn(msg, args...)
	}
}

// assignHandler finds the lane of one handler. final: the error stays.
func (d *Deliverer) assignHandler(r *spool.Run, h *spool.HandlerConfig) (final bool, err error) {
	is, err := d.decode(r, h)
	if err != nil {
		return true, err
	}
	if err := is.keys.Revealed(); err != nil && !d.revealedBy(h.Name, &is) {
		return false, fmt.Errorf("this process has not got its secrets, so it leaves delivery to one that has: %w", err)
	}
	env := is.env
	env.Service = r.Config.Service
	c := &cursor{run: r, bit: h.Bit, rows: is.rows, kind: is.kind, cfg: is.cfg, env: env, with: d.with(r, h, is)}
	for {
		dest, err := d.destination(is.kind, is.endpoint, r.Path() == "")
		if err != nil {
			return false, err
		}
		if dest.give(h.Name, is.cfg.Target(), c) {
			return false, nil
		}
	}
}

// revealedBy reports whether some run's configuration, or Options.With, has secrets
// for the place of a handler that this process can read: what connects may be another
// run's.
func (d *Deliverer) revealedBy(handler string, is *decoded) bool {
	runs := d.opts.Spool.Runs()
	if d.opts.With != nil {
		runs = append(runs, &spool.Run{Config: *d.opts.With})
	}
	for _, r := range runs {
		for i := range r.Config.Handlers {
			h := &r.Config.Handlers[i]
			if h.Name != handler {
				continue
			}
			o, err := d.decode(r, h)
			if err == nil && o.kind.Name() == is.kind.Name() && o.endpoint == is.endpoint && o.cfg.Target() == is.cfg.Target() && o.keys.Revealed() == nil {
				return true
			}
		}
	}
	return false
}

// Close delivers what the own run still holds, as far as ctx allows, and stops.
// The spool must be sealed before. What is not delivered stays in the spool; a
// run that is delivered is removed.
func (d *Deliverer) Close(ctx context.Context) {
	d.scan() // a program may be shorter than the first scan
	own := d.opts.Spool.Own()
	d.mu.Lock()
	d.closing = true
	d.mu.Unlock()
	close(d.ending)
	d.wakeLanes()
	if d.awaitOwn(ctx) {
		if err := d.opts.Spool.RemoveOwn(); err != nil {
			d.opts.Log.Warn("the delivered run can't be removed", "error", err)
		}
		for _, r := range own {
			if r.Removed() {
				d.ownIDs = append(d.ownIDs, r.ID)
			}
		}
		close(d.ownGone)
		d.awaitLeft(ctx)
	}
	d.cancel()
	<-d.done
	if d.ended(ctx) {
		d.unlock()
	}
}

// grace is what a sink may take to notice that its context has ended.
const grace = time.Second

// ended waits for the lanes, and a little longer than ctx for a sink that does
// not heed its context. Such a one keeps the destination's lock until the process
// ends.
func (d *Deliverer) ended(ctx context.Context) bool {
	all := make(chan struct{})
	go func() {
		d.wg.Wait()
		close(all)
	}()
	select {
	case <-all:
		return true
	case <-ctx.Done():
	}
	select {
	case <-all:
		return true
	case <-time.After(grace):
		d.opts.Log.Error("a destination does not let go; the program ends without it")
		return false
	}
}

// unlock lets all destinations go.
func (d *Deliverer) unlock() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, dest := range d.dests {
		if dest.lock != nil {
			dest.lock.Close()
		}
		dest.unask()
	}
}

// awaitOwn waits until the lanes are done with the own run, and reports whether
// all of it is delivered. A destination that another process owns is not waited
// for: that process delivers.
func (d *Deliverer) awaitOwn(ctx context.Context) bool {
	for _, l := range d.lanes() {
		if !l.dest.tryHold(ctx) {
			continue
		}
		select {
		case <-l.ownDone:
		case <-ctx.Done():
		}
	}
	return d.opts.Spool.OwnDelivered()
}

// awaitLeft waits until the lanes have forgotten the own runs. At a destination that
// another process has, that one does.
func (d *Deliverer) awaitLeft(ctx context.Context) {
	for _, l := range d.lanes() {
		if !l.dest.holds() {
			continue
		}
		select {
		case <-l.left:
		case <-ctx.Done():
		}
	}
}

func (d *Deliverer) isClosing() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closing
}

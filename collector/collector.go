// Package collector is the program's heart: it takes the records of sources
// through the tree into the handlers, and delivers what lies in the spool.
package collector

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/config"
	"github.com/girok/girok/metrics"
	"github.com/girok/girok/source"
	"github.com/girok/girok/source/stdin"
)

// Options of Run.
type Options struct {
	ConfigPath string
	// Spool, if set, is the folder of a spool of which all is delivered that
	// programs have written there, by their own configurations; ConfigPath and
	// Stdin are not looked at. Service limits it to one.
	Spool, Service string
	// Over, if set, lays YAML over the configuration, as girok.OpenOver does.
	Over func(*config.Document) []byte
	// With, if set, is the configuration that rows are written with and stores are
	// connected to, in the place of those that the records were logged with.
	With   string
	Kinds  []girok.Option // sink and source kinds
	Stdin  io.Reader      // nil: there is none
	Stderr io.Writer      // what is to be told
	// Drain is how long to wait for delivery when the sources have ended, StopDrain
	// once Run is stopped; 0 of that is 5 s.
	Drain, StopDrain time.Duration
	// Hurry, when it is closed, ends the wait for delivery: Run returns with what has
	// come of it. nil: never.
	Hurry <-chan struct{}
	// Metrics is where to serve /metrics: host:port, or a port for this machine
	// alone; "" is nowhere.
	Metrics string
	// Stay goes on delivering, for programs that write the same spool, until
	// Run is stopped.
	Stay bool
	// DrainOnly reads no source: it only delivers what lies in the spool.
	DrainOnly bool
	// Patience, if above 0, ends the wait for delivery when nothing has moved
	// for as long.
	Patience time.Duration
}

// StopDrain is how long delivery may take once Run is stopped, unless Options say it.
const StopDrain = 5 * time.Second

// collector is a Run while it lasts.
type collector struct {
	opts  Options
	logs  *girok.Logs
	out   *status
	names []string // of the sources
	count []*source.Counts
}

// Run reads the sources until all have ended or ctx ends, then delivers what
// lies in the spool, of dead runs too, and returns what came of it. The error is
// that of the configuration or of a source.
func Run(ctx context.Context, opts Options) (*Summary, error) {
	if opts.StopDrain == 0 {
		opts.StopDrain = StopDrain
	}
	var listener net.Listener
	if opts.Metrics != "" {
		var err error
		if listener, err = listenMetrics(opts.Metrics); err != nil {
			return nil, err
		}
		defer listener.Close()
	}
	if opts.Spool != "" {
		return runSpool(ctx, opts, listener)
	}
	options := append(slices.Clone(opts.Kinds), girok.Deliver())
	if opts.With != "" {
		options = append(options, girok.DeliverWith(opts.With))
	}
	logs, err := opts.open(options)
	if err != nil {
		return nil, err
	}
	c := &collector{opts: opts, logs: logs, out: newStatus(opts.Stderr)}
	logs.ReloadOn(syscall.SIGHUP)
	if listener != nil {
		defer serveMetrics(listener, metrics.Handler(logs), c.out)()
	}
	begun := time.Now()
	err = c.read(ctx)
	c.drain(ctx)
	c.close()
	c.out.clear()
	return c.summary(time.Since(begun)), err
}

func (o *Options) open(options []girok.Option) (*girok.Logs, error) {
	if o.Over != nil {
		return girok.OpenOver(o.ConfigPath, "the program", o.Over, options...)
	}
	return girok.Open(o.ConfigPath, options...)
}

// read runs the sources.
func (c *collector) read(ctx context.Context) error {
	if c.opts.DrainOnly {
		return nil
	}
	plans := c.logs.Sources()
	typed := len(plans) == 0 && IsTerminal(c.opts.Stdin)
	if len(plans) == 0 && c.opts.Stdin != nil && !typed {
		plans = []source.Plan{stdin.Kind.Default()}
	}
	var all sync.WaitGroup
	errs := make([]error, len(plans))
	for i, p := range plans {
		count := &source.Counts{}
		c.names, c.count = append(c.names, p.Name), append(c.count, count)
		s, err := c.logs.OpenSource(p, source.Env{Stdin: c.opts.Stdin, Count: count})
		if err != nil {
			errs[i] = err
			continue
		}
		all.Go(func() { errs[i] = s.Run(ctx) })
	}
	done := make(chan struct{})
	go func() {
		all.Wait()
		close(done)
	}()
	c.watch(done)
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if typed || c.opts.Stay {
		c.out.say("delivering what programs leave in the spool, until it is stopped")
		c.watch(ctx.Done())
	}
	return nil
}

// watch shows how things stand until done.
func (c *collector) watch(done <-chan struct{}) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-done:
			return
		case <-t.C:
			c.show(nil)
		}
	}
}

// drain waits for delivery, as far as the limit allows.
func (c *collector) drain(stopped context.Context) {
	limit := c.opts.Drain
	if stopped.Err() != nil {
		limit = min(limit, c.opts.StopDrain)
	}
	ctx, cancel := c.opts.within(limit)
	defer cancel()
	defer context.AfterFunc(stopped, func() { // a stop while it drains
		time.AfterFunc(c.opts.StopDrain, cancel)
	})()
	var still standstill
	told := false
	moves := progress{moved: time.Now(), told: time.Now()}
	for {
		c.hurry(ctx)
		left := c.logs.Backlog()
		c.show(left)
		if len(left) == 0 || ctx.Err() != nil || still.over(left) {
			return
		}
		if stopped.Err() != nil && !told {
			told = true
			c.out.stopped(left, min(c.opts.Drain, c.opts.StopDrain))
		}
		moves.see(waiting(left))
		if p := c.opts.Patience; p > 0 && time.Since(moves.moved) > p {
			return
		}
		if c.opts.DrainOnly && !c.out.live && time.Since(moves.told) > tellEvery {
			moves.told = time.Now()
			c.out.say(Bytes(moves.bytes) + " wait")
		}
		wait(ctx, lookEvery)
	}
}

// close ends delivery.
func (c *collector) close() {
	ctx, cancel := c.opts.within(closeAfter)
	defer cancel()
	_ = c.logs.Shutdown(ctx) // what could not be closed was told by its handler
}

// within is a context for what may take so long, and no longer once there is a hurry.
func (o *Options) within(limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	go func() {
		select {
		case <-o.Hurry:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

const (
	// lookEvery is how often it is looked whether all is delivered.
	lookEvery = 50 * time.Millisecond
	// stuckTried is when a destination that refuses everything is not waited for
	// any longer: it is tried again after half a minute at the earliest. stuckTold
	// is that where only an earlier process has met it so far.
	stuckTried = 500 * time.Millisecond
	stuckTold  = 3 * time.Second
	// tellEvery is how often it is told how much waits, where no line can change.
	tellEvery = 10 * time.Second
	// closeAfter is how long closing may take when all is delivered, or won't be.
	closeAfter = time.Second
)

// standstill is for how long nothing of what is left moves by itself.
type standstill struct {
	seen  time.Time
	stood time.Duration
}

// over reports whether what is left is not waited for any longer. Between two looks a
// machine can stand still, and delivery with it: no more of that counts than they are apart.
func (s *standstill) over(left []girok.Backlog) bool {
	is, after := stuck(left)
	now := time.Now()
	switch {
	case !is:
		*s = standstill{}
		return false
	case !s.seen.IsZero():
		s.stood += min(now.Sub(s.seen), 4*lookEvery)
	}
	s.seen = now
	return s.stood > after
}

// progress is whether what waits becomes less.
type progress struct {
	bytes       uint64
	moved, told time.Time
}

func (p *progress) see(bytes uint64) {
	if bytes != p.bytes {
		p.bytes, p.moved = bytes, time.Now()
	}
}

// waiting is how many bytes wait.
func waiting(left []girok.Backlog) (n uint64) {
	for _, l := range left {
		n += l.Bytes
	}
	return n
}

// hurry asks for what is in the own run without waiting for batches to fill.
func (c *collector) hurry(ctx context.Context) {
	var names []string
	for _, s := range c.logs.Stats().Handlers {
		names = append(names, s.Handler)
	}
	if len(names) == 0 {
		return
	}
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	_ = c.logs.Flush(short, names...) // Backlog tells what is left
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

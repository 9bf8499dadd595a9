// Package girok logs a program's records, through log/slog and one config.yaml,
// into the stores where people use them: each record is in a spool that survives
// kill -9 when the call returns, and lands exactly once where the store allows.
//
//	logs, err := girok.Open("config.yaml", sqlite.Kind)
//	if err != nil { … }
//	defer logs.Close()
//	log := logs.Logger("MLLogger")
//	log.InfoContext(ctx, "hello world", "score", 0.93)
package girok

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/deliver"
	"github.com/girok/girok/format"
	"github.com/girok/girok/internal/control"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink/console"
	"github.com/girok/girok/spool"
	"github.com/girok/girok/tree"
)

// LevelCritical is Python's CRITICAL as a level of slog.
const LevelCritical = slog.Level(12)

// shutdownTimeout is how long Close waits for delivery.
const shutdownTimeout = 5 * time.Second

// Logs is an open configuration. Its methods are safe for concurrent use.
type Logs struct {
	document func() (*config.Document, error) // reads the configuration again
	opts     []Option
	blue     atomic.Pointer[blueprint]
	changing sync.Mutex     // of Reload and Shutdown
	kept     []*handlerPlan // handlers of earlier configurations that loggers still have, and those that they feed; with changing
	tree     *tree.Tree
	spool    atomic.Pointer[spool.Spool]       // nil if no handler has been spooled so far
	deliver  atomic.Pointer[deliver.Deliverer] // the same, or the program only writes; set before spool
	report   *slog.Logger
	told     *reporter       // report's
	control  *control.Server // nil if there is none
	answers  *answers        // its, and those to the program itself

	lost      atomic.Uint64      // records that the spool could not keep
	lostTold  uint64             // of them, those that girok.gap has told
	failures  atomic.Uint64      // records that a direct handler could not write
	growth    map[string]*growth // by handler and target; housekeeping's
	counts    sync.Map           // of sources: name → *source.Counts
	stop      chan struct{}
	housekept chan struct{}
	closeOnce sync.Once
	closeErr  error
}

// Open reads a configuration and starts what it describes. Every mistake in the
// file is reported at once, with line and column, before anything is touched;
// a store that is down, a full disk, a folder that can't be written are no
// errors of Open: they are told on standard error, and records wait.
//
// path "" stands for $GIROK_CONFIG; without that too it is Python's unconfigured
// state: WARNING and above go to standard error.
func Open(path string, opts ...Option) (*Logs, error) {
	if path == "" {
		path = os.Getenv("GIROK_CONFIG")
	}
	if path == "" {
		return OpenBytes("", []byte("version: 1"), opts...)
	}
	return open(func() (*config.Document, error) { return config.Load(path) }, opts)
}

// OpenOver is Open for a program that adds to its configuration: over gets what was
// read and gives YAML that is laid over it, as by extends, also at each reload. name
// stands for that text in errors.
func OpenOver(path, name string, over func(*config.Document) []byte, opts ...Option) (*Logs, error) {
	return open(func() (*config.Document, error) { return config.LoadOver(path, name, over) }, opts)
}

// OpenFS is Open for a configuration in a file system, such as an embedded one.
// Relative paths of spool and handlers are relative to the working folder.
func OpenFS(fsys fs.FS, path string, opts ...Option) (*Logs, error) {
	return open(func() (*config.Document, error) { return config.LoadFS(fsys, path) }, opts)
}

// OpenBytes is Open for a configuration in memory. name stands for it in errors;
// relative paths are relative to the working folder.
func OpenBytes(name string, yaml []byte, opts ...Option) (*Logs, error) {
	return open(func() (*config.Document, error) { return config.Parse(name, yaml) }, opts)
}

// open reads a configuration, and opens handlers and spool.
func open(document func() (*config.Document, error), opts []Option) (*Logs, error) {
	offerSecrets(opts)
	doc, err := document()
	if err != nil {
		return nil, err
	}
	b, err := readOver(nil, doc, opts)
	if err != nil {
		return nil, err
	}
	told := newReporter(console.Patient(console.Stderr()))
	l := &Logs{document: document, opts: opts, told: told, report: slog.New(told), growth: map[string]*growth{}, stop: make(chan struct{}), housekept: make(chan struct{})}
	l.answers = &answers{logs: l, loans: map[string]*loan{}}
	l.blue.Store(b)
	if err := l.openSpool(b); err != nil {
		return nil, err
	}
	b.tellStoodIn(l.report.Warn)
	b.openDirect(nil, func(msg string, args ...any) { l.report.Error(msg, args...) })
	l.tree = tree.New(l.treeConfig(b))
	l.startDelivery()
	go l.housekeeping()
	return l, nil
}

// startDelivery lets what openSpool has made begin to work.
func (l *Logs) startDelivery() {
	if d := l.deliver.Load(); d != nil {
		d.Start()
	}
	l.serveControl()
}

// openSpool makes a run if a handler needs one. After an error nothing is left of
// it.
func (l *Logs) openSpool(b *blueprint) error {
	rc, err := b.runConfig()
	if err != nil || len(rc.Handlers) == 0 && !b.delivers {
		return err
	}
	with, err := rowsWith(l.opts)
	if err != nil {
		return err
	}
	keys := b.keys.Spool
	socket := l.openControl()
	s, err := spool.Open(spool.Options{
		Dir: b.spoolDir(), Group: b.group, Config: rc, MaxBytes: int64(keys.MaxBytes), Trust: keys.Trust, Report: l.spoolEvent,
		SyncEvery: time.Duration(keys.Sync), Control: socket, WriteOnly: b.writeOnly,
		Wake: func() {
			if d := l.deliver.Load(); d != nil {
				d.Wake()
			}
		},
	})
	if err != nil {
		l.closeControl()
		return err
	}
	if keys.Require && s.Degraded() {
		s.Seal()
		l.closeControl()
		return fmt.Errorf("girok: the spool can't be used, and spool.require is true: see the line above")
	}
	if !b.writeOnly {
		l.deliver.Store(deliver.New(deliver.Options{Spool: s, Kinds: Deliverable(l.opts...), Log: l.report, Control: socket, Want: b.delivers, With: with}))
	}
	l.spool.Store(s)
	return nil
}

// rowsWith is what DeliverWith names; nil if it is not among the options.
func rowsWith(opts []Option) (*spool.RunConfig, error) {
	i := slices.IndexFunc(opts, func(o Option) bool { _, ok := o.(deliverWith); return ok })
	if i < 0 {
		return nil, nil
	}
	doc, err := config.Load(string(opts[i].(deliverWith)))
	if err != nil {
		return nil, err
	}
	b, err := read(doc, opts)
	if err != nil {
		return nil, err
	}
	rc, err := b.runConfig()
	return &rc, err
}

// spoolDir is where the spool lies: as configured, or the first place that can
// be written. If none can, it is the first: the spool is looked for there again.
func (b *blueprint) spoolDir() string {
	return cmp.Or(b.spoolPlace(writable), b.spoolPlace(func(string) bool { return true }))
}

func stateHome() string {
	if d := os.Getenv("XDG_STATE_HOME"); d != "" {
		return filepath.Join(d, "girok")
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "state", "girok")
	}
	return ""
}

// writable reports whether a folder is there, or can be made, and takes files.
func writable(dir string) bool {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false
	}
	f, err := os.CreateTemp(dir, ".try-")
	if err != nil {
		return false
	}
	f.Close()
	return os.Remove(f.Name()) == nil
}

func (l *Logs) spoolEvent(e spool.Event) {
	switch e.Kind {
	case spool.EventLost:
		for n := l.lost.Load(); e.N > n && !l.lost.CompareAndSwap(n, e.N); n = l.lost.Load() {
			// events of several goroutines may come in any order
		}
		if errors.Is(e.Err, spool.ErrClosed) {
			l.sayEnded()
		} else {
			l.report.Error("records are lost: the spool can't keep them", "error", e.Err, "so_far", e.N)
		}
	case spool.EventMadeRoom:
		l.report.Error("records of an earlier run are lost: the spool is full, and the oldest go first", "error", e.Err)
	case spool.EventUnsynced:
		l.report.Error("records are not on the disk: they survive the death of the process, but perhaps not a power cut", "error", e.Err)
	case spool.EventUnreadable:
		l.report.Error("a run in the spool can't be read: it stays where it is", "error", e.Err)
	case spool.EventRestored:
		l.report.Warn("the spool's folder can be used again: records survive a kill from now on")
	case spool.EventDegraded:
		l.report.Error("the spool can't be used: records stay in memory, and a kill loses them", "error", e.Err)
	default:
		l.report.Error("the spool's disk makes trouble", "error", e.Err)
	}
}

func (l *Logs) handlerFailed(name string, err error) {
	l.failures.Add(1)
	if l.ended() && errors.Is(err, os.ErrClosed) {
		l.sayEnded()
		return
	}
	l.report.Error("a handler could not write a record", "handler", name, "error", err)
}

// ended reports whether Close was called.
func (l *Logs) ended() bool {
	select {
	case <-l.stop:
		return true
	default:
		return false
	}
}

// sayEnded tells of a record that came too late.
func (l *Logs) sayEnded() {
	l.report.Warn("a record came after Close: logging has ended, and the record is only counted")
}

// lastResort shows WARNING and above where nothing is configured, as Python does.
func lastResort() tree.Direct { return console.New(console.Stderr(), messageOnly()) }

// messageOnly is a format that shows the message, as Python without a formatter.
func messageOnly() format.Formatter {
	f, err := format.New("%(message)s", "", time.Local)
	if err != nil {
		panic(err) // the format is a constant
	}
	return f
}

// gapEvery is how often the logger girok.gap tells of losses, and housekeeping
// looks at backlogs; at the end it tries closingTries times, 10 ms apart.
const (
	gapEvery     = 10 * time.Second
	closingTries = 20
)

// housekeeping tells of losses through the logger girok.gap, of backlogs that
// grow, and what was held back on standard error.
func (l *Logs) housekeeping() {
	defer close(l.housekept)
	t := time.NewTicker(gapEvery)
	defer t.Stop()
	for {
		select {
		case <-l.stop:
			for range closingTries {
				if l.tellGap() {
					break
				}
				time.Sleep(10 * time.Millisecond) // a spool that was full may have room again
			}
			return
		case <-t.C:
			l.tellGap()
			l.told.late()
			l.watchGrowth(time.Now())
			if s := l.spool.Load(); s != nil && l.deliver.Load() == nil {
				s.Account()
			}
		}
	}
}

// tellGap reports whether nothing is left to tell: the spool may be too full for
// this record too, and then it is told later, with what is lost until then.
func (l *Logs) tellGap() bool {
	told := func() {}
	if s := l.spool.Load(); s != nil {
		told = s.Telling()
	}
	n := l.lost.Load()
	if n == l.lostTold {
		return true
	}
	_, err := l.tree.Node(deliver.GapLogger).Emit(&tree.Entry{
		Level: record.Error, Time: time.Now(), Message: "records were lost: the spool was full",
		Attrs: []slog.Attr{slog.Uint64("records", n-l.lostTold)},
	})
	if err == nil {
		l.lostTold = n
		told()
	}
	return err == nil
}

// Logger returns the logger of a dotted name; "" or "root" is the root.
func (l *Logs) Logger(name string) *slog.Logger { return slog.New(l.SlogHandler(name)) }

// SlogHandler returns the logger of a name for those who compose slog.Handlers.
func (l *Logs) SlogHandler(name string) slog.Handler { return l.tree.Node(name).Handler() }

// Node returns the logger of a name for sources, which bring records in from
// outside of the program.
func (l *Logs) Node(name string) *tree.Node { return l.tree.Node(name) }

// SetLevel sets the level of a logger until the program ends or reloads.
func (l *Logs) SetLevel(name string, level slog.Level) {
	py := record.FromSlog(level)
	if py == record.NotSet {
		py-- // slog's -8, which is Python's "inherit"; no level of slog's lies between
	}
	l.tree.SetLevel(name, py)
}

// Disable keeps logs of a level and below it from every handler, whatever the
// levels of loggers and the configuration say, until Enable. Records that are no
// logs pass.
func (l *Logs) Disable(level slog.Level) { l.tree.Disable(record.FromSlog(level)) }

// Enable ends what Disable did.
func (l *Logs) Enable() { l.tree.Disable(record.NotSet) }

// AddLevelName gives a level a name for the whole program, as Python's
// logging.addLevelName does: lines show it, and configurations that are read from
// then on know it. Call it before Open.
func AddLevelName(level slog.Level, name string) { record.AddLevelName(record.FromSlog(level), name) }

// FlushError says what Flush had to leave.
type FlushError struct {
	Handler string
	Waiting uint64        // bytes in the spool that the handler has not passed
	Oldest  time.Duration // how long Flush has waited for them
	Cause   string        // why the destination does not take them; "" if it is only slow
}

func (e *FlushError) Error() string {
	s := fmt.Sprintf("girok: handler %s: %d bytes of the spool wait for delivery", e.Handler, e.Waiting)
	if e.Cause != "" {
		s += ": " + e.Cause
	}
	return s
}

// Flush waits until all that was logged before the call is delivered or in the
// dead letters: for the named handlers, or without names for those whose batches
// wait at most 10 s. When ctx ends first it returns *FlushError, and what waits
// is safe in the spool.
func (l *Logs) Flush(ctx context.Context, handlers ...string) error {
	handlers, more, err := l.flushDirect(ctx, handlers)
	switch {
	case err != nil || l.spool.Load() == nil || !more:
		return err
	case l.deliver.Load() == nil:
		return l.flushByOthers(ctx, handlers)
	}
	err = l.deliver.Load().Flush(ctx, handlers...)
	var u *deliver.Unflushed
	if errors.As(err, &u) {
		return &FlushError{Handler: u.Handler, Waiting: u.Waiting, Oldest: u.Oldest, Cause: u.Cause}
	}
	return err
}

// Close delivers what it can within 5 s; the rest is safe in the spool, and the
// next start, or a girok run beside the program, delivers it.
func (l *Logs) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	return l.Shutdown(ctx)
}

// Shutdown is Close with a limit of one's own. Calls after the first return what
// that returned.
func (l *Logs) Shutdown(ctx context.Context) error {
	l.closeOnce.Do(func() {
		close(l.stop)
		l.changing.Lock() // no Reload is under way, and none begins
		defer l.changing.Unlock()
		<-l.housekept
		l.closeControl()
		if s := l.spool.Load(); s != nil {
			s.Seal()
			if d := l.deliver.Load(); d != nil {
				d.Close(ctx)
			}
			s.LoseMemory()
			s.Release()
		}
		l.closeErr = l.blue.Load().closeDirect()
		for _, h := range l.kept {
			l.closeErr = cmp.Or(l.closeErr, h.retire())
		}
		if n := l.tree.Unshown(); n > 0 {
			l.report.Warn("records were not shown: nothing is configured for them; give girok.Open a config.yaml", "records", n)
		}
		l.told.last()
	})
	return l.closeErr
}

// Recover logs a panic as a CRITICAL record with its stack, flushes, and panics
// again. Defer it: `defer logs.Recover()`.
func (l *Logs) Recover() {
	p := recover()
	if p == nil {
		return
	}
	l.Logger("").Log(context.Background(), LevelCritical, fmt.Sprintf("panic: %v", p), "stack", string(debug.Stack()))
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	_ = l.Flush(ctx)
	panic(p)
}

// Lost is how many records the spool could not keep, and Failed how many a
// direct handler could not write.
func (l *Logs) Lost() uint64   { return l.lost.Load() }
func (l *Logs) Failed() uint64 { return l.failures.Load() }

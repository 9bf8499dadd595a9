package deliver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

// store is a destination of class position in memory. It is a fake for faults
// that a real store can't be made to show at will: an answer lost after the
// commit, refusals that heal, rows refused for no reason.
type store struct {
	mu        sync.Mutex
	rows      []string // messages
	ids       map[string]int
	positions map[string]position // handler/run
	sweeps    int
	young     bool // no position is old
	writes    int
	opened    int

	openErr error        // what Open returns
	asked   func() error // after a Claim: the answer is lost
	before  hook         // in the transaction
	after   hook         // after the commit: the answer is lost
	reject  func(msg string) (why string, bad bool)
	blind   bool // Reject does not say which rows
	stall   chan struct{}

	objects  map[string]bool // of sinks of class file: the names that are taken
	attempts map[int]int     // how many batches came with each
	early    bool            // rows are rejected by Prepare
	fit      int             // how many records a batch may have; 0: any
	partial  int             // batches that came with less than they were prepared with

	streams []*countedStream // of sinks of class offset
}

// hook is what a destination answers to a batch; nil: nothing is in the way.
type hook func(b *sink.Batch) error

func (h hook) ask(b *sink.Batch) error {
	if h == nil {
		return nil
	}
	return h(b)
}

// nth answers so to the n-th batch.
func nth(n int, err error) hook {
	return func(*sink.Batch) error {
		if n--; n == 0 {
			return err
		}
		return nil
	}
}

type position struct {
	next  record.Place
	owner string
}

func newStore() *store {
	return &store{ids: map[string]int{}, positions: map[string]position{}, objects: map[string]bool{}, attempts: map[int]int{}}
}

type fakeConfig struct {
	Batch sink.Limits `yaml:"batch"`
	At    string      `yaml:"at"`
	Wrong bool        `yaml:"wrong"` // its columns fit no row
	Table string      `yaml:"table"`
}

func (c fakeConfig) Endpoint(sink.Env) string { return c.At }
func (c fakeConfig) Target() string           { return c.Table }
func (c fakeConfig) Limits() sink.Limits      { return c.Batch }
func (c fakeConfig) Guarantee() string        { return "fake" }

var fakeDefaults = fakeConfig{
	Batch: sink.Limits{Records: 1000, Bytes: 1 << 20, Age: config.Duration(10 * time.Millisecond)},
	Table: "rows",
}

// kind makes a sink kind whose handlers write to the stores by the key `at`.
func kind(stores map[string]*store) sink.Kind {
	return sink.Define("fake", "a fake", sink.Position, fakeDefaults, func(_ context.Context, env sink.Env, c fakeConfig) (sink.Sink, error) {
		s := stores[c.At]
		s.mu.Lock()
		defer s.mu.Unlock()
		s.opened++
		if s.openErr != nil {
			return nil, s.openErr
		}
		return &fakeSink{s: s, handler: env.Handler, wrong: c.Wrong}, nil
	})
}

type fakeSink struct {
	s       *store
	handler string
	owner   string
	wrong   bool
}

func (f *fakeSink) key(run record.RunID) string { return f.handler + "/" + run.String() }

func (f *fakeSink) Claim(_ context.Context, owner string, runs []sink.Claim) (at []record.Place, err error) {
	s := f.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range runs {
		p, ok := s.positions[f.key(c.Run)]
		if !ok && c.Known {
			return nil, &sink.Refused{Err: errors.New("no position for a run that was known")}
		}
		if !ok {
			p.next = c.Start
		}
		p.owner = owner
		s.positions[f.key(c.Run)] = p
		at = append(at, p.next)
	}
	f.owner = owner
	if s.asked != nil {
		return nil, s.asked()
	}
	return at, nil
}

func (f *fakeSink) Forget(_ context.Context, runs []record.RunID) error {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	for _, r := range runs {
		delete(f.s.positions, f.key(r))
	}
	return nil
}

// Sweep finds all positions old, unless they are young.
func (f *fakeSink) Sweep(_ context.Context, living []record.RunID, age time.Duration) (gone int, err error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	keep := map[string]bool{}
	for _, r := range living {
		keep[f.key(r)] = true
	}
	for k := range f.s.positions {
		if f.s.young {
			break
		}
		if strings.HasPrefix(k, f.handler+"/") && !keep[k] && age == sweepAge {
			delete(f.s.positions, k)
			gone++
		}
	}
	f.s.sweeps++
	return gone, nil
}

func (f *fakeSink) Write(ctx context.Context, b *sink.Batch) error {
	s := f.s
	if s.stall != nil {
		select {
		case <-s.stall:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if err := s.before.ask(b); err != nil {
		return err
	}
	done := 0
	for _, m := range b.Moves {
		p := s.positions[f.key(m.Run)]
		switch {
		case p.owner != f.owner || p.next != m.From && p.next != m.To:
			return &sink.Fenced{Run: m.Run, Owner: p.owner, Next: p.next}
		case p.next == m.To:
			done++
		}
	}
	if done == len(b.Moves) && done > 0 {
		return nil
	}
	msgs, ids, err := s.check(b, f.wrong)
	if err != nil {
		return err
	}
	for _, m := range b.Moves {
		s.positions[f.key(m.Run)] = position{m.To, f.owner}
	}
	s.keep(msgs, ids)
	return s.after.ask(b)
}

func (s *store) check(b *sink.Batch, wrong bool) (msgs, ids []string, err error) {
	var bad []sink.RowError
	var v record.View
	for i := range b.Len() {
		if err := b.At(i, &v); err != nil {
			return nil, nil, err
		}
		msg := string(v.Message)
		if string(v.Logger) == GapLogger {
			msg = string(v.Attrs().AppendJSON(append([]byte(msg), ' ')))
		}
		if wrong {
			bad = append(bad, sink.RowError{Index: i, Reason: "column n: want int"})
		}
		if s.reject != nil {
			if why, is := s.reject(msg); is {
				bad = append(bad, sink.RowError{Index: i, Reason: why})
			}
		}
		msgs = append(msgs, msg)
		ids = append(ids, string(b.AppendID(nil, i, &v)))
	}
	if len(bad) == 0 {
		return msgs, ids, nil
	}
	if s.blind {
		bad = nil
	}
	return nil, nil, &sink.Reject{Err: errors.New("constraint failed"), Rows: bad}
}

// fails has the store answer so from now on, when a batch is in or before.
func (s *store) fails(in bool, h hook) {
	s.set(func() {
		if s.before, s.after = h, nil; in {
			s.before, s.after = nil, h
		}
	})
}

func (s *store) heal() { s.fails(false, nil) }

// keep has the rows that check gave.
func (s *store) keep(msgs, ids []string) {
	s.rows = append(s.rows, msgs...)
	for _, id := range ids {
		s.ids[id]++
	}
}

// badSevens are rows that are refused for themselves: one of ten.
func badSevens(msg string) (why string, bad bool) {
	return "bad value " + msg, strings.HasSuffix(msg, "7")
}

func badM7(msg string) (why string, bad bool) { return "bad", msg == "m7" }

func (f *fakeSink) Close() error { return nil }

// Fit implements sink.Cutter.
func (f *fakeSink) Fit(b *sink.Batch) int { return f.s.fits(b) }

func (s *store) fits(b *sink.Batch) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fit == 0 {
		return b.Len()
	}
	return min(s.fit, b.Len())
}

func (s *store) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rows)
}

func (s *store) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// program is one process: a spool and a deliverer over a folder.
type program struct {
	t      *testing.T
	spool  *spool.Spool
	d      *Deliverer
	stores map[string]*store
	log    *strings.Builder
	n      int
}

var fast = Pace{
	RetryMin: time.Millisecond, RetryMax: 5 * time.Millisecond, RefuseMin: 5 * time.Millisecond, RefuseMax: 10 * time.Millisecond,
	Scan: 10 * time.Millisecond, Lock: 5 * time.Millisecond,
}

// logLevel shows what delivery says with -v.
func logLevel() slog.Level {
	if testing.Verbose() {
		return slog.LevelDebug
	}
	return slog.LevelError + 1
}

// start begins a program whose handlers h0, h1 … write to the named stores.
func start(t *testing.T, dir string, maxBytes int64, stores map[string]*store, at ...string) *program {
	t.Helper()
	return startTelling(t, dir, maxBytes, 0, stores, at...)
}

// startLife is start with one handler, and with messages that no other life has.
func startLife(t *testing.T, dir string, life int, stores map[string]*store, at string) *program {
	t.Helper()
	p := start(t, dir, 0, stores, at)
	p.n = life * 100_000
	return p
}

// drain starts a program that delivers what dead ones left, until no run but its own is there.
func drain(t *testing.T, dir string, stores map[string]*store, at string) {
	t.Helper()
	p := start(t, dir, 0, stores, at)
	p.d.Start()
	eventually(t, "all runs are drained", func() bool { return len(runFolders(t, dir)) == 1 })
	p.stop()
}

// startTelling is start with records of girok.gap that go to the handlers of gaps.
func startTelling(t *testing.T, dir string, maxBytes int64, gaps uint64, stores map[string]*store, at ...string) *program {
	t.Helper()
	cfg := spool.RunConfig{Service: "svc", Host: "host", Dir: dir, GapMask: gaps}
	for i, name := range at {
		cfg.Handlers = append(cfg.Handlers, spool.HandlerConfig{
			Bit: i, Name: fmt.Sprintf("h%d", i), Class: fakeClass(name), Keys: fakeKeys(name),
		})
	}
	p := &program{t: t, stores: stores, log: &strings.Builder{}}
	var made atomic.Pointer[Deliverer] // the spool wakes it from a goroutine of its own
	sp, err := spool.Open(spool.Options{RestoreEvery: 10 * time.Millisecond, Dir: dir, Config: cfg, MaxBytes: maxBytes, Wake: func() {
		if d := made.Load(); d != nil {
			d.Wake()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	p.spool = sp
	p.d = New(Options{Spool: sp, Kinds: []sink.Kind{kind(stores), namedKind(stores), countedKind(stores)}, Pace: fast, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: logLevel()}))})
	made.Store(p.d)
	return p
}

// fakeKeys is a handler's configuration: "a" writes to store a, "a!" too, with
// columns that fit no row.
func fakeKeys(name string) []byte {
	at, wrong := strings.CutSuffix(strings.TrimRight(name, "#%"), "!")
	return fmt.Appendf(nil, `{"class":%q,"at":%q,"wrong":%v}`, fakeClass(name), at, wrong)
}

// fakeClass is the class of a handler: "a#" and "a%" write to store a with a journal.
func fakeClass(name string) string {
	switch {
	case strings.HasSuffix(name, "#"):
		return "named"
	case strings.HasSuffix(name, "%"):
		return "counted"
	}
	return "fake"
}

// append appends records for the handlers of mask.
func (p *program) append(mask uint64, msgs ...string) {
	p.t.Helper()
	for _, msg := range msgs {
		e := record.NewEncoder(nil)
		e.Begin(&record.Header{Mask: mask, Level: record.Info, Time: time.Now(), Message: msg})
		if _, err := p.spool.Appender().Append(e.Finish()); err != nil {
			p.t.Fatal(err)
		}
		e.Release()
	}
}

func (p *program) appendN(mask uint64, n int) {
	p.t.Helper()
	for range n {
		p.append(mask, fmt.Sprintf("m%d", p.n))
		p.n++
	}
}

// appendUntil appends until something has happened, for more than one batch; it says how
// many.
func (p *program) appendUntil(happened <-chan struct{}) (n int) {
	p.t.Helper()
	for {
		p.appendN(1, 20)
		n += 20
		select {
		case <-happened:
			return n
		case <-time.After(10 * time.Millisecond): // more batches
		}
	}
}

// delivers appends records, delivers all that it can, and ends.
func (p *program) delivers(n int) {
	p.t.Helper()
	p.appendN(1, n)
	p.d.Start()
	p.flush()
	p.stop()
}

// stop ends the program in order.
func (p *program) stop() {
	p.t.Helper()
	p.stopWithin(patience)
}

// stopWithin does so in less time; what can't be delivered takes all of it.
func (p *program) stopWithin(d time.Duration) {
	p.t.Helper()
	p.spool.Seal()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	p.d.Close(ctx)
	p.spool.Release()
}

// die ends the program as a kill would: nothing of the own run is delivered or
// noted any more.
func (p *program) die() {
	p.spool.Seal()
	p.d.cancel()
	<-p.d.done
	p.d.wg.Wait()
	p.d.unlock()
	p.spool.Release()
}

func (p *program) flush() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.d.Flush(ctx); err != nil {
		p.t.Fatal(err)
	}
}

// patience is for a busy machine; what it waits for takes milliseconds.
const patience = 30 * time.Second

// eventually waits until f is true.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if f() {
			return
		}
	}
	t.Fatalf("not within %v: %s", patience, what)
}

// once checks that a store holds exactly so many messages, each once.
func once(t *testing.T, s *store, n int) {
	t.Helper()
	onceIn(t, one(s), n)
}

// onceIn checks that the stores hold so many messages together, each once.
func onceIn(t *testing.T, stores map[string]*store, n int) {
	t.Helper()
	seen, ids := map[string]int{}, map[string]int{}
	for _, s := range stores {
		s.set(func() {
			for _, r := range s.rows {
				seen[r]++
			}
			for id, k := range s.ids {
				ids[id] += k
			}
		})
	}
	for what, times := range map[string]map[string]int{"message": seen, "id": ids} {
		for it, k := range times {
			if k > 1 {
				t.Errorf("%s %q is in %d times", what, it, k)
			}
		}
	}
	if len(seen) != n || len(ids) != n {
		t.Errorf("%d rows with %d ids, want %d", len(seen), len(ids), n)
	}
}

// lettersAre checks that there are so many letters, and none that is only tried.
func lettersAre(t *testing.T, dir string, n int) {
	t.Helper()
	letters, err := Letters(filepath.Join(dir, "svc"))
	if err != nil || len(letters) != n {
		t.Errorf("%d letters, want %d; %v", len(letters), n, err)
	}
	if tries, _ := filepath.Glob(filepath.Join(dir, "svc/dead/*/*"+trySuffix)); len(tries) > 0 {
		t.Errorf("tries are left: %v", tries)
	}
}

func runFolders(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "svc", "runs", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

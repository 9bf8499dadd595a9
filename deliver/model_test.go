package deliver

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

var (
	modelSeeds = flag.Int("model.seeds", 6, "how many random histories TestModel tries; hundreds by hand")
	modelTime  = flag.Duration("model.time", 0, "how long TestModel goes on with random histories, in place of model.seeds")
	modelSeed  = flag.Uint64("model.seed", 0, "the only one to try, as TestModel printed it")
)

// TestModel does random things to a spool and its delivery and compares what comes
// of it with a simple model: of each handler, every record whose append returned
// without an error is in the destination once or in the dead letters once, or it is
// one of those that were counted as lost; or somebody dropped its run.
func TestModel(t *testing.T) {
	seeds := make([]uint64, *modelSeeds)
	for i := range seeds {
		seeds[i] = rand.Uint64()
	}
	if *modelSeed != 0 {
		seeds = []uint64{*modelSeed}
	}
	history := func(seed uint64) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			m := newModel(t, seed)
			for range 60 {
				m.step()
			}
			m.finish()
		})
	}
	for end := time.Now().Add(*modelTime); time.Now().Before(end) && !t.Failed(); {
		history(rand.Uint64())
	}
	for _, seed := range seeds {
		if *modelTime == 0 {
			history(seed)
		}
	}
}

// handlers of the model: h0 writes to store a, h1 to store b, in some histories by pieces.
const modelHandlers = 2

type model struct {
	*testing.T
	rnd    *rand.Rand
	dir    string
	stores map[string]*store
	second string // how the second handler writes: with a position in store b, or by pieces
	live   []*program
	steps  []string // what was done

	n       int
	sent    [modelHandlers]map[string]*program // by message: who appended it
	failed  [modelHandlers]uint64              // appends that returned an error
	pages   map[record.RunID]*spool.Counters   // mapped, and so readable when a run is gone
	runs    map[record.RunID]*program
	dropped map[*program]bool
	copied  bool // a program ended in the middle of what it did
	again   bool // letters were given back: so many bad rows that none may be set aside any more
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{
		T: t, rnd: rand.New(rand.NewPCG(seed, 1)), dir: t.TempDir(),
		stores: map[string]*store{"a": newStore(), "b": newStore()}, runs: map[record.RunID]*program{}, pages: map[record.RunID]*spool.Counters{}, dropped: map[*program]bool{},
	}
	m.second = []string{"b", "b%"}[m.rnd.IntN(2)]
	m.note("the second handler is %s", m.second)
	for i := range m.sent {
		m.sent[i] = map[string]*program{}
	}
	for _, s := range m.stores {
		s.reject = func(msg string) (string, bool) { return "it is bad", strings.HasPrefix(msg, "bad") }
	}
	t.Cleanup(func() {
		for _, p := range m.live {
			p.die()
		}
		if t.Failed() {
			t.Logf("try it again with -model.seed %d; what was done:\n%s", seed, strings.Join(m.steps, "\n"))
		}
	})
	return m
}

func (m *model) step() {
	if len(m.live) == 0 {
		m.start()
	}
	p := m.live[m.rnd.IntN(len(m.live))]
	switch n := m.rnd.IntN(100); {
	case n < 40:
		m.append(p, 1+m.rnd.IntN(60), m.rnd.IntN(300))
	case n < 50:
		m.append(p, 1+m.rnd.IntN(60), 60_000) // some of it may have to go
	case n < 58 && len(m.live) < 3:
		m.start()
	case n < 64:
		m.note("one dies")
		m.leave(p, (*program).die)
	case n < 70:
		m.note("one ends in order")
		m.leave(p, (*program).closeSoon)
	case n < 73:
		m.crash()
	case n < 76 && len(m.live) < 3:
		m.note("one comes that wants the destinations")
		m.begin(true)
	case n < 79:
		m.replay()
	case n < 90:
		m.weather()
	case n < 93:
		m.drop()
	default:
		time.Sleep(time.Duration(m.rnd.IntN(20)) * time.Millisecond)
	}
}

func (m *model) note(format string, args ...any) {
	m.steps = append(m.steps, fmt.Sprintf(format, args...))
}

func (m *model) start() { m.begin(false) }

// begin starts a program; want: one to which the others hand over.
func (m *model) begin(want bool) {
	m.Helper()
	p := start(m.T, m.dir, 4<<20, m.stores, "a", m.second)
	run := p.spool.Writer().Run()
	m.runs[run.ID], m.pages[run.ID] = p, run.Counters()
	p.d.opts.Want = want
	p.d.Start()
	m.live = append(m.live, p)
	m.note("a program starts: run %s", p.spool.Writer().Run().ID)
}

func (m *model) append(p *program, n, room int) { m.appendTo(p, uint64(1+m.rnd.IntN(3)), n, room) }

func (m *model) appendTo(p *program, mask uint64, n, room int) {
	m.note("run %s: %d records of %d bytes for %d", p.spool.Writer().Run().ID, n, room, mask)
	for range n {
		name := fmt.Sprintf("m%06d", m.n)
		if room < 1000 && m.rnd.IntN(40) == 0 { // letters may not take much
			name = fmt.Sprintf("bad%06d", m.n)
		}
		m.n++
		e := record.NewEncoder(nil)
		e.Begin(&record.Header{Mask: mask, Level: record.Info, Time: time.Now(), Message: name + " " + strings.Repeat("x", room)})
		_, err := p.spool.Appender().Append(e.Finish())
		e.Release()
		for h := range m.sent {
			switch {
			case mask&(1<<h) == 0:
			case err == nil:
				m.sent[h][name] = p
			case errors.Is(err, spool.ErrFull):
				m.failed[h]++
			default:
				m.Fatal(err)
			}
		}
	}
}

// closeSoon ends a program in order, and gives it little time for it.
func (p *program) closeSoon() {
	p.spool.Seal()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	p.d.Close(ctx)
	p.d.wg.Wait() // what did not end in time keeps its lock, until the process is gone
	p.d.unlock()
	p.spool.Release()
}

// leave ends a program.
func (m *model) leave(p *program, how func(*program)) {
	how(p)
	m.live = slices.DeleteFunc(m.live, func(o *program) bool { return o == p })
}

// lost is what the pages of all runs count for a handler.
func (m *model) lost(h int) (all uint64) {
	for _, page := range m.pages {
		n, _, _ := page.Slot(h).Lost()
		all += n
	}
	return all
}

// crash ends all programs at once, in the middle of what they do: the folder is
// copied as it is, and what comes after goes on in the copy.
func (m *model) crash() {
	m.note("all crash")
	m.copied = true
	for _, p := range m.live {
		p.d.cancel()
		<-p.d.done
		p.d.wg.Wait()
	}
	next := m.TempDir()
	err := os.CopyFS(filepath.Join(next, "svc"), os.DirFS(filepath.Join(m.dir, "svc")))
	for errors.Is(err, fs.ErrNotExist) { // a writer has let a segment go meanwhile
		next = m.TempDir()
		err = os.CopyFS(filepath.Join(next, "svc"), os.DirFS(filepath.Join(m.dir, "svc")))
	}
	if err != nil {
		m.Fatal(err)
	}
	for _, d := range []string{"", "runs", "to", "dead"} { // modes are not copied
		if err := os.Chmod(filepath.Join(next, "svc", d), 0o700); err != nil {
			m.Fatal(err)
		}
	}
	// The writers still make room in the folder of before: what counts is the copy.
	copied, err := spool.List(filepath.Join(next, "svc"))
	if err != nil {
		m.Fatal(err)
	}
	for _, r := range copied {
		m.pages[r.ID] = r.Counters()
	}
	for _, p := range m.live {
		p.d.unlock()
		p.spool.Seal()
		p.spool.Release()
	}
	m.live, m.dir = nil, next
}

// weather changes how a destination behaves.
func (m *model) weather() {
	name := []string{"a", "b"}[m.rnd.IntN(2)]
	s := m.stores[name]
	kind := m.rnd.IntN(6)
	m.note("store %s: %s", name, [...]string{"well", "down", "refuses", "answers are lost", "does not say which rows are bad", "both of that"}[kind])
	s.set(func() {
		s.before, s.after, s.blind = nil, nil, kind == 4 || kind == 5
		switch kind {
		case 1:
			s.before = func(*sink.Batch) error { return errors.New("down") }
		case 2:
			s.before = func(*sink.Batch) error { return &sink.Refused{Err: errors.New("no right")} }
		case 3, 5:
			n := 0
			s.after = func(*sink.Batch) error {
				if n++; n%2 == 0 {
					return errors.New("connection reset")
				}
				return nil
			}
		}
	})
}

// replay gives dead letters back. They are bad still, or are taken now.
func (m *model) replay() {
	service := filepath.Join(m.dir, "svc")
	list, err := Letters(service)
	if err != nil {
		m.Fatal(err)
	}
	h := m.rnd.IntN(modelHandlers)
	var given []*Letter
	for i := range list {
		if list[i].Handler == fmt.Sprint("h", h) {
			given = append(given, &list[i])
		}
	}
	if len(given) == 0 {
		return
	}
	m.again = true
	at, taken := string(rune('a'+h)), m.rnd.IntN(2) == 0
	m.note("%d letters are given back to %s; taken: %v", len(given), at, taken)
	m.stores[at].set(func() {
		m.stores[at].reject = func(msg string) (string, bool) { return "it is bad", !taken && strings.HasPrefix(msg, "bad") }
	})
	name := []string{"a", m.second}[h]
	cfg := spool.RunConfig{Service: "svc", Host: "host", Dir: m.dir, Handlers: []spool.HandlerConfig{{
		Bit: h, Name: fmt.Sprint("h", h), Class: fakeClass(name), Keys: fakeKeys(name),
	}}}
	if err := Replay(service, cfg, given); err != nil && !errors.Is(err, errReplaying) {
		m.Fatal(err)
	}
	runs, err := spool.List(service)
	if err != nil {
		m.Fatal(err)
	}
	for _, r := range runs {
		if m.pages[r.ID] == nil {
			m.pages[r.ID] = r.Counters()
		}
	}
}

// drop removes a dead run, as an operator may: what it had may be lost.
func (m *model) drop() {
	list, err := spool.List(filepath.Join(m.dir, "svc"))
	if err != nil {
		m.Fatal(err)
	}
	for _, r := range list {
		if p := m.runs[r.ID]; p != nil && !r.Alive() { // one of letters has records of many
			m.note("run %s is dropped", r.ID)
			m.dropped[p] = true
			if err := r.Remove(); err != nil {
				m.Error(err)
			}
			return
		}
	}
}

// finish mends the destinations, lets one more program deliver what is left, and
// compares.
func (m *model) finish() {
	m.Helper()
	for _, s := range m.stores {
		s.set(func() {
			if s.before, s.after, s.blind = nil, nil, false; m.again {
				s.reject = nil
			}
		})
	}
	for len(m.live) > 0 {
		m.leave(m.live[0], (*program).die)
	}
	m.start()
	last := m.live[0]
	m.appendTo(last, 3, 1, 10) // so that each store is opened, and forgets the runs that are gone
	defer func() {
		for _, b := range last.d.Backlog() {
			m.Logf("left: %s of run %s, %d bytes, %s %s", b.Handler, b.Run.ID, b.Bytes, b.State, b.Cause)
		}
	}()
	eventually(m.T, "all dead runs are drained", func() bool { return len(runFolders(m.T, m.dir)) == 1 })
	m.leave(last, (*program).stop)
	if left := runFolders(m.T, m.dir); len(left) != 0 {
		m.Errorf("runs are left: %v", left)
	}
	letters, err := Letters(filepath.Join(m.dir, "svc"))
	if err != nil {
		m.Error(err)
	}
	if tries := triesIn(m.T, m.dir); len(tries) > 0 && len(m.dropped) == 0 {
		m.Errorf("letters are left that do not count: %v", tries)
	}
	for h := range m.sent {
		m.compare(h, m.stores[string(rune('a'+h))], letters)
	}
}

// triesIn lists the letters that do not count yet.
func triesIn(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "svc", "dead", "*", "*"+trySuffix))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func (m *model) compare(h int, s *store, letters []Letter) {
	m.Helper()
	got := map[string]int{}
	for _, row := range s.rows {
		got[nameOf(row)]++
	}
	var v record.View
	for _, l := range letters {
		if l.Handler != fmt.Sprint("h", h) {
			continue
		}
		if err := v.Parse(l.Frame); err != nil || !strings.HasPrefix(string(v.Message), "bad") {
			m.Errorf("h%d: a letter of %q, %v", h, v.Message, err)
		}
		got[nameOf(string(v.Message))]++
	}
	for name, n := range got {
		if m.sent[h][name] == nil || n != 1 {
			m.Errorf("h%d: %s came %d times; sent: %v", h, name, n, m.sent[h][name] != nil)
		}
	}
	missing, free := uint64(0), uint64(0) // that count as lost; that were dropped
	for name, p := range m.sent[h] {
		switch {
		case got[name] > 0:
		case m.dropped[p]:
			free++
		default:
			missing++
		}
	}
	for name, p := range m.sent[h] {
		if got[name] == 0 && !m.dropped[p] {
			m.note("h%d: %s of run %s is missing", h, name, p.spool.Writer().Run().ID)
		}
	}
	// What was lost of a run that was dropped later may be among either. A folder
	// that is copied while segments go may have one that counts as lost.
	if lost := m.lost(h) - m.failed[h]; missing > lost || !m.copied && missing+free < lost {
		m.Errorf("h%d: %d of %d records are missing and %d were dropped, %d counted as lost", h, missing, len(m.sent[h]), free, lost)
	}
	if len(s.positions) != 0 && len(m.dropped) == 0 {
		m.Errorf("h%d: positions are left: %v", h, slices.Collect(maps.Keys(s.positions)))
	}
}

func nameOf(row string) string {
	name, _, _ := strings.Cut(row, " ")
	return name
}

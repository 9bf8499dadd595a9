//go:build unix

package deliver

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

var processSeeds = flag.Int("model.processes", 2, "how many random histories TestProcesses tries; model.time and model.seed hold for it too")

// TestProcesses is TestModel with real processes: up to three at a time write one
// spool and compete for its two destinations. They are killed, stopped, replaced and
// reloaded at random; with the tag girok_crash many die in windows of the code. What
// comes of it is compared run by run: of each handler, every record whose append
// returned without an error is in its table once or in the dead letters once, or it
// is one of those that the run counts as lost, and these are told once. Never do two
// processes have a destination at a time.
func TestProcesses(t *testing.T) {
	history := func(seed uint64) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			m := newProcesses(t, seed)
			for range 60 {
				m.step()
			}
			m.finish()
		})
	}
	if *modelSeed != 0 {
		history(*modelSeed)
		return
	}
	begin := time.Now()
	for i := 0; (i < *processSeeds || time.Since(begin) < *modelTime) && !t.Failed(); i++ {
		history(rand.Uint64())
	}
}

// processes are those of one history, and the model of what they do.
type processes struct {
	*testing.T
	rnd     *rand.Rand
	dir     string
	named   bool // the second handler is of class name
	remotes *remotes
	live    []*process
	all     []*process
	steps   []string
	ended   map[string]int // by how
	again   bool           // letters were given back

	mu   sync.Mutex
	sent map[string]*sentRecord // by name
}

// sentRecord is what is known of a record.
type sentRecord struct {
	by    *process
	mask  uint64   // of handlers by number, not by bit
	run   *runSeen // that it was given to; nil: nobody has said so
	full  bool     // it was given back, and counts as lost
	maybe bool     // its process died before it could say what came of it
}

// runSeen is a run of one of the processes.
type runSeen struct {
	by      *process
	config  int
	id      record.RunID
	page    *spool.Counters       // mapped, and so readable when the run is gone
	failed  [modelHandlers]uint64 // records that were given back, by handler
	dropped bool
}

// A configuration has a number: its bits say whether those of the handlers are
// exchanged, and which table they write to.
const configurations = 4

func bitOf(handler, config int) int { return handler ^ config&1 }

func tableOf(config int) string { return fmt.Sprint("t", config>>1) }

// endpointOf is where a handler writes.
func endpointOf(handler int) string { return string(rune('a' + handler)) }

func handlerOf(handler, config int, named bool) spool.HandlerConfig {
	class := "fake"
	if named && handler == 1 {
		class = "named"
	}
	return spool.HandlerConfig{
		Bit: bitOf(handler, config), Name: fmt.Sprint("h", handler), Class: class,
		Keys: fmt.Appendf(nil, `{"class":%q,"at":%q,"table":%q}`, class, endpointOf(handler), tableOf(config)),
	}
}

// configurationOf is that of a number. The first handler is told of gaps.
func configurationOf(dir string, config int, named bool) spool.RunConfig {
	cfg := spool.RunConfig{Service: "svc", Host: "host", Dir: dir, GapMask: 1 << bitOf(0, config)}
	for h := range modelHandlers {
		cfg.Handlers = append(cfg.Handlers, handlerOf(h, config, named))
	}
	return cfg
}

func newProcesses(t *testing.T, seed uint64) *processes {
	m := &processes{T: t, rnd: rand.New(rand.NewPCG(seed, 2)), dir: t.TempDir(), sent: map[string]*sentRecord{}, ended: map[string]int{}}
	m.named = m.rnd.IntN(2) == 0
	m.remotes = newRemotes(m.clash, "a/t0", "a/t1", "b/t0", "b/t1")
	for h := range modelHandlers {
		m.refuseBad(h, true)
	}
	t.Cleanup(func() {
		for _, p := range m.all {
			p.kill()
		}
		if t.Failed() {
			for _, p := range m.all {
				t.Logf("%s said:\n%s", p, p.told.String())
			}
			t.Logf("try it again with -model.seed %d; what was done:\n%s", seed, strings.Join(m.steps, "\n"))
		}
	})
	return m
}

func (m *processes) note(format string, args ...any) {
	m.steps = append(m.steps, time.Now().Format("05.000 ")+fmt.Sprintf(format, args...))
}

// clash is called when a process opens a destination that another one has open. One
// that is killed has lost its lock before its connection is seen to end; one that may
// end by itself is waited for.
func (m *processes) clash(at string, holder, by any) {
	p := holder.(*process)
	if p.killed.Load() {
		return
	}
	if p.mayEnd.Load() {
		select {
		case <-p.gone:
			return
		case <-time.After(patience):
		}
	}
	m.Errorf("%s opens %s, which %s has", by, at, p)
}

func (m *processes) step() {
	m.reap()
	if len(m.live) == 0 {
		m.start(false)
		return // it may have died on the way
	}
	p := m.live[m.rnd.IntN(len(m.live))]
	switch n := m.rnd.IntN(100); {
	case n < 30:
		m.append(p, 1+m.rnd.IntN(60), m.rnd.IntN(300))
	case n < 44:
		m.append(p, 1+m.rnd.IntN(60), 60_000) // some of it may have to go
	case n < 54 && len(m.live) < 3:
		m.start(false)
	case n < 57 && len(m.live) < 3:
		m.start(true)
	case n < 65:
		m.note("%s is killed", p)
		p.kill()
	case n < 70:
		m.note("%s ends in order", p)
		p.end(time.Duration(m.rnd.IntN(200)) * time.Millisecond)
	case n < 72:
		m.note("all are killed")
		for _, p := range m.live {
			p.kill()
		}
	case n < 77:
		m.stop(p)
	case n < 83:
		config := m.rnd.IntN(configurations)
		m.note("%s has another configuration: %d", p, config)
		p.do("it is reloaded", "reload %d", config)
	case n < 87:
		m.replay(p)
	case n < 95:
		m.weather()
	case n < 97:
		m.drop()
	default:
		time.Sleep(time.Duration(m.rnd.IntN(50)) * time.Millisecond)
	}
}

// reap takes out who has ended.
func (m *processes) reap() {
	m.live = slices.DeleteFunc(m.live, func(p *process) bool {
		select {
		case <-p.gone:
		default:
			return false
		}
		m.ended[p.how]++
		return true
	})
}

// start starts a process; want: one to which the others hand over.
func (m *processes) start(want bool) {
	a := asked{Dir: m.dir, Config: m.rnd.IntN(configurations), Named: m.named, Want: want, WriteOnly: !want && m.rnd.IntN(4) == 0}
	aim := ""
	if crash.Enabled && m.rnd.IntN(2) == 0 {
		aim = m.aim()
	}
	m.startAs(a, aim)
}

// aim is a window in which a process is to die.
func (m *processes) aim() string {
	windows := []crash.Window{
		crash.Reserved, crash.Committed,
		crash.BatchRead, crash.Answered, crash.Noted, crash.Journaled, crash.LetterWritten, crash.RunRemoval, crash.RunForgotten, crash.ReplayLetter,
		crash.RunBirth, crash.Roll, crash.Rolled, crash.Reuse, crash.Reload, crash.HandOver, crash.HandedOn,
		crash.ReplayMade, crash.ReplayNoted, crash.ReplayPublished, crash.ReplayEnded, crash.RoomNoted, crash.RoomMade,
	}
	i, most := m.rnd.IntN(len(windows)), 2
	switch {
	case i < 2:
		most = 100
	case i < 10:
		most = 8
	}
	return fmt.Sprintf("%s:%d", windows[i], 1+m.rnd.IntN(most))
}

// append has a process append records, and does not wait for it. Those of before have
// their answers then.
func (m *processes) append(p *process, n, room int) {
	m.appendTo(p, uint64(1+m.rnd.IntN(3)), n, room)
}

func (m *processes) appendTo(p *process, mask uint64, n, room int) {
	if !p.await("its appends have returned", func() bool { return len(p.batch) == 0 }) {
		return
	}
	m.note("%s appends %d records of %d bytes for %d", p, n, room, mask)
	var names []string
	m.mu.Lock()
	for range n {
		name := fmt.Sprintf("m%06d", len(m.sent))
		if room < 1000 && m.rnd.IntN(40) == 0 { // letters may not take much
			name = fmt.Sprintf("bad%06d", len(m.sent))
		}
		m.sent[name] = &sentRecord{by: p, mask: mask}
		names = append(names, name)
	}
	m.mu.Unlock()
	p.mu.Lock()
	p.batch = names
	p.mu.Unlock()
	p.say("append %d %d %s", mask, room, strings.Join(names, " "))
}

// stop stops a process for a moment, while the others write.
func (m *processes) stop(p *process) {
	m.note("%s is stopped", p)
	_ = p.cmd.Process.Signal(syscall.SIGSTOP) // one that has ended is noticed in reap
	for _, o := range m.live {
		if o != p {
			m.append(o, 1+m.rnd.IntN(20), m.rnd.IntN(300))
		}
	}
	time.Sleep(time.Duration(m.rnd.IntN(400)) * time.Millisecond)
	if m.rnd.IntN(3) == 0 {
		m.note("%s is killed", p)
		p.kill()
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGCONT)
	m.note("%s goes on", p)
}

// replay has a process give dead letters back. They are bad still, or are taken now.
func (m *processes) replay(p *process) {
	h, config, taken := m.rnd.IntN(modelHandlers), m.rnd.IntN(configurations), m.rnd.IntN(2) == 0
	m.again = true
	m.note("%s gives letters of h%d back to %s; taken: %v", p, h, tableOf(config), taken)
	m.refuseBad(h, !taken)
	p.do("letters are given back", "replay %d %d", h, config)
}

// storesOf are those of a handler.
func (m *processes) storesOf(h int) (list []*store) {
	for name, s := range m.remotes.stores {
		if strings.HasPrefix(name, endpointOf(h)+"/") {
			list = append(list, s)
		}
	}
	return list
}

// refuseBad says whether the stores of a handler refuse rows that are bad.
func (m *processes) refuseBad(h int, refuse bool) {
	for _, s := range m.storesOf(h) {
		s.set(func() {
			s.reject = func(msg string) (string, bool) { return "it is bad", refuse && strings.HasPrefix(msg, "bad") }
		})
	}
}

// weather changes how a destination behaves.
func (m *processes) weather() {
	h, kind := m.rnd.IntN(modelHandlers), m.rnd.IntN(7)
	m.note("endpoint %s: %s", endpointOf(h), [...]string{"well", "down", "refuses", "answers are lost", "does not say which rows are bad", "both of that", "takes one batch"}[kind])
	for _, s := range m.storesOf(h) {
		s.set(func() {
			s.before, s.after, s.blind = nil, nil, kind == 4 || kind == 5
			n := 0
			switch kind {
			case 1:
				s.before = func(*sink.Batch) error { return errors.New("down") }
			case 2:
				s.before = func(*sink.Batch) error { return &sink.Refused{Err: errors.New("no right")} }
			case 3, 5:
				s.after = func(*sink.Batch) error {
					if n++; n%2 == 0 {
						return errors.New("connection reset")
					}
					return nil
				}
			case 6:
				s.before = func(*sink.Batch) error {
					if n++; n > 1 {
						return errors.New("down")
					}
					return nil
				}
			}
		})
	}
}

// drop removes a dead run, as an operator may: what it had may be lost.
func (m *processes) drop() {
	list, err := spool.List(filepath.Join(m.dir, "svc"))
	if err != nil {
		m.Error(err)
	}
	for _, r := range list {
		if run := m.seen(r.ID); run != nil && !r.Alive() { // one of letters has records of many
			m.note("run %s is dropped", r.ID)
			run.dropped = true
			if err := r.Remove(); err != nil {
				m.Error(err)
			}
			return
		}
	}
}

// runs are those of all processes.
func (m *processes) runs() (list []*runSeen) {
	for _, p := range m.all {
		p.mu.Lock()
		list = append(list, p.runs...)
		p.mu.Unlock()
	}
	return list
}

func (m *processes) seen(id record.RunID) *runSeen {
	runs := m.runs()
	i := slices.IndexFunc(runs, func(r *runSeen) bool { return r.id == id })
	if i < 0 {
		return nil
	}
	return runs[i]
}

// finish mends the destinations, lets one more process deliver what is left, and
// compares.
func (m *processes) finish() {
	m.Helper()
	for _, p := range m.live {
		p.kill()
	}
	m.reap()
	for _, s := range m.remotes.stores {
		s.set(func() {
			if s.before, s.after, s.blind = nil, nil, false; m.again {
				s.reject = nil // so many may be bad that none is set aside any more
			}
		})
	}
	last := m.startAs(asked{Dir: m.dir, Named: m.named}, "")
	for config := range configurations { // so that each table is opened, and forgets the runs that are gone
		last.do("it is reloaded", "reload %d", config)
		m.appendTo(last, 3, 1, 10)
	}
	left := func() []string {
		list, err := filepath.Glob(filepath.Join(m.dir, "svc", "runs", "*", "config"))
		if err != nil {
			m.Fatal(err)
		}
		return list
	}
	for range 2 { // while the folder is listed one run may go for which another tells what it lost
		last.await("all dead runs are drained", func() bool { return len(left()) == 1 })
	}
	last.end(patience)
	if list := left(); len(list) != 0 {
		m.Errorf("runs are left: %v", list)
	}
	letters, err := Letters(filepath.Join(m.dir, "svc"))
	if err != nil {
		m.Error(err)
	}
	if tries := triesIn(m.T, m.dir); len(tries) > 0 && !slices.ContainsFunc(m.runs(), func(r *runSeen) bool { return r.dropped }) {
		m.Errorf("letters are left that do not count: %v", tries)
	}
	m.reap()
	m.Logf("ended: %v", m.ended)
	for h := range modelHandlers {
		m.compare(h, letters)
	}
	m.compareGaps()
}

// compare looks where the records of a handler are.
func (m *processes) compare(h int, letters []Letter) {
	m.Helper()
	got := map[string][]string{} // tables, by name
	dropped := false
	for name, s := range m.remotes.stores {
		if table, ok := strings.CutPrefix(name, endpointOf(h)+"/"); ok {
			for _, row := range s.rows {
				if !strings.HasPrefix(row, gapMessage) {
					got[nameOf(row)] = append(got[nameOf(row)], table)
				}
			}
		}
	}
	var v record.View
	for _, l := range letters {
		if l.Handler != fmt.Sprint("h", h) {
			continue
		}
		if err := v.Parse(l.Frame); err != nil || !strings.HasPrefix(string(v.Message), "bad") {
			m.Errorf("h%d: a letter of %q, %v", h, v.Message, err)
		}
		got[nameOf(string(v.Message))] = append(got[nameOf(string(v.Message))], l.Target)
	}
	missing, unknown := map[*runSeen]uint64{}, map[*process]uint64{}
	for name, tables := range got {
		if r := m.sent[name]; r == nil || r.mask&(1<<h) == 0 || len(tables) != 1 || r.full || r.run != nil && tables[0] != tableOf(r.run.config) || r.run == nil && !r.maybe {
			m.Errorf("h%d: %s is in %v; what is known of it: %+v", h, name, tables, r)
		}
	}
	for name, r := range m.sent {
		switch {
		case r.mask&(1<<h) == 0 || len(got[name]) > 0 || r.full:
		case r.maybe:
			unknown[r.by]++
		case r.run != nil:
			missing[r.run]++
		}
	}
	for _, run := range m.runs() {
		n, _, _ := run.page.Slot(bitOf(h, run.config)).Lost()
		dropped = dropped || run.dropped
		if lost := n - run.failed[h]; !run.dropped && (lost < missing[run] || lost > missing[run]+unknown[run.by]) {
			m.Errorf("h%d: of the run %s of %s %d records are missing, %d count as lost; of %d nothing is known", h, run.id, run.by, missing[run], lost, unknown[run.by])
		}
	}
	for name, s := range m.remotes.stores {
		if strings.HasPrefix(name, endpointOf(h)+"/") && len(s.positions) != 0 && !dropped {
			m.Errorf("%s: positions are left: %v", name, s.positions)
		}
	}
}

const gapMessage = "records were lost"

// compareGaps looks whether what was lost was told, all of it and never more: none of
// the processes tells it itself, so each run is left to one that does.
func (m *processes) compareGaps() {
	m.Helper()
	type of struct{ run, handler string }
	told := map[of]uint64{}
	for _, s := range m.storesOf(0) {
		for _, row := range s.rows {
			text, ok := strings.CutPrefix(row, gapMessage)
			if !ok {
				continue
			}
			var gap struct {
				Records      uint64
				Handler, Run string
			}
			if err := json.Unmarshal([]byte(text[strings.Index(text, "{"):]), &gap); err != nil {
				m.Fatalf("%s: %v", row, err)
			}
			told[of{gap.Run, gap.Handler}] += gap.Records
		}
	}
	for _, p := range m.all {
		for _, run := range p.runs {
			for h := range modelHandlers {
				n, _, _ := run.page.Slot(bitOf(h, run.config)).Lost()
				got := told[of{run.id.String(), fmt.Sprint("h", h)}]
				if got > n || got < n && !run.dropped {
					m.Errorf("h%d: the run %s of %s has lost %d records, %d are told", h, run.id, p, n, got)
				}
			}
		}
	}
}

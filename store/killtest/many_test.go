//go:build unix

package killtest

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/record"
	"github.com/girok/girok/spool"
)

var (
	turns   = flag.Int("turns", 16, "how often TestMany ends, stops or replaces who delivers")
	within  = flag.Duration("within", 0, "TestMany fails when the next one takes longer than this; 0: it only tells")
	girokAt = flag.String("girok", "", "the program girok, which takes part in TestMany; absent: it is built")
	stall   = flag.Bool("stall", true, "TestMany stops the holder until the others tell of it, which takes a minute")
)

// writers is how many processes log at a time.
const writers = 4

// patience is how long a test waits for what should take seconds: a busy disk may take
// one for each of hundreds of transactions.
const patience = 5 * time.Minute

// many are the processes that share one configuration, and one that delivers only.
type many struct {
	*arena
	exe   string
	board *board
	all   []*member
	next  int // life
	ended map[string]int
	took  map[string][]time.Duration // from the end of who delivered to the next batch of another

	program string // girok
	came    int    // how often somebody came who only delivers
}

// member is one process.
type member struct {
	*exec.Cmd
	role   string
	aim    string
	out    told
	gone   chan struct{} // closed when it has ended
	killed bool          // by the test
}

// told is what a process says, read while it is said.
type told struct {
	mu sync.Mutex
	b  strings.Builder
}

func (o *told) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *told) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// TestMany: four processes log with one configuration, one of them only writes. Who
// delivers is killed, stopped, or has to hand over to a process that comes for
// that and goes again. Never do two write to the destination at a time, the next
// goes on within two seconds, and each record is there once.
func TestMany(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	m := &many{arena: newArena(t, writers*(1+*turns)), exe: exe, ended: map[string]int{}, took: map[string][]time.Duration{}}
	if m.board, err = openBoard(filepath.Join(m.dir, "board")); err != nil {
		t.Fatal(err)
	}
	defer m.killAll()
	list := []func(){m.killHolder, m.stopHolder, m.replaceHolder, m.killStopped, m.replaceHolder, m.killOther}
	switch *store {
	case "postgres":
		list = append(list, m.killServer)
	case "bigquery", "bigquery-load":
		list = append(list, m.crashServer, m.endStreams)
	}
	m.program = m.build()
	for i := range *turns {
		m.fill()
		m.await("somebody to deliver", func() bool { return m.holder() != nil })
		list[i%len(list)]()
		if n := m.board.clashes.Load(); n > 0 {
			t.Fatalf("turn %d: %d times a process wrote while another one did", i, n)
		}
	}
	if *stall {
		m.fill()
		m.stallHolder()
	}
	m.killAll()
	m.run(-1, "", 0)
	m.check()
	t.Logf("ended: %v", m.ended)
	for what, took := range m.took {
		slices.Sort(took)
		if longest := took[len(took)-1]; *within > 0 && longest > *within {
			t.Errorf("%s: the next batch of another came after %v", what, longest)
		}
		t.Logf("%s: the next batch of another came after %v at the median, %v at most (%d times)", what,
			took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond), len(took))
	}
	t.Logf("batches %d, of two at a time %d", m.board.batches.Load(), m.board.clashes.Load())
	for i, w := range handOver {
		if crash.Enabled && m.came > i && m.ended[w.String()] == 0 {
			t.Errorf("nobody died in the window %v", w)
		}
	}
}

// handOver are the windows of a hand-over: before it is done, and after.
var handOver = []crash.Window{crash.HandOver, crash.HandedOn}

// fill starts writers until there are as many as there should be. Most of those that
// deliver die in some window.
func (m *many) fill() {
	m.reap()
	for len(m.all) < writers {
		role, aim := "writeonly", ""
		if slices.ContainsFunc(m.all, func(o *member) bool { return o.role == "writeonly" }) {
			role, aim = "many", m.aim()
		}
		m.start(role, aim)
	}
}

// aim is where the next one is to die.
func (m *many) aim() string {
	inBatch := []crash.Window{crash.BatchRead, crash.Sent, crash.Answered, crash.Noted, crash.LetterWritten}
	switch n := m.next % 4; n {
	case 0:
		return ""
	case 1, 2:
		return handOver[n-1].String()
	}
	return fmt.Sprintf("%s:%d", inBatch[m.rng.IntN(len(inBatch))], 20+m.rng.IntN(200))
}

func (m *many) start(role, aim string) *member {
	life := -2
	if role != "deliver" {
		life = m.next
		if m.next++; life >= m.lives {
			m.t.Fatalf("more than %d lives", m.lives)
		}
	}
	p := &member{role: role, aim: aim, gone: make(chan struct{})}
	p.Cmd = m.child(m.exe, &p.out, life, aim, role, filepath.Join(m.dir, "board"))
	m.begin(p)
	return p
}

func (m *many) begin(p *member) {
	if err := p.Start(); err != nil {
		m.t.Fatal(err)
	}
	go func() {
		_ = p.Wait() // how it ended is looked at in reap
		close(p.gone)
	}()
	m.all = append(m.all, p)
}

// reap takes out who has ended. Nobody ends but by a kill, or in order when asked.
func (m *many) reap() {
	m.all = slices.DeleteFunc(m.all, func(p *member) bool {
		select {
		case <-p.gone:
		default:
			return false
		}
		window, _, _ := strings.Cut(p.aim, ":")
		switch st := p.ProcessState; {
		case p.killed:
			m.ended[p.role+" killed"]++
		case window != "" && st.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL:
			m.ended[window]++
		case p.role == "deliver" && st.Success(), p.role == "program" && (st.Success() || st.ExitCode() == 3): // 3: records wait
			m.ended[p.role+" in order"]++
		default:
			m.t.Fatalf("a process (%s) ended by itself: %v\n%s", p.role, st, p.out.String())
		}
		return true
	})
}

// end ends a process and waits for that.
func (m *many) end(p *member, sig syscall.Signal) {
	p.killed = sig == syscall.SIGKILL
	_ = p.Process.Signal(sig) // one that has ended is noticed in reap
	<-p.gone
}

func (m *many) killAll() {
	for _, p := range m.all {
		m.end(p, syscall.SIGKILL)
	}
	m.all = nil
}

// await waits for what must come.
func (m *many) await(what string, ok func() bool) {
	m.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			said := ""
			for _, p := range m.all {
				said += fmt.Sprintf("\n%d (%s): %s", p.Process.Pid, p.role, p.out.String())
			}
			m.t.Fatalf("it does not come to that: %s%s", what, said)
		}
	}
}

// holder is who has the lock of the destination right now; nil if nobody of those
// that are there.
func (m *many) holder() *member {
	locks, err := filepath.Glob(filepath.Join(m.dir, "spool/kill/to/*/lock"))
	if err != nil || len(locks) != 1 {
		return nil
	}
	if held, err := spool.Locked(locks[0]); err != nil || !held {
		return nil
	}
	text, err := os.ReadFile(locks[0])
	if err != nil {
		return nil
	}
	pid := 0
	if _, err := fmt.Sscanf(string(text), "pid %d", &pid); err != nil {
		return nil
	}
	m.reap()
	for _, p := range m.all {
		if p.Process.Pid == pid {
			return p
		}
	}
	return nil
}

// takesOver waits for a batch of another process than p, and notes how long that took.
func (m *many) takesOver(what string, p *member, since time.Time) {
	m.await(what+": a batch of another process", func() bool {
		pid, at := m.board.last()
		if pid == p.Process.Pid || at.Before(since) {
			return false
		}
		m.took[what] = append(m.took[what], at.Sub(since))
		return true
	})
}

// delivering waits until somebody delivers, and gives him.
func (m *many) delivering() (p *member) {
	m.await("a batch of who has the lock", func() bool {
		p = m.holder()
		pid, at := m.board.last()
		return p != nil && pid == p.Process.Pid && time.Since(at) < time.Second
	})
	return p
}

func (m *many) killHolder() {
	p := m.delivering()
	m.end(p, syscall.SIGKILL)
	m.takesOver("killed", p, time.Now())
}

// stopHolder stops who delivers for a while: nobody takes its place, and it goes on.
func (m *many) stopHolder() {
	p := m.stopped()
	batches := m.board.batches.Load()
	time.Sleep(time.Duration(200+m.rng.IntN(1500)) * time.Millisecond)
	if n := m.board.batches.Load(); n != batches {
		m.t.Errorf("%d batches were written while the holder was stopped", n-batches)
	}
	_ = p.Process.Signal(syscall.SIGCONT)
	m.await("a batch after the holder goes on", func() bool { return m.board.batches.Load() != batches })
}

// stopped gives a holder that is stopped for sure.
func (m *many) stopped() (p *member) {
	m.await("the holder is stopped", func() bool {
		p = m.delivering()
		if p.Process.Signal(syscall.SIGSTOP) != nil {
			return false
		}
		time.Sleep(50 * time.Millisecond) // another thread of it may be in the middle of a write
		if m.holder() == p {
			return true
		}
		_ = p.Process.Signal(syscall.SIGCONT)
		return false
	})
	return p
}

func (m *many) killStopped() {
	p := m.stopped()
	m.end(p, syscall.SIGKILL)
	m.takesOver("killed while stopped", p, time.Now())
}

// replaceHolder has a process come that only delivers: it gets the destination, and
// when it ends, one of the others does. In turn it is this test and girok run.
func (m *many) replaceHolder() {
	p := m.delivering()
	for crash.Enabled && m.came < len(handOver) && p.aim != handOver[m.came].String() { // the first ones are to die there
		m.end(p, syscall.SIGKILL)
		m.fill()
		p = m.delivering()
	}
	since := time.Now()
	var d *member
	if m.came++; m.came%2 == 0 {
		d = m.startProgram()
	} else {
		d = m.start("deliver", "")
		m.await("who wants the destination delivers", func() bool {
			pid, _ := m.board.last()
			return pid == d.Process.Pid
		})
	}
	what := "handed over, the start of the process included"
	if d.role == "program" {
		what = "handed over to girok run, its start included"
	}
	m.took[what] = append(m.took[what], time.Since(since))
	m.fill() // who had it may have died in the middle of that
	batches := m.board.batches.Load()
	time.Sleep(time.Duration(m.rng.IntN(1000)) * time.Millisecond)
	if n := m.board.batches.Load(); d.role == "program" && n != batches && m.holder() == d {
		m.t.Errorf("%d batches were written by others while girok run delivered", n-batches)
	}
	if m.rng.IntN(2) > 0 {
		since = time.Now()
		m.end(d, syscall.SIGTERM)
		m.takesOver("went in order", d, since)
	} else {
		m.end(d, syscall.SIGKILL)
		m.takesOver("killed", d, time.Now())
	}
}

// build builds girok, unless there is one.
func (m *many) build() string {
	if *girokAt != "" {
		return *girokAt
	}
	path := filepath.Join(m.dir, "girok")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Dir = "../../cmd/girok"
	if out, err := cmd.CombinedOutput(); err != nil {
		m.t.Fatalf("girok can't be built: %v\n%s", err, out)
	}
	return path
}

// startProgram has girok run come, and waits until it has the destination and
// delivers: nobody else writes on the board, so that is seen in the spool.
func (m *many) startProgram() *member {
	p := &member{role: "program", gone: make(chan struct{})}
	p.Cmd = exec.Command(m.program, "run", "--spool", filepath.Join(m.dir, "spool"), "--service", "kill")
	p.Stdout, p.Stderr, p.Dir = &p.out, &p.out, m.dir
	m.begin(p)
	m.await("girok run has the destination", func() bool { return m.holder() == p })
	before := m.delivered()
	m.await("girok run delivers", func() bool {
		for run, n := range m.delivered() {
			if was, ok := before[run]; ok && n > was {
				return m.holder() == p
			}
		}
		return false
	})
	return p
}

// delivered is how far each run is.
func (m *many) delivered() map[record.RunID]uint64 {
	runs, err := spool.List(filepath.Join(m.dir, "spool/kill"))
	if err != nil {
		m.t.Fatal(err)
	}
	all := map[record.RunID]uint64{}
	for _, r := range runs {
		for _, h := range r.Config.Handlers {
			all[r.ID] += r.Counters().Slot(h.Bit).Delivered()
		}
	}
	return all
}

func (m *many) killOther() {
	p := m.delivering()
	if i := slices.IndexFunc(m.all, func(o *member) bool { return o != p }); i >= 0 {
		m.end(m.all[i], syscall.SIGKILL)
	}
}

// killServer kills the server under who delivers: the same one goes on with the next.
func (m *many) killServer() {
	m.delivering()
	pg.server.Kill()
	pg.killed++
	if err := pg.server.Start(); err != nil {
		m.t.Fatal(err)
	}
}

// crashServer breaks all connections under who delivers.
func (m *many) crashServer() {
	m.delivering()
	bq.server.Stop()
	bq.crashed++
	if err := bq.server.Start(); err != nil {
		m.t.Fatal(err)
	}
}

// endStreams ends the stream under who delivers, or with load jobs nothing.
func (m *many) endStreams() {
	m.delivering()
	bq.server.FinalizeAll()
	bq.finished++
}

// stallHolder stops who delivers until one of the others tells of it.
func (m *many) stallHolder() {
	p := m.stopped()
	says := fmt.Sprintf("held_by=%q", fmt.Sprint("pid ", p.Process.Pid))
	says = strings.TrimSuffix(says, `"`) // more follows
	end := time.Now().Add(4 * time.Minute)
	for heard := false; !heard; time.Sleep(50 * time.Millisecond) {
		for _, o := range m.all {
			text := o.out.String()
			heard = heard || strings.Contains(text, "delivers nothing") && strings.Contains(text, says)
		}
		if time.Now().After(end) {
			m.t.Error(errors.New("nobody tells of a holder that is stopped"))
			break
		}
	}
	m.end(p, syscall.SIGKILL)
	m.takesOver("killed while stopped", p, time.Now())
}

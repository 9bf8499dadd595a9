package spool

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

// killEnv makes the test binary the child of the kill test: it appends to the
// spool in this folder until it is killed.
const killEnv = "GIROK_SPOOL_KILL"

const killWriters = 4

func TestMain(m *testing.M) {
	if dir := os.Getenv(killEnv); dir != "" {
		appendUntilKilled(dir)
	}
	os.Exit(m.Run())
}

func containsAll(s string, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}

// acks maps the page in which the child counts what was acknowledged.
func acks(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return mapFile(f, 4096)
}

func ackOf(page []byte, g int) *atomic.Uint64 {
	return (*atomic.Uint64)(unsafe.Pointer(&page[64*g]))
}

// appendUntilKilled is the child: each of its goroutines counts in the shared page
// after Append has returned. With "free" a reader lets segments go behind it.
func appendUntilKilled(dir string) {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(3)
	}
	page, err := acks(filepath.Join(dir, "acks"))
	if err != nil {
		fail(err)
	}
	plain := os.Getenv(killEnv+"_PLAIN") != ""
	limit := int64(1 << 30)
	report := func(e Event) { fail(e.Err) }
	if os.Getenv(killEnv+"_FULL") != "" {
		limit, report = killFull, func(Event) {}
	}
	if os.Getenv(killEnv+"_SMALL") != "" {
		report = func(Event) {}
	}
	tight := os.Getenv(killEnv+"_SMALL") != "" // a disk on which not all can be kept
	opts := Options{Dir: dir, Config: testConfig(), MaxBytes: limit, Plain: plain, Report: report}
	if !tight {
		opts.segment = minSegment
	}
	s, err := Open(opts)
	if err != nil {
		fail(err)
	}
	w := s.Writer()
	writers := killWriters
	if os.Getenv(killEnv+"_QUIET") != "" {
		writers = 0
	}
	for g := range writers {
		go func() {
			for n := 0; ; n++ {
				switch _, err := w.Append(payload(3, g, n, 24+(n*7+g)%500)); {
				case err == nil:
					ackOf(page, g).Store(uint64(n + 1))
				case tight && hasNoRoom(err):
					n-- // once more
				default:
					fail(err)
				}
			}
		}()
	}
	fmt.Println(w.Run().Path())
	if os.Getenv(killEnv+"_FREE") != "" {
		for r := w.Run().Reader(0); ; {
			if _, st := r.Next(); st != Frame {
				passAll(w.Run(), r.Position())
				time.Sleep(100 * time.Microsecond)
			}
		}
	}
	select {}
}

type child struct {
	cmd  *exec.Cmd
	page []byte
	path string
}

func startChild(t *testing.T, dir string, free, plain bool, env ...string) *child {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(dir, "acks"), make([]byte, 4096), 0o600))
	page, err := acks(filepath.Join(dir, "acks"))
	must(t, err)
	t.Cleanup(func() { unmapFile(page) })
	exe, err := os.Executable()
	must(t, err)
	c := &child{cmd: exec.Command(exe), page: page}
	c.cmd.Env = append(append(os.Environ(), killEnv+"="+dir), env...)
	if free {
		c.cmd.Env = append(c.cmd.Env, killEnv+"_FREE=1")
	}
	if plain {
		c.cmd.Env = append(c.cmd.Env, killEnv+"_PLAIN=1")
	}
	c.cmd.Stderr = os.Stderr
	out, err := c.cmd.StdoutPipe()
	must(t, err)
	must(t, c.cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal("the child said nothing: ", c.cmd.Wait())
	}
	c.path = strings.TrimSpace(line)
	return c
}

func (c *child) kill(t *testing.T) {
	t.Helper()
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
	if code := c.cmd.ProcessState.ExitCode(); code != -1 {
		t.Fatalf("the child ended by itself: %d", code)
	}
}

// A process is killed at any moment while four goroutines append through rolls.
// No acknowledged record is missing, none comes twice, none is false.
func TestKill(t *testing.T)      { killChildren(t, false) }
func TestKillPlain(t *testing.T) { killChildren(t, true) }

func killChildren(t *testing.T, plain bool) {
	kills := 30
	if testing.Short() {
		kills = 4
	}
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 0))
	var total, damaged uint64
	for k := range kills {
		dir := t.TempDir()
		free := k%3 == 2
		c := startChild(t, dir, free, plain)
		time.Sleep(time.Duration(rnd.IntN(40_000)) * time.Microsecond)
		c.kill(t)
		run, err := openRun(c.path)
		must(t, err)
		if run.Alive() {
			t.Fatal("the run of a killed process is alive")
		}
		r := run.Reader(0)
		got := readAll(t, r)
		checkKilled(t, c, got, free)
		if t.Failed() {
			t.Fatalf("kill %d, seed %d", k, seed)
		}
		for g := range killWriters {
			total += ackOf(c.page, g).Load()
		}
		damaged += r.Damaged
		r.Close()
		os.RemoveAll(dir)
	}
	if damaged != 0 {
		t.Errorf("%d bytes did not check: a kill alone can't do that", damaged)
	}
	t.Logf("%d kills, %d acknowledged records", kills, total)
}

// checkKilled compares what is there with what was acknowledged. What segments
// were freed before may be missing at the beginning.
func checkKilled(t *testing.T, c *child, got read, freed bool) {
	t.Helper()
	next := [killWriters]int{}
	seen := [killWriters]bool{}
	for _, f := range got.refs {
		who, n := whose(t, f.Payload)
		if who >= killWriters || f.Mask() != 3 {
			t.Fatalf("a false record at %d", f.Position)
		}
		if freed && !seen[who] {
			next[who] = n
		}
		seen[who] = true
		if n != next[who] {
			t.Fatalf("record %d of goroutine %d where %d should be", n, who, next[who])
		}
		next[who]++
	}
	for g := range killWriters {
		acked := int(ackOf(c.page, g).Load())
		if !freed && next[g] < acked || seen[g] && next[g] < acked || next[g] > acked+1 {
			t.Errorf("goroutine %d: %d records, %d acknowledged", g, next[g], acked)
		}
	}
	if got.status != End || len(got.gaps) != 0 {
		t.Errorf("status %d, gaps %v", got.status, got.gaps)
	}
}

// Another process follows a living run by pread, through its rolls and its death.
func TestFollowAnotherProcess(t *testing.T) {
	c := startChild(t, t.TempDir(), false, false)
	run, err := openRun(c.path)
	must(t, err)
	r := run.Reader(0)
	defer r.Close()
	o := once{next: make([]int, killWriters)}
	waits := 0
	for begin := time.Now(); time.Since(begin) < 300*time.Millisecond; {
		switch f, st := r.Next(); st {
		case Frame:
			o.see(t, f)
		case Wait:
			waits++
		default:
			t.Fatalf("status %d at %d", st, r.Position())
		}
	}
	c.kill(t)
	run.probed = time.Time{}
	var end Status
	for end = Frame; end == Frame; {
		var f Ref
		if f, end = r.Next(); end == Frame {
			o.see(t, f)
		}
	}
	for g := range killWriters {
		if acked := int(ackOf(c.page, g).Load()); o.next[g] < acked || o.next[g] > acked+1 {
			t.Errorf("goroutine %d: %d records, %d acknowledged", g, o.next[g], acked)
		}
	}
	if end != End || r.Damaged != 0 {
		t.Errorf("status %d, %d damaged", end, r.Damaged)
	}
	t.Logf("%d records, %d waits, %d segments", o.count, waits, r.cur.seq)
}

package deliver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

func one(s *store) map[string]*store { return map[string]*store{"a": s} }

func TestDeliversAndLeavesNothingBehind(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	p := start(t, dir, 0, one(s), "a")
	p.d.Start()
	p.appendN(1, 5000)
	p.flush()
	once(t, s, 5000)
	p.appendN(1, 10)
	p.stop()
	once(t, s, 5010)
	if left := runFolders(t, dir); len(left) > 0 {
		t.Errorf("runs are left: %v", left)
	}
	if len(s.positions) > 0 {
		t.Errorf("positions are left: %v", s.positions)
	}
}

func TestShortProgram(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	p := start(t, dir, 0, one(s), "a")
	p.d.Start()
	p.appendN(1, 3)
	p.stop() // at once: no scan, no lock yet
	once(t, s, 3)
}

func TestDeadRunIsDrained(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	for range 5 {
		p := start(t, dir, 0, one(s), "a")
		p.n = s.count() + 1000*len(runFolders(t, dir))
		p.appendN(1, 100) // never delivered: the deliverer does not start
		p.spool.Seal()
		p.spool.Release()
	}
	p := start(t, dir, 0, one(s), "a")
	p.d.Start()
	eventually(t, "all dead runs drained", func() bool { return s.count() == 500 && len(runFolders(t, dir)) == 1 })
	once(t, s, 500)
	if s.writes > 2 {
		t.Errorf("%d writes: runs should share batches", s.writes)
	}
	eventually(t, "positions forgotten", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.positions) == 0 })
	p.stop()
}

func TestAnswerLost(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	n := 0
	s.after = func(*sink.Batch) error {
		if n++; n%3 != 0 {
			return errors.New("connection reset")
		}
		return nil
	}
	p := start(t, dir, 0, one(s), "a")
	p.d.Start()
	for range 20 {
		p.appendN(1, 50)
		p.flush()
	}
	once(t, s, 1000)
	p.stop()
}

func TestDiesAfterEveryAnswer(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	total := 0
	for life := range 20 {
		p := start(t, dir, 0, one(s), "a")
		p.n = life * 1000
		died := make(chan struct{})
		s.set(func() {
			s.after = func(*sink.Batch) error {
				select {
				case <-died:
				default:
					close(died)
				}
				return errors.New("the answer never came")
			}
		})
		p.d.Start()
		p.appendN(1, 40)
		total += 40
		<-died
		p.die()
	}
	s.set(func() { s.after = nil })
	p := start(t, dir, 0, one(s), "a")
	p.d.Start()
	eventually(t, "drained", func() bool { return len(runFolders(t, dir)) == 1 })
	p.stop()
	once(t, s, total)
}

func TestDestinationDownHoldsBackItselfOnly(t *testing.T) {
	dir := t.TempDir()
	good, bad := newStore(), newStore()
	bad.before = func(*sink.Batch) error { return errors.New("down") }
	stores := map[string]*store{"a": good, "b": bad}
	p := start(t, dir, 0, stores, "a", "b")
	p.d.Start()
	p.appendN(3, 100)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.d.Flush(ctx, "h0"); err != nil {
		t.Fatal(err)
	}
	once(t, good, 100)
	eventually(t, "the other has tried", func() bool {
		return slices.ContainsFunc(p.d.Stats(), func(s Stat) bool { return s.Handler == "h1" && strings.Contains(s.Cause, "down") })
	})
	short, cancel2 := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel2()
	var u *Unflushed
	if err := p.d.Flush(short); !errors.As(err, &u) || u.Handler != "h1" || u.Waiting == 0 || !strings.Contains(u.Cause, "down") {
		t.Fatalf("Flush: %v", err)
	}
	bad.set(func() { bad.before = nil })
	p.flush()
	once(t, bad, 100)
	p.stop()
}

func TestBadRowsGoToLetters(t *testing.T) {
	for _, blind := range []bool{false, true} {
		t.Run(fmt.Sprintf("blind=%v", blind), func(t *testing.T) {
			dir, s := t.TempDir(), newStore()
			s.blind = blind
			s.reject = func(msg string) (string, bool) { return "bad value " + msg, strings.HasSuffix(msg, "7") }
			p, told := start(t, dir, 0, one(s), "a"), &safeLog{}
			p.d.opts.Log = slog.New(slog.NewTextHandler(told, nil))
			p.d.Start()
			p.appendN(1, 1000)
			p.flush()
			p.stop()
			once(t, s, 900)
			n := 0
			for line := range strings.Lines(told.String()) {
				if _, after, ok := strings.Cut(line, "went to the dead letters"); ok && strings.Contains(after, " reason=") {
					_, count, _ := strings.Cut(after, " records=")
					k, _ := strconv.Atoi(strings.Fields(count)[0])
					n += k
				}
			}
			if n != 100 {
				t.Errorf("%d letters are told, of 100:\n%s", n, told)
			}
			letters, err := Letters(p.spool.Dir())
			if err != nil || len(letters) != 100 {
				t.Fatalf("%d letters, %v", len(letters), err)
			}
			seen := map[string]bool{}
			for _, l := range letters {
				var v record.View
				if err := v.Parse(l.Frame); err != nil {
					t.Fatal(err)
				}
				seen[string(v.Message)] = true
				if !strings.HasSuffix(string(v.Message), "7") || l.Reason == "" || l.Handler != "h0" {
					t.Errorf("letter %+v", l)
				}
			}
			if len(seen) != 100 {
				t.Errorf("%d different letters", len(seen))
			}
		})
	}
}

func TestOneBadRowAlone(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	s.reject = func(string) (string, bool) { return "bad", true }
	p := start(t, dir, 0, one(s), "a")
	p.d.Start()
	p.append(1, "x")
	p.flush()
	p.stop()
	if l, _ := Letters(p.spool.Dir()); len(l) != 1 {
		t.Errorf("%d letters, want 1", len(l))
	}
	if len(runFolders(t, dir)) > 0 {
		t.Error("the run stays although all of it is settled")
	}
}

func TestAllRowsRefusedAlikePauses(t *testing.T) {
	for _, blind := range []bool{false, true} {
		dir, s := t.TempDir(), newStore()
		s.blind = blind
		s.reject = func(msg string) (string, bool) { return fmt.Sprintf("column n: want int, got %q", msg), true }
		p := start(t, dir, 0, one(s), "a")
		p.d.Start()
		p.appendN(1, 200)
		eventually(t, "paused", func() bool {
			st, why := p.spool.Writer().Run().Counters().Slot(0).State()
			return st == spool.Refused && why != ""
		})
		if l, _ := filepath.Glob(filepath.Join(p.spool.Dir(), "dead", "*", "*.json")); len(l) > 0 {
			t.Errorf("blind=%v: letters although everything is refused: %v", blind, l)
		}
		s.set(func() { s.reject = nil })
		p.flush()
		once(t, s, 200)
		p.stop()
	}
}

func TestRefusedHeals(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	s.openErr = &sink.Refused{Err: errors.New("wrong password"), Remedy: "set PGPASSWORD"}
	p := start(t, dir, 0, one(s), "a")
	p.d.Start()
	p.appendN(1, 10)
	eventually(t, "refused", func() bool {
		st := p.d.Stats()
		return len(st) == 1 && st[0].State == spool.Refused && strings.Contains(st[0].Cause, "set PGPASSWORD")
	})
	s.set(func() { s.openErr = nil })
	p.flush()
	once(t, s, 10)
	p.stop()
}

func TestCloseDoesNotWaitForARefusal(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	s.openErr = &sink.Refused{Err: errors.New("no such table")}
	p := start(t, dir, 0, one(s), "a")
	p.d.Start()
	p.appendN(1, 10)
	begin := time.Now()
	p.stop()
	if d := time.Since(begin); d > patience/2 {
		t.Errorf("Close took %v", d)
	}
	if len(runFolders(t, dir)) != 1 {
		t.Error("what was not delivered must stay")
	}
	s.set(func() { s.openErr = nil })
	p = start(t, dir, 0, one(s), "a")
	p.d.Start()
	eventually(t, "delivered by the next start", func() bool { return s.count() == 10 })
	p.stop()
}

func TestFencedStops(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	p := start(t, dir, 0, one(s), "a")
	p.d.Start()
	p.appendN(1, 10)
	p.flush()
	s.set(func() {
		for k, pos := range s.positions {
			pos.owner = "somebody else"
			s.positions[k] = pos
		}
	})
	p.appendN(1, 10)
	eventually(t, "fenced", func() bool { return p.d.Stats()[0].State == spool.Fenced })
	time.Sleep(50 * time.Millisecond) // it must not come back by itself
	if s.count() != 10 || p.d.Stats()[0].State != spool.Fenced {
		t.Errorf("%d rows: a fenced handler must not write", s.count())
	}
	begin := time.Now()
	p.stop()
	if d := time.Since(begin); d > patience/2 {
		t.Errorf("Close took %v", d)
	}
}

func TestStoreReplacedIsRefused(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	p := start(t, dir, 0, one(s), "a")
	p.d.Start()
	p.appendN(1, 10)
	p.flush()
	s.set(func() { s.before = func(*sink.Batch) error { return errors.New("down") } })
	p.appendN(1, 10)
	p.die()
	other := newStore() // the database was replaced
	p = start(t, dir, 0, one(other), "a")
	p.d.Start()
	eventually(t, "refused", func() bool { st := p.d.Stats(); return len(st) == 1 && st[0].State == spool.Refused })
	if other.count() != 0 {
		t.Error("rows went into a store that does not know the position")
	}
	p.die()
}

func TestFullSpoolLosesTheOldest(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	s.stall = make(chan struct{})
	p := start(t, dir, 8<<20, one(s), "a")
	p.d.Start()
	wide := strings.Repeat("x", 4000)
	total := 0
	for range 5000 { // 20 MB
		p.append(1, fmt.Sprintf("%06d %s", total, wide))
		total++
	}
	lost, first, last := p.spool.Writer().Run().Counters().Slot(0).Lost()
	if lost == 0 || first == 0 || last < first {
		t.Fatalf("lost %d, from %d to %d", lost, first, last)
	}
	close(s.stall)
	p.flush()
	lost, _, _ = p.spool.Writer().Run().Counters().Slot(0).Lost()
	p.stop()
	once(t, s, total-int(lost))
}

// What the destination has taken, and could not say, does not count as lost when its
// segment goes.
func TestTakenWithoutAnAnswerIsNotLost(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	const edge = 2 << 20 // of the first segment
	state := ""
	s.before = func(b *sink.Batch) error {
		switch state {
		case "in":
			state = "down"
			return &sink.Refused{Err: errors.New("no right")} // so it is opened anew, and says then where it stands
		case "down":
			return errors.New("down")
		}
		return nil
	}
	s.after = func(b *sink.Batch) error {
		if m := b.Moves[0]; state == "" && m.From.Position < edge && m.To.Position > edge {
			state = "in"
			return errors.New("connection reset")
		}
		return nil
	}
	p := start(t, dir, 8<<20, one(s), "a")
	p.d.Start()
	wide := strings.Repeat("x", 4000)
	appends := func(n int) {
		for range n {
			p.append(1, fmt.Sprintf("%06d %s", p.n, wide))
			p.n++
		}
	}
	appends(600) // 2.4 MB
	eventually(t, "the sink is opened anew", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.opened > 1 })
	appends(5000)
	s.mu.Lock()
	state = "well"
	s.mu.Unlock()
	p.flush()
	lost, _, _ := p.spool.Writer().Run().Counters().Slot(0).Lost()
	p.stop()
	if lost == 0 {
		t.Error("nothing had to go")
	}
	once(t, s, p.n-int(lost))
}

// What a process that died had pinned stays pinned until its run is claimed, whatever
// is sent before: its destination may have it.
func TestPinOfTheDeadStays(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	long := start(t, dir, 0, one(s), "a")
	for range 1000 { // batches enough
		long.append(1, fmt.Sprintf("%06d %s", long.n, strings.Repeat("x", 4000)))
		long.n++
	}
	long.spool.Seal()
	long.spool.Release()
	doubtful := start(t, dir, 0, one(s), "a")
	doubtful.n = long.n
	doubtful.appendN(1, 1)
	r := doubtful.spool.Writer().Run()
	r.Counters().Slot(0).Pin(4096, r.End())
	doubtful.spool.Seal()
	doubtful.spool.Release()

	batches, runs := 0, len(runFolders(t, dir))
	s.before = func(b *sink.Batch) error {
		if batches++; batches == 2 {
			list, err := spool.List(filepath.Join(dir, "svc"))
			if err != nil || len(list) != runs+1 {
				t.Errorf("%d runs, %v", len(list), err)
			}
			for _, other := range list {
				if from, _, _ := other.Pinned(0); other.ID == r.ID && from == 0 {
					t.Error("another batch has taken the pin away")
				}
			}
		}
		return nil
	}
	drain(t, dir, one(s), "a")
	once(t, s, doubtful.n)
	if batches < 3 {
		t.Errorf("only %d batches", batches)
	}
}

func TestSecondProcessTakesOver(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	a := start(t, dir, 0, one(s), "a")
	a.d.Start()
	a.appendN(1, 10)
	a.flush()
	b := start(t, dir, 0, one(s), "a")
	b.n = 1000
	b.d.Start()
	b.appendN(1, 10)
	eventually(t, "the holder delivers the other's run too", func() bool { return s.count() == 20 })
	a.appendN(1, 5)
	a.die()
	b.appendN(1, 5)
	eventually(t, "the next holder goes on", func() bool { return s.count() == 30 })
	b.stop()
	once(t, s, 30)
}

func TestMemorySpool(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := newStore()
	p := start(t, file, 0, one(s), "a") // a file is no folder
	if !p.spool.Degraded() {
		t.Fatal("not degraded")
	}
	p.d.Start()
	p.appendN(1, 3000)
	p.flush()
	once(t, s, 3000)
	p.stop()
}

func TestHandlerWithoutRecordsLeavesNoTrace(t *testing.T) {
	dir := t.TempDir()
	a, b := newStore(), newStore()
	p := start(t, dir, 0, map[string]*store{"a": a, "b": b}, "a", "b")
	p.d.Start()
	p.appendN(1, 10)
	p.flush()
	p.stop()
	if b.opened > 0 || len(b.positions) > 0 {
		t.Error("a destination without records was touched")
	}
	if len(runFolders(t, dir)) > 0 {
		t.Error("the run stays")
	}
}

func TestUnknownClassWaits(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	p := start(t, dir, 0, one(s), "a")
	p.appendN(1, 10)
	p.die2()
	q := start(t, dir, 0, one(s), "a")
	q.d.opts.Kinds = nil // a program without the kind
	q.d.Start()
	time.Sleep(50 * time.Millisecond)
	q.stop()
	if len(runFolders(t, dir)) == 0 {
		t.Fatal("records that this program can't deliver are gone")
	}
	q = start(t, dir, 0, one(s), "a")
	q.d.Start()
	eventually(t, "delivered by one that can", func() bool { return s.count() == 10 })
	q.stop()
}

// die2 ends a program whose deliverer never started.
func (p *program) die2() {
	p.spool.Seal()
	p.spool.Release()
}

func TestStateSurvivesATornCopy(t *testing.T) {
	dir := t.TempDir()
	st, err := openState(dir, "h", "t")
	if err != nil {
		t.Fatal(err)
	}
	run := record.RunID(7)
	for i := range 10 {
		st.set(run, record.Place{Position: uint64(4096 + 8*i)})
		if err := st.write(); err != nil {
			t.Fatal(err)
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.state.*"))
	if len(files) != 2 {
		t.Fatalf("files %v", files)
	}
	for _, f := range files {
		b, _ := os.ReadFile(f)
		for _, cut := range []int{0, 10, len(b) / 2, len(b) - 1} {
			if err := os.WriteFile(f, b[:cut], 0o600); err != nil {
				t.Fatal(err)
			}
			again, err := openState(dir, "h", "t")
			if err != nil {
				t.Fatal(err)
			}
			at, ok := again.next(run)
			if !ok || at.Position < 4096+8*8 {
				t.Errorf("%s cut to %d: at %v, %v", f, cut, at, ok)
			}
		}
		if err := os.WriteFile(f, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLettersTriesAreSettledAfterACrash(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	s.reject = func(msg string) (string, bool) { return "bad", msg == "m3" }
	p := start(t, dir, 0, one(s), "a")
	died := make(chan struct{})
	s.after = func(*sink.Batch) error { close(died); return errors.New("answer lost") }
	p.d.Start()
	p.appendN(1, 6)
	<-died
	p.die() // the batch is in, its letter is only a try
	s.set(func() { s.after = nil })
	if l, _ := Letters(p.spool.Dir()); len(l) != 0 {
		t.Fatalf("%d letters count already", len(l))
	}
	p = start(t, dir, 0, one(s), "a")
	p.d.Start()
	eventually(t, "drained", func() bool { return len(runFolders(t, dir)) == 1 })
	p.stop()
	once(t, s, 5)
	if l, _ := Letters(p.spool.Dir()); len(l) != 1 {
		t.Errorf("%d letters, want 1", len(l))
	}
}

func TestGrow(t *testing.T) {
	for n := range 70 {
		d := grow(100*time.Millisecond, 30*time.Second, n)
		if d < 50*time.Millisecond || d > 30*time.Second {
			t.Errorf("try %d waits %v", n, d)
		}
	}
}

func TestKindOf(t *testing.T) {
	if a, b := kindOf(`column n: want int, got "7a"`), kindOf(`column n: want int, got "x"`); a != b {
		t.Errorf("%q and %q differ", a, b)
	}
	if kindOf("column a: x") == kindOf("column b: x") {
		t.Error("different columns are alike")
	}
}

func TestMendedConfigurationHeals(t *testing.T) {
	for _, ahead := range []time.Duration{0, time.Hour} { // the clock was set back by that
		t.Run(ahead.String(), func(t *testing.T) {
			dir, s := t.TempDir(), newStore()
			p := start(t, dir, 0, one(s), "a!")
			p.d.Start()
			p.appendN(1, 40)
			eventually(t, "paused", func() bool { st := p.d.Stats(); return len(st) == 1 && st[0].State == spool.Refused })
			p.die()
			redate(t, p.spool.Writer().Run(), ahead)
			q := start(t, dir, 0, one(s), "a")
			q.n = 1000
			q.d.Start()
			q.appendN(1, 10)
			eventually(t, "the old run goes out with the new columns", func() bool { return s.count() == 50 })
			q.stop()
			once(t, s, 50)
			if l, _ := Letters(p.spool.Dir()); len(l) > 0 {
				t.Errorf("%d letters", len(l))
			}
			if left := runFolders(t, dir); len(left) > 0 {
				t.Errorf("runs are left: %v", left)
			}
		})
	}
}

// redate makes a dead run one that began later by so much.
func redate(t *testing.T, run *spool.Run, ahead time.Duration) {
	t.Helper()
	cfg := run.Config
	cfg.Created = cfg.Created.Add(ahead)
	b, err := json.Marshal(&cfg)
	if err == nil {
		err = os.WriteFile(filepath.Join(run.Path(), "config"), b, 0o600)
	}
	to := filepath.Join(filepath.Dir(run.Path()), cfg.Created.UTC().Format("20060102T150405Z")+"-"+cfg.ID)
	if err == nil && to != run.Path() {
		err = os.Rename(run.Path(), to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestMemorySpoolPassesABadRow(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := newStore()
	s.reject = func(msg string) (string, bool) { return "bad", msg == "m5" }
	p := start(t, file, 0, one(s), "a")
	p.d.Start()
	p.appendN(1, 10)
	p.flush()
	once(t, s, 9)
	if n := p.spool.Writer().Run().Counters().Slot(0).Letters(); n != 1 {
		t.Errorf("%d letters counted, want 1", n)
	}
	p.stop()
}

func TestCloseDoesNotSleepThroughARefusal(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	s.openErr = &sink.Refused{Err: errors.New("no such table")}
	p := start(t, dir, 0, one(s), "a")
	p.d.pace.RefuseMin, p.d.pace.RefuseMax = time.Hour, time.Hour
	p.d.Start()
	p.appendN(1, 10)
	eventually(t, "refused", func() bool { st := p.d.Stats(); return len(st) == 1 && st[0].State == spool.Refused })
	begin := time.Now()
	p.stop()
	if d := time.Since(begin); d > 20*time.Second {
		t.Errorf("Close took %v", d)
	}
}

func TestCloseTriesOnceMore(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	s.before = func(*sink.Batch) error { return errors.New("down") }
	p := start(t, dir, 0, one(s), "a")
	p.d.pace.RetryMin, p.d.pace.RetryMax = time.Hour, time.Hour
	p.d.Start()
	p.appendN(1, 10)
	eventually(t, "retrying", func() bool { st := p.d.Stats(); return len(st) == 1 && st[0].State == spool.Retrying })
	s.set(func() { s.before = nil })
	p.stop()
	once(t, s, 10)
}

func TestSinkOpenedAnewKnowsItsRuns(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	p := start(t, dir, 0, one(s), "a")
	p.d.Start()
	p.appendN(1, 10)
	p.flush()
	s.set(func() { s.before = func(*sink.Batch) error { return &sink.Refused{Err: errors.New("read-only")} } })
	p.appendN(1, 10)
	eventually(t, "refused", func() bool { return p.d.Stats()[0].State == spool.Refused })
	s.set(func() { s.before = nil })
	p.flush()
	p.stop()
	once(t, s, 20)
}

// A run that lost its beginning before anybody claimed it is delivered from where
// it has records.
func TestRunWithoutItsBeginning(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	p := start(t, dir, 8<<20, one(s), "a") // the deliverer does not start
	wide := strings.Repeat("x", 4000)
	total := 4000 // 16 MB
	for i := range total {
		p.append(1, fmt.Sprintf("%06d %s", i, wide))
	}
	p.die2()
	lost, _, _ := p.spool.Writer().Run().Counters().Slot(0).Lost()
	if lost == 0 {
		t.Fatal("nothing was lost")
	}
	q := start(t, dir, 8<<20, one(s), "a")
	q.d.Start()
	eventually(t, "the rest is delivered", func() bool { return s.count() == total-int(lost) && len(runFolders(t, dir)) == 1 })
	if got := q.d.Stats()[0].Lost; got != lost {
		t.Errorf("the stats say %d lost, want %d", got, lost)
	}
	q.stop()
	once(t, s, total-int(lost))
}

// A segment whose header is rubbish may hold records: the rest is delivered, and
// the run is kept.
func TestRubbishHeaderIsSetAside(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	p := start(t, dir, 0, one(s), "a")
	wide := strings.Repeat("x", 4000)
	for i := range 600 { // more than a segment of 1 MiB
		p.append(1, fmt.Sprintf("%06d %s", i, wide))
	}
	run := p.spool.Writer().Run().Path()
	p.die2()
	first := filepath.Join(run, "000001.seg")
	f, err := os.OpenFile(first, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("rubbish!"), 0); err != nil {
		t.Fatal(err)
	}
	f.Close()
	q := start(t, dir, 0, one(s), "a")
	q.d.Start()
	eventually(t, "the rest is delivered", func() bool { return len(runFolders(t, dir)) == 1 })
	q.stop()
	if n := s.count(); n == 0 || n >= 600 {
		t.Errorf("%d rows", n)
	}
	if kept, _ := filepath.Glob(filepath.Join(dir, "svc", "damaged", "*", "000001.seg")); len(kept) != 1 {
		t.Errorf("the damaged segment is gone")
	}
}

// A lane that no run needs any more ends, and with the last one its destination is
// let go, so that another process may have it. It comes again with the next run.
func TestUnusedLanesEnd(t *testing.T) {
	dir := t.TempDir()
	a, b := newStore(), newStore()
	stores := map[string]*store{"a": a, "b": b}
	for round := range 2 {
		old := start(t, dir, 0, stores, "a", "b")
		old.n = 1000 * round
		old.appendN(3, 20) // never delivered by the program itself
		old.spool.Seal()
		old.spool.Release()
	}
	p := start(t, dir, 0, stores, "a")
	p.d.pace.Idle = 5 * time.Millisecond
	p.d.Start()
	lanes := func() (n int) { p.d.mu.Lock(); defer p.d.mu.Unlock(); return len(p.d.dests) }
	for round := range 3 {
		eventually(t, "all is delivered", func() bool { return a.count() == 20*(2+round) && b.count() == 20*(2+round) })
		eventually(t, "the destination of b is let go", func() bool { return lanes() == 1 })
		list, err := filepath.Glob(filepath.Join(dir, "svc/to/*/lock"))
		if err != nil || len(list) != 2 {
			t.Fatalf("locks %v (%v)", list, err)
		}
		free := 0
		for _, path := range list {
			if held, err := spool.Locked(path); err == nil && !held {
				free++
			}
		}
		if free != 1 {
			t.Errorf("%d of 2 destinations are free", free)
		}
		if round == 2 {
			break
		}
		old := start(t, dir, 0, stores, "a", "b")
		old.n = 10_000 * (round + 1)
		old.appendN(3, 20)
		old.spool.Seal()
		old.spool.Release()
	}
	// Their counts stay, and a handler that has gone may still be named.
	for _, s := range p.d.Stats() {
		if s.Records != 80 || s.Waiting.Bytes != 0 || s.Holds != (s.Handler == "h0") {
			t.Errorf("%+v", s)
		}
	}
	if err := p.d.Flush(t.Context(), "h0", "h1"); err != nil {
		t.Error(err)
	}
	p.stop()
	once(t, a, 80)
	once(t, b, 80)
}

package deliver

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

// What dead runs lose while a destination is down is told by one record of each,
// where their configuration sends records of girok.gap; what their own program had
// told is not told again.
func TestDeadRunsGapsAreTold(t *testing.T) {
	dir := t.TempDir()
	stores := map[string]*store{"a": newStore(), "b": newStore()}
	stores["b"].before = func(*sink.Batch) error { return errors.New("down") }
	fill := func(p *program, n int) {
		for range n {
			p.append(2, "x"+strings.Repeat("x", 60_000))
		}
	}
	var dead []*spool.Counters
	for range 3 {
		p := startTelling(t, dir, 1<<30, 1, stores, "a", "b")
		dead = append(dead, p.spool.Writer().Run().Counters())
		fill(p, 40)
		p.spool.Seal()
		p.spool.Release()
	}
	p := startTelling(t, dir, 6<<20, 1, stores, "a", "b")
	fill(p, 250)
	for i, page := range dead {
		if n, _, _ := page.Slot(1).Lost(); n != 40 {
			t.Errorf("run %d has lost %d of 40", i, n)
		}
	}
	told := p.spool.Telling()
	stores["b"].before = nil
	p.d.Start()
	p.append(3, "last")
	eventually(t, "all runs are drained", func() bool { return len(runFolders(t, dir)) == 1 && stores["a"].count() == 4 })
	told()
	p.stop()
	if n := countOf(stores["a"], "records were lost"); n != 3 {
		t.Errorf("%d records tell of 3 gaps; a has %q", n, stores["a"].rows)
	}
	for id, n := range stores["a"].ids {
		if n != 1 {
			t.Errorf("id %s came %d times", id, n)
		}
	}
}

// While somebody else makes runs, which takes long, the gap is not told, and its lane
// goes on with other runs; the run that has lost stays until it is told.
func TestGapIsToldLater(t *testing.T) {
	dir := t.TempDir()
	stores := map[string]*store{"a": newStore(), "b": newStore()}
	dead := startTelling(t, dir, 1<<30, 1, stores, "a", "b")
	for range 40 {
		dead.append(2, strings.Repeat("x", 60_000))
	}
	leave(dead)
	p := startTelling(t, dir, 4<<20, 1, stores, "a", "b")
	for range 80 {
		p.append(1, strings.Repeat("y", 60_000)) // for a, and the dead run has to make room
	}
	old := dead.spool.Writer().Run()
	if n, _, _ := old.Counters().Slot(1).Lost(); n == 0 {
		t.Fatal("nothing was lost")
	}
	told := p.spool.Telling()
	busy, err := replayLock(p.spool.Dir())
	if err != nil {
		t.Fatal(err)
	}
	p.d.Start()
	eventually(t, "the old run is drained", func() bool {
		return old.Counters().Slot(1).FreeBelow() >= old.End() && old.Counters().Slot(0).FreeBelow() >= old.End()
	})
	for range 3 {
		p.append(2, "other")
		p.flush() // the lane is not held up
	}
	if _, err := os.Stat(old.Path()); err != nil || countOf(stores["a"], "records were lost") > 0 {
		t.Errorf("the run has gone, or told of its losses: %v", err)
	}
	busy.Close()
	eventually(t, "the gap is told", func() bool { return countOf(stores["a"], "records were lost") == 1 })
	eventually(t, "the old run is gone", func() bool { return len(runFolders(t, dir)) == 1 })
	told()
	p.stop()
	if n := countOf(stores["a"], "records were lost"); n != 1 {
		t.Errorf("%d records tell of one gap", n)
	}
}

// A segment has gone to make room, and whoever let it go has not counted yet what was
// lost with it, or is stopped: the run stays until that is counted and told.
func TestGapIsCountedFirst(t *testing.T) {
	dir := t.TempDir()
	stores := map[string]*store{"a": newStore(), "b": newStore()}
	dead := startTelling(t, dir, 1<<30, 1, stores, "a", "b")
	dead.appendN(3, 5)
	leave(dead)
	old := dead.spool.Writer().Run()
	note := filepath.Join(old.Path(), "losses")
	if err := os.WriteFile(note, []byte(`{"Seq":99,"Salt":1,"Lost":[{"Bit":1,"N":7,"First":4096,"Last":5000}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	room, err := spool.TryLock(filepath.Join(dir, "svc", "room"))
	if err != nil || room == nil {
		t.Fatal(room, err)
	}
	p := startTelling(t, dir, 1<<30, 1, stores, "a", "b")
	p.d.Start()
	eventually(t, "all is in", func() bool { return stores["a"].count() == 5 && stores["b"].count() == 5 })
	for range 3 {
		p.append(2, "other")
		p.flush()
	}
	if _, err := os.Stat(note); err != nil {
		t.Errorf("the run has gone: %v", err)
	}
	room.Close()
	eventually(t, "the gap is told", func() bool { return countOf(stores["a"], "records were lost") == 1 })
	eventually(t, "the old run is gone", func() bool { return len(runFolders(t, dir)) == 1 })
	p.stop()
}

// A run that tells of what an older one lost has the configuration of that: it must not
// be taken for the newest, or a mended configuration were not used.
func TestGapLeavesTheNewestConfiguration(t *testing.T) {
	dir := t.TempDir()
	stores := map[string]*store{"a": newStore(), "b": newStore()}
	dead := startTelling(t, dir, 8<<20, 1, stores, "a!", "b")
	for range 40 {
		dead.append(2, strings.Repeat("x", 60_000))
	}
	dead.appendN(1, 40)
	leave(dead)
	p := startTelling(t, dir, 6<<20, 1, stores, "a", "b")
	p.n = 1000
	for range 70 {
		p.append(2, strings.Repeat("y", 60_000)) // the dead run has to make room
	}
	old := dead.spool.Writer().Run()
	if n, _, _ := old.Counters().Slot(1).Lost(); n == 0 {
		t.Fatal("nothing was lost")
	}
	if err := makeGap(p.spool.Dir(), old, 1); err != nil {
		t.Fatal(err)
	}
	p.appendN(1, 10)
	p.d.Start()
	eventually(t, "all is in", func() bool { return stores["a"].count() >= 51 })
	p.stop()
	once(t, stores["a"], 51)
	lettersAre(t, dir, 0)
}

// A program that ends without having told what it lost leaves its runs, the one of
// before a reload too, to the next, which tells it once and delivers nothing twice.
func TestOwnGapIsLeft(t *testing.T) {
	dir := t.TempDir()
	stores := map[string]*store{"a": newStore(), "b": newStore()}
	p := startTelling(t, dir, 4<<20, 1, stores, "a", "b")
	lose := func() {
		for range 80 {
			p.append(2, strings.Repeat("x", 60_000))
		}
		if n, _, _ := p.spool.Writer().Run().Counters().Slot(1).Lost(); n == 0 {
			t.Fatal("nothing was lost")
		}
	}
	lose()
	cfg := p.spool.Writer().Run().Config
	cfg.Version = "2"
	retire, err := p.spool.Renew(cfg)
	if err != nil {
		t.Fatal(err)
	}
	retire()
	lose()
	p.d.Start()
	p.stop()
	if n := len(runFolders(t, dir)); n != 2 || stores["b"].count() == 0 {
		t.Fatalf("%d runs are left of 2, %d records are in", n, stores["b"].count())
	}
	in := stores["b"].count()
	next := startTelling(t, dir, 4<<20, 1, stores, "a", "b")
	next.d.Start()
	eventually(t, "the losses are told", func() bool { return countOf(stores["a"], "records were lost") == 2 && len(runFolders(t, dir)) == 1 })
	next.stop()
	if n := stores["b"].count(); n != in || len(runFolders(t, dir)) != 0 {
		t.Errorf("%d records in the place of %d; runs %v", n, in, runFolders(t, dir))
	}
}

func countOf(s *store, begin string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, row := range s.rows {
		if strings.HasPrefix(row, begin) {
			n++
		}
	}
	return n
}

// The process that tells dies on the way: whoever finds what it left, the gap is
// told by one run, and the lossy run knows.
func TestGapIsToldOnce(t *testing.T) {
	for _, c := range []struct {
		name string
		left func(service string, m *spool.Made, gap *gapNote) error
		runs int // that tell, once what was left is brought to its end
	}{
		{"before the note", func(string, *spool.Made, *gapNote) error { return nil }, 0},
		{"after the note", func(service string, m *spool.Made, gap *gapNote) error {
			return writeNote(service, &note{Run: m.ID.String(), Gap: gap})
		}, 1},
		{"after the run", func(service string, m *spool.Made, gap *gapNote) error {
			if err := writeNote(service, &note{Run: m.ID.String(), Gap: gap}); err != nil {
				return err
			}
			return m.Publish()
		}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, s := t.TempDir(), newStore()
			p := startTelling(t, dir, 1<<30, 1, one(s), "a")
			p.append(1, "m")
			p.spool.Seal()
			p.spool.Release()
			service := filepath.Join(dir, "svc")
			run := p.spool.Writer().Run()
			m, err := spool.Make(service, run.Config)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(m.Append(gapRecord(run, 0, 1)), m.Seal()); err != nil {
				t.Fatal(err)
			}
			if err := c.left(service, m, &gapNote{Folder: filepath.Base(run.Path()), Bit: 0, Told: 5}); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := RecoverReplays(service); err != nil {
					t.Fatal(err)
				}
			}
			if n := len(runFolders(t, dir)) - 1; n != c.runs {
				t.Errorf("%d runs tell, want %d", n, c.runs)
			}
			if n := run.Counters().Slot(0).Told(); n != uint64(5*c.runs) {
				t.Errorf("%d of 5 count as told", n)
			}
			if left, _ := os.ReadDir(filepath.Join(service, "dead")); len(left) > 1 { // the lock
				t.Errorf("left: %v", left)
			}
		})
	}
}

// The id of a gap's record follows from the run, the handler and what went, and the
// record is one that others can read.
func TestGapRecord(t *testing.T) {
	p := startTelling(t, t.TempDir(), 0, 1, one(newStore()), "a")
	p.spool.Seal()
	p.spool.Release()
	run := p.spool.Writer().Run()
	var a, b record.View
	for _, v := range []*record.View{&a, &b} {
		if err := v.Parse(gapRecord(run, 0, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if string(a.ID) != string(b.ID) || len(a.ID) != record.IDLength || string(a.Logger) != GapLogger || a.Level != record.Error {
		t.Errorf("%s and %s, logger %s, level %d", a.ID, b.ID, a.Logger, a.Level)
	}
	for key, want := range map[string]string{"records": "0", "handler": "h0", "run": run.ID.String(), "first": "0", "last": "0"} {
		var val record.Value
		if _, ok := a.Lookup([]string{key}, &val); !ok || string(val.AppendText(nil)) != want {
			t.Errorf("%s is %q, want %s", key, string(val.AppendText(nil)), want)
		}
	}
}

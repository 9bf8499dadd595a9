package deliver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

// redirection gives what waits to the store b.
func redirection(dir string, stores map[string]*store) *Redirection {
	return &Redirection{
		Service: filepath.Join(dir, "svc"), Kinds: []sink.Kind{kind(stores), namedKind(stores)}, Log: slog.New(slog.DiscardHandler), Patience: patience,
		Config: spool.RunConfig{Service: "svc", Handlers: []spool.HandlerConfig{{Bit: 7, Name: "h0", Class: "fake", Keys: fakeKeys("b")}}},
	}
}

// strays is what waits for h0 at another place, oldest run first.
func strays(t *testing.T, r *Redirection) (list []*Strays) {
	t.Helper()
	runs, err := spool.List(r.Service)
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range runs {
		h := &run.Config.Handlers[0]
		s, err := r.Find(run, h, "h0")
		if err != nil {
			t.Fatal(err)
		}
		if !s.Home() {
			list = append(list, s)
		}
	}
	return list
}

// moveAll gives all of it to the other place.
func moveAll(t *testing.T, r *Redirection) (n int) {
	t.Helper()
	for _, s := range strays(t, r) {
		if err := r.Move(context.Background(), s); err != nil {
			t.Fatal(err)
		}
		n += s.Records
	}
	return n
}

// leave ends a program that never delivered anything.
func leave(p *program) {
	p.spool.Seal()
	p.spool.Release()
}

func ab() map[string]*store { return map[string]*store{"a": newStore(), "b": newStore()} }

// What waits for a place that never answered goes to the other one, with the ids that
// it had, and what both places have in common is one record each.
func TestRedirect(t *testing.T) {
	for _, class := range []string{"a", "a#"} {
		t.Run(class, func(t *testing.T) {
			dir, stores := t.TempDir(), ab()
			stores["a"].openErr = &sink.Refused{Err: errors.New("no such host")}
			stores["a"].before = func(*sink.Batch) error { return &sink.Refused{Err: errors.New("no such folder")} }
			for range 3 {
				p := start(t, dir, 0, stores, class)
				p.n = 1000 * len(runFolders(t, dir))
				p.d.Start()
				p.appendN(1, 40)
				p.appendN(2, 5) // nobody's
				p.stop()
			}
			r := redirection(dir, stores)
			for _, s := range strays(t, r) {
				if s.Records != 40 || time.Since(s.First) > time.Hour || s.Last.Before(s.First) || s.Place() != fakeClass(class)+" a, rows" || s.NewPlace() != "fake b, rows" {
					t.Errorf("%d records from %v to %v, %s, %s", s.Records, s.First, s.Last, s.Place(), s.NewPlace())
				}
			}
			if class == "a#" {
				r.Twice = true // its journal was begun
			}
			if n := moveAll(t, r); n != 120 {
				t.Errorf("%d of 120 were given", n)
			}
			if n := moveAll(t, r); n != 0 {
				t.Errorf("%d were given once more", n)
			}
			stores["a"].set(func() { stores["a"].openErr, stores["a"].before = nil, nil }) // it is there after all
			drain(t, dir, stores, "b")
			once(t, stores["b"], 120)
			onceIn(t, stores, 120)
		})
	}
}

// The place has what was sent before its answer was lost. It is asked; if it can't
// tell, nothing is given, unless that is wanted.
func TestRedirectWhatWasSent(t *testing.T) {
	const sent, more = 30, 12
	died := func(t *testing.T, class string) (string, map[string]*store) {
		dir, stores := t.TempDir(), ab()
		p := start(t, dir, 0, stores, class)
		p.d.Start()
		lost := make(chan struct{})
		stores["a"].set(func() {
			down := errors.New("the answer never came")
			stores["a"].after = func(*sink.Batch) error {
				stores["a"].before = func(*sink.Batch) error { return down } // it does not learn it by trying again
				close(lost)
				return down
			}
		})
		p.appendN(1, sent)
		<-lost
		p.die()
		stores["a"].heal()
		p = start(t, dir, 0, stores, class)
		p.n = 500
		p.appendN(1, more) // behind it, in a run that was never sent
		leave(p)
		return dir, stores
	}
	// What of the first run is in depends on where the batch was cut.
	for _, c := range []struct {
		name, class string
		gone, twice bool
		refused     bool
	}{
		{"asked", "a", false, false, false},
		{"gone", "a", true, false, true},
		{"gone, and wanted all the same", "a", true, true, false},
		{"a journal", "a#", false, false, true},
		{"a journal, and wanted all the same", "a#", false, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, stores := died(t, c.class)
			in := stores["a"].count()
			if c.gone {
				stores["a"].openErr = errors.New("no such host")
			}
			r := redirection(dir, stores)
			r.Twice = c.twice
			list := strays(t, r)
			if len(list) != 2 {
				t.Fatalf("%d runs have strays", len(list))
			}
			err := r.Move(context.Background(), list[0])
			var perhaps *Perhaps
			if errors.As(err, &perhaps) != c.refused || !c.refused && err != nil || c.refused && perhaps.Records != in {
				t.Fatalf("%v, of %d that are in", err, in)
			}
			if c.class == "a#" && c.twice {
				if st := stateOf(t, dir); st.Journal != nil || st.Mark != nil {
					t.Errorf("the state has the journal %+v and the mark %s", st.Journal, st.Mark)
				}
			}
			if err := r.Move(context.Background(), list[1]); err != nil || list[1].Records != more {
				t.Fatalf("%d of %d, which were never sent: %v", list[1].Records, more, err)
			}
			stores["a"].set(func() { stores["a"].openErr = nil })
			drain(t, dir, stores, "b")
			if !c.twice {
				onceIn(t, stores, sent+more)
				return
			}
			once(t, stores["a"], in)
			once(t, stores["b"], sent+more)
		})
	}
}

// A batch that was begun spans two runs, and one of them is given elsewhere: the other
// one's part of it stays as it was begun.
func TestRedirectPartOfABatch(t *testing.T) {
	dir, stores := t.TempDir(), ab()
	for range 2 {
		p := start(t, dir, 0, stores, "a#")
		p.n = 1000 * len(runFolders(t, dir))
		p.appendN(1, 20)
		leave(p)
	}
	began := make(chan struct{})
	down := errors.New("down")
	stores["a"].before = func(*sink.Batch) error {
		stores["a"].before = func(*sink.Batch) error { return down }
		close(began)
		return down
	}
	p := startWithRuns(t, dir, stores, "a#", 3)
	<-began
	p.die()
	if st := stateOf(t, dir); st.Journal == nil || len(st.Journal.Moves) != 2 {
		t.Fatalf("the journal has %+v", st.Journal)
	}
	r := redirection(dir, stores)
	r.Twice = true
	s := strays(t, r)[0]
	if err := r.Move(context.Background(), s); err != nil || s.Records != 20 {
		t.Fatalf("%d of 20: %v", s.Records, err)
	}
	if st := stateOf(t, dir); st.Journal == nil || len(st.Journal.Moves) != 1 || st.Journal.Moves[0].Run == s.Run.ID.String() {
		t.Fatalf("the journal has %+v", st.Journal)
	}
	stores["a"].set(func() { stores["a"].before = nil })
	drain(t, dir, stores, "b")
	once(t, stores["a"], 20)
	once(t, stores["b"], 20)
	onceIn(t, stores, 40)
}

// Who delivers to the old place lets it go for the moment, and then goes on with what
// is left for it; one that can't is named.
func TestRedirectFromAHolder(t *testing.T) {
	dir, stores := t.TempDir(), ab()
	refuse := func(*sink.Batch) error { return &sink.Refused{Err: errors.New("no such table")} }
	stores["a"].before = refuse
	old := start(t, dir, 0, stores, "a", "a")
	old.appendN(3, 50) // h1 waits for the same place, and is not given elsewhere
	leave(old)
	p := start(t, dir, 0, stores, "a", "a")
	p.n = 1000
	p.d.Start()
	p.appendN(1, 10)
	eventually(t, "it is refused", func() bool { st := p.d.Stats(); return len(st) == 2 && st[0].State == spool.Refused })
	r := redirection(dir, stores)
	list := strays(t, r)
	if err := r.Move(context.Background(), list[1]); err == nil || !strings.Contains(err.Error(), "is alive") {
		t.Errorf("the living run: %v", err)
	}
	if err := r.Move(context.Background(), list[0]); err != nil || list[0].Records != 50 {
		t.Fatalf("%d of 50: %v", list[0].Records, err)
	}
	stores["a"].set(func() { stores["a"].before = nil })
	p.flush()
	eventually(t, "h1 has its own", func() bool { return stores["a"].count() == 60 })
	p.stop()
	drain(t, dir, stores, "b")
	once(t, stores["b"], 50)
	if n := stores["a"].count(); n != 60 {
		t.Errorf("%d rows are in the old place, want 50 of h1 and 10 of h0", n)
	}
}

// holdPlace takes the lock of a destination, for this process.
func holdPlace(t *testing.T, dir, kind, endpoint string) *os.File {
	t.Helper()
	to := destinationDir(filepath.Join(dir, "svc"), kind, endpoint)
	err := os.MkdirAll(to, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := spool.TryLock(filepath.Join(to, lockName))
	if lock == nil || err != nil {
		t.Fatalf("somebody has it, or %v", err)
	}
	signLock(lock, kind, endpoint, "")
	return lock
}

// startWithRuns starts a program that delivers once it knows so many runs, so that a batch
// may have records of all of them.
func startWithRuns(t *testing.T, dir string, stores map[string]*store, at string, n int) *program {
	t.Helper()
	p := start(t, dir, 0, stores, at)
	busy := holdPlace(t, dir, "named", "a")
	p.d.Start()
	eventually(t, "all runs are found", func() bool { l := p.d.lanes(); return len(l) == 1 && len(l[0].all()) == n })
	busy.Close()
	return p
}

func TestRedirectFromAHolderThatIsStuck(t *testing.T) {
	dir, stores := t.TempDir(), ab()
	old := start(t, dir, 0, stores, "a")
	old.appendN(1, 5)
	leave(old)
	lock := holdPlace(t, dir, "fake", "a")
	r := redirection(dir, stores)
	r.Patience = 10 * time.Millisecond
	if err := r.Move(context.Background(), strays(t, r)[0]); err == nil || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid(), " delivers to fake a, rows and does not let it go")) {
		t.Errorf("%v", err)
	}
	lock.Close()
	if n := moveAll(t, r); n != 5 {
		t.Errorf("%d of 5", n)
	}
}

// A process dies between the mark and the new run, and another one makes dead letters a
// run: whoever delivers to the old place waits for it, so that the mark stays as long
// as something depends on it.
func TestRedirectIsWaitedFor(t *testing.T) {
	dir, stores := t.TempDir(), ab()
	old := start(t, dir, 0, stores, "a", "a")
	old.appendN(1, 30)
	old.append(2, "other")
	leave(old)
	r := redirection(dir, stores)
	s := strays(t, r)[0]
	if err := os.MkdirAll(r.dir(s), 0o700); err != nil {
		t.Fatal(err)
	}
	st, err := openState(r.dir(s), "h0", "rows")
	if err != nil {
		t.Fatal(err)
	}
	made, err := spool.Make(r.Service, spool.RunConfig{Service: "svc", Handlers: []spool.HandlerConfig{{Bit: 7, Name: "h0", Class: "fake", Keys: fakeKeys("b")}}})
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.copyTo(made, record.Place{}, 1<<7)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.prepare(made, s, record.Place{}, &w); err != nil {
		t.Fatal(err)
	}
	if err := st.redirect(s.Run.ID, w.end, made.ID); err != nil {
		t.Fatal(err)
	}
	busy, err := replayLock(r.Service)
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, dir, 0, stores, "a", "a")
	p.d.Start()
	eventually(t, "the other handler's record is in", func() bool { return stores["a"].count() == 1 })
	p.append(1, "new")
	p.flush() // the lane of h0 gets on with what is its own
	if runs, err := spool.List(r.Service); len(runs) != 2 || runs[0].ID != s.Run.ID {
		t.Errorf("%d runs, want the old one and the living one; %v", len(runs), err)
	}
	busy.Close()
	eventually(t, "the old run is gone", func() bool {
		p.d.Look()
		_, err := os.Stat(s.Run.Path())
		return err != nil
	})
	p.stop()
	drain(t, dir, stores, "b")
	once(t, stores["a"], 2)
	once(t, stores["b"], 30)
}

// What goes to make room while it is copied counts as lost, and is not given too; and
// what its deliverer had pinned stays pinned.
func TestRedirectOfWhatGoes(t *testing.T) {
	dir, stores := t.TempDir(), ab()
	p := start(t, dir, 0, stores, "a")
	for range 60 {
		p.append(1, strings.Repeat("x", 60_000)) // more than one segment
	}
	leave(p)
	r := redirection(dir, stores)
	s := strays(t, r)[0]
	s.Run.Counters().Slot(0).Pin(5000, 6000)
	w, err := s.each(record.Place{}, func(record.Place, []byte) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(s.Run.Path(), "000001.seg")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.pin(&w); err == nil || !strings.Contains(err.Error(), "make room") {
		t.Errorf("%v", err)
	}
	if from, to, seen := s.Run.Pinned(0); from != 5000 || to != 6000 || !seen {
		t.Errorf("pinned %d to %d, %v", from, to, seen)
	}
	if n := moveAll(t, r); n == 0 || n >= 60 {
		t.Errorf("%d of 60, of which a segment is gone", n)
	}
}

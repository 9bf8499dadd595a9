package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// patience is for a busy machine; what it waits for takes a tenth of a second.
const patience = 30 * time.Second

// ear counts to one: whether a bell was heard since it was asked last.
type ear chan struct{}

func newEar() ear { return make(ear, 1) }

func (e ear) hear() {
	select {
	case e <- struct{}{}:
	default:
	}
}

func (e ear) await(t *testing.T, what string) {
	t.Helper()
	select {
	case <-e:
	case <-time.After(patience):
		t.Fatal("not heard: ", what)
	}
}

// published waits until a writer has published all that it has, so that it has no
// reason to ring.
func published(t *testing.T, w *Writer) {
	t.Helper()
	for end := time.Now().Add(patience); w.Run().Counters().Committed() < w.Tail(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the background publishes nothing")
		}
	}
}

// look opens a run as another process does.
func look(t *testing.T, path string) *Run {
	t.Helper()
	run, err := openRun(path)
	must(t, err)
	return run
}

func listening() bool {
	bells.mu.Lock()
	defer bells.mu.Unlock()
	return bells.f != nil
}

// Whoever listens hears of each record that comes after the last one was heard of,
// also when another listens, and of the end.
func TestBell(t *testing.T) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprint("plain=", plain), func(t *testing.T) {
			s, err := Open(Options{Dir: t.TempDir(), Config: testConfig(), Plain: plain})
			must(t, err)
			w := s.Writer()
			published(t, w)
			var runs [2]*Run
			var ears [2]ear
			for i := range runs {
				runs[i], ears[i] = look(t, w.Run().Path()), newEar()
				stop, rings := runs[i].Listen(ears[i].hear)
				defer stop()
				if !rings {
					t.Fatal("its writer does not ring")
				}
			}
			r := runs[0].Reader(0)
			defer r.Close()
			for n := range 5 {
				if asked := runs[n%2].Await(); !asked || runs[0].Await() {
					t.Error("who asks first has to look, nobody else")
				}
				mustAppend(t, w, payload(3, 0, n, 100))
				for _, e := range ears {
					e.await(t, "a record")
				}
				if got := readAll(t, r); len(got.refs) != 1 {
					t.Fatalf("%d records are there when the bell is heard", len(got.refs))
				}
			}
			w.Run().WantFlush(w.Tail())
			ears[0].await(t, "that somebody wants a flush")
			s.Seal()
			s.Release()
			for end := time.Now().Add(patience); runs[0].Alive(); {
				ears[0].await(t, "the end")
				if time.Now().After(end) {
					t.Fatal("its end is not seen")
				}
			}
		})
	}
}

// A writer that nobody waits for does not ring: what stands in its page says so.
func TestBellThatNobodyWaitsFor(t *testing.T) {
	s, _ := openSpool(t, Options{Dir: t.TempDir()})
	w := s.Writer()
	published(t, w)
	run, e := look(t, w.Run().Path()), newEar()
	stop, _ := run.Listen(e.hear)
	run.Await()
	stop()
	if listening() {
		t.Error("nobody listens any more, and there is somebody who does")
	}
	if !w.run.count.awaited() || w.run.count.awaited() {
		t.Error("somebody waited, and is to be told once")
	}
}

// A killed writer's end is heard at once.
func TestBellOfAKilledWriter(t *testing.T) {
	dir := t.TempDir()
	c := startChild(t, dir, false, false, killEnv+"_QUIET=1")
	run, e := look(t, c.path), newEar()
	for end := time.Now().Add(patience); run.Counters().Committed() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the child's background does nothing")
		}
	}
	stop, rings := run.Listen(e.hear)
	defer stop()
	if !rings || !run.Alive() {
		t.Fatalf("it rings: %v, is alive: %v", rings, run.Alive())
	}
	c.kill(t)
	e.await(t, "its end")
	for end := time.Now().Add(patience); run.Alive(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("its end is not seen")
		}
	}
}

// A writer in another process is heard again and again.
func TestBellOfAnotherProcess(t *testing.T) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprint("plain=", plain), func(t *testing.T) {
			c := startChild(t, t.TempDir(), true, plain)
			run, e := look(t, c.path), newEar()
			stop, rings := run.Listen(e.hear)
			defer stop()
			if !rings {
				t.Error("it does not ring")
			}
			for range 5 {
				run.Await()
				e.await(t, "records")
			}
			c.kill(t)
		})
	}
}

// Of a run whose writer does not ring, since it is older or of another language,
// only the end is heard.
func TestWriterThatDoesNotRing(t *testing.T) {
	for _, page := range []bool{true, false} {
		f := newFile(1, 0, 64<<10)
		f.add(rec(0))
		run, _, die := livingRun(t, f)
		if !page {
			must(t, os.Remove(filepath.Join(run.path, countersFile)))
		}
		e := newEar()
		stop, rings := run.Listen(e.hear)
		if rings {
			t.Errorf("with a page %v: nobody has said that it rings", page)
		}
		die()
		e.await(t, "its end")
		if run.Alive() {
			t.Error("it is dead, and counts as alive")
		}
		stop()
	}
}

// One process listens to many, and to none of them when they are gone.
func TestBellsOfManyRuns(t *testing.T) {
	const many = 200
	var spools [many]*Spool
	var ears [many]ear
	var stops [many]func()
	for i := range spools {
		spools[i], _ = openSpool(t, Options{Dir: t.TempDir(), MaxBytes: 2 << 20})
	}
	for i, s := range spools {
		published(t, s.Writer())
		ears[i] = newEar()
		run := look(t, s.Writer().Run().Path())
		stop, rings := run.Listen(ears[i].hear)
		run.Await()
		if stops[i] = stop; !rings {
			t.Fatalf("run %d does not ring", i)
		}
	}
	for i, s := range spools {
		mustAppend(t, s.Writer(), payload(3, 0, i, 100))
	}
	for i, e := range ears {
		e.await(t, fmt.Sprint("run ", i))
	}
	for _, s := range spools[:many/2] {
		s.Seal()
		s.Release()
		must(t, os.RemoveAll(s.Writer().Run().Path()))
	}
	for i := range many / 2 {
		ears[i].await(t, fmt.Sprint("the end of run ", i))
	}
	for _, stop := range stops {
		stop()
	}
	if listening() {
		t.Error("nobody listens any more, and there is somebody who does")
	}
}

// A page that was cut off rings when it is made anew.
func TestBellOfAPageThatWasCutOff(t *testing.T) {
	if raceEnabled {
		t.Skip("NOT TESTED with -race: a fault can meet the detector's own code in the middle of a store, which nothing recovers; run it without")
	}
	s, _ := openSpool(t, Options{Dir: t.TempDir()})
	w := s.Writer()
	published(t, w)
	must(t, os.Truncate(filepath.Join(w.Run().Path(), countersFile), 0))
	w.Run().Counters().WantFlush(w.Tail())
	e := newEar()
	run := look(t, w.Run().Path())
	stop, rings := run.Listen(e.hear)
	defer stop()
	if !rings || !run.Await() {
		t.Fatal("it does not ring")
	}
	mustAppend(t, w, payload(3, 0, 0, 100))
	e.await(t, "a record")
}

package spool

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// leaveRun writes n big records into a run and lets it go.
func leaveRun(t *testing.T, dir string, from, n int, mask func(i int) uint64) (*Run, []uint64) {
	t.Helper()
	s, _ := openSpool(t, Options{Dir: dir, MaxBytes: 1 << 30, segment: minSegment})
	pos := fillSpool(t, s.Writer(), from, n, mask)
	s.Seal()
	s.Release()
	r, err := openRun(s.Writer().Run().Path())
	if err != nil {
		t.Fatal(err)
	}
	if !r.Counters().shared() {
		t.Skip("no process sees the counters of another here")
	}
	return r, pos
}

func presentIn(t *testing.T, r *Run) read {
	t.Helper()
	rd := r.Reader(0)
	defer rd.Close()
	return readAll(t, rd)
}

// settled is what the first two handlers have lost.
func settled(t *testing.T, r *Run) (lost [2]uint64) {
	t.Helper()
	r.SettleLosses()
	for bit := range lost {
		lost[bit], _, _ = r.Counters().Slot(bit).Lost()
	}
	return lost
}

// A full spool lets the oldest segment go, whichever run it is in: those of dead
// runs in their order, then its own. What is pinned stays, what a handler is past
// is no loss for it, and each loss is counted to the record in the run that had it.
func TestFullOverAllRuns(t *testing.T) {
	dir := t.TempDir()
	mask := func(i int) uint64 { return []uint64{1, 2, 3}[i%3] }
	var dead []*Run
	var pos [3][]uint64
	for i := range 3 {
		var r *Run
		r, pos[i] = leaveRun(t, dir, 25*i, 25, mask)
		dead = append(dead, r)
	}
	dead[0].Counters().Slot(0).SetFreeBelow(pos[0][5]) // handler 0 has the first five
	dead[1].Counters().Slot(1).Pin(pos[1][2], pos[1][4])
	if !dead[1].StillThere(pos[1][2], pos[1][4]) {
		t.Fatal("what was just written is gone")
	}
	s, ev := openSpool(t, Options{Dir: dir, MaxBytes: 8 << 20})
	w := s.Writer()
	ownLost := func() bool { n, _, _ := w.Run().Counters().Slot(0).Lost(); return n > 0 }
	n := 0
	for ; !ownLost(); n++ {
		if n == 1000 {
			t.Fatal("the own run loses nothing")
		}
		mustAppend(t, w, payload(3, 0, n, big))
		for i := 1; i < 3; i++ {
			a, b := settled(t, dead[i-1]), settled(t, dead[i])
			if left := presentIn(t, dead[i-1]).refs; b[1] > a[1] && len(left) > 10 {
				t.Fatalf("run %d has lost %v, and of the older one %d records are there, lost %v", i, b, len(left), a)
			}
		}
	}
	if held := w.Run().Held() + heldIn(dead[1].path); held > 8<<20 {
		t.Errorf("%d bytes are held", held)
	}
	for i, r := range dead {
		left := map[uint64]bool{}
		for _, f := range presentIn(t, r).refs {
			left[f.Position] = true
		}
		if i == 1 != (len(left) > 0) || i == 1 && !left[pos[1][2]] {
			t.Errorf("of run %d there are %d records", i, len(left))
		}
		for bit := range 2 {
			var want [3]uint64
			for k, at := range pos[i] {
				if mask(25*i+k)>>bit&1 == 0 || left[at] || i == 0 && bit == 0 && k < 5 {
					continue
				}
				if want[0]++; want[0] == 1 {
					want[1] = at
				}
				want[2] = at
			}
			if n, first, last := r.Counters().Slot(bit).Lost(); [3]uint64{n, first, last} != want {
				t.Errorf("run %d, handler %d has lost %d, %d to %d, want %v", i, bit, n, first, last, want)
			}
		}
		if end := r.Counters().Committed(); end < pos[i][24]+frameSize(big) {
			t.Errorf("run %d ends at %d, its last record is at %d", i, end, pos[i][24])
		}
	}
	if ev.count(EventMadeRoom) == 0 {
		t.Error("nothing was reported")
	}
	if n, first, _ := w.Run().Counters().Slot(0).Lost(); n != s.Stats().Evicted || first != headerSize {
		t.Errorf("the own run has lost %d from %d, %d count as evicted", n, first, s.Stats().Evicted)
	}
}

// The segments of a run that lives are its writer's: nobody else lets them go. Two
// that make room at once count each loss in a dead run once.
func TestTwoMakeRoom(t *testing.T) {
	dir := t.TempDir()
	old, _ := leaveRun(t, dir, 0, 40, func(int) uint64 { return 3 })
	a, _ := openSpool(t, Options{Dir: dir, MaxBytes: 8 << 20})
	b, _ := openSpool(t, Options{Dir: dir, MaxBytes: 8 << 20})
	var both sync.WaitGroup
	for who, s := range []*Spool{a, b} {
		both.Go(func() {
			for i := range 80 {
				if _, err := s.Writer().Append(payload(3, who, i, big)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	both.Wait()
	if lost := settled(t, old); lost != [2]uint64{40, 40} || len(presentIn(t, old).refs) != 0 {
		t.Errorf("%v of 40 are lost, and %d are there", lost, len(presentIn(t, old).refs))
	}
	for _, s := range []*Spool{a, b} {
		r := s.Writer().Run()
		s.Seal()
		lost, _, _ := r.Counters().Slot(0).Lost()
		if got := len(presentIn(t, r).refs); got+int(lost) != 80 || got < 10 {
			t.Errorf("%d records are there, %d are lost", got, lost)
		}
	}
}

// A source that can wait takes nobody's place, and a run whose losses nobody would
// learn of keeps its segments.
func TestWhoseRoomIsNotTaken(t *testing.T) {
	dir := t.TempDir()
	old, _ := leaveRun(t, dir, 0, 60, func(int) uint64 { return 3 })
	s, _ := openSpool(t, Options{Dir: dir, MaxBytes: 4 << 20})
	for i := range 40 {
		if _, err := s.Writer().TryAppend(payload(3, 0, i, big)); err != nil && !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
	}
	if n := len(presentIn(t, old).refs); n != 60 {
		t.Errorf("%d of 60 records are there", n)
	}
	if err := os.Remove(filepath.Join(old.path, countersFile)); err != nil {
		t.Fatal(err)
	}
	other, _ := openSpool(t, Options{Dir: dir, MaxBytes: 4 << 20})
	fillSpool(t, other.Writer(), 0, 40, func(int) uint64 { return 3 })
	if n := len(presentIn(t, old).refs); n != 60 {
		t.Errorf("%d of 60 records are there", n)
	}
}

// A kill before the segment is gone leaves no loss, and one after it leaves the
// whole, however often somebody looks.
func TestSettleLosses(t *testing.T) {
	for _, c := range []struct {
		name  string
		after bool
	}{{"there", false}, {"gone", true}} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			run, pos := leaveRun(t, dir, 0, 25, func(int) uint64 { return 3 })
			run.Counters().Slot(1).addLost(7, 100, 200)
			files, err := run.segments()
			if err != nil {
				t.Fatal(err)
			}
			killed := filepath.Join(t.TempDir(), "shop", "runs", filepath.Base(run.path))
			snap := func() {
				if err := os.CopyFS(killed, os.DirFS(run.path)); err != nil {
					t.Error(err)
				}
			}
			lost := []loss{{Bit: 0, N: 10, First: pos[0], Last: pos[9]}, {Bit: 1, N: 10, First: pos[0], Last: pos[9]}}
			run.part(files[0], lost, func() error {
				if !c.after {
					snap()
				}
				err := os.Remove(filepath.Join(run.path, files[0].name))
				if c.after {
					snap()
				}
				return err
			})
			if got := settled(t, run); got != [2]uint64{10, 17} {
				t.Errorf("lost %v", got)
			}
			r, err := openRun(killed)
			if err != nil {
				t.Fatal(err)
			}
			want := [2]uint64{0, 7}
			if c.after {
				want = [2]uint64{10, 17}
			}
			for range 2 {
				if got := settled(t, r); got != want {
					t.Errorf("lost %v, want %v", got, want)
				}
			}
			if _, err := os.Stat(filepath.Join(killed, farewellFile)); !os.IsNotExist(err) {
				t.Errorf("the note is still there: %v", err)
			}
		})
	}
}

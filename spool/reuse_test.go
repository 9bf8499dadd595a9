package spool

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// eventually waits until ok; what it waits for is done by the background.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("in vain: ", what)
		}
	}
}

// A writer whose reader keeps up lives in a handful of files for ever, and an old
// frame is never read for a new one.
func TestSegmentsAreReused(t *testing.T) {
	s, ev := openSpool(t, Options{Dir: t.TempDir(), segment: minSegment})
	w := s.Writer()
	r := w.Run().Reader(0)
	defer r.Close()
	seen, n := 0, 0
	// The background takes files back; on a busy machine it is late.
	for reused := false; !reused; n++ {
		if n == 20_000 {
			t.Fatal("files are not used again")
		}
		mustAppend(t, w, payload(1, 0, n, big))
		for f, st := r.Next(); st == Frame; f, st = r.Next() {
			if _, n := whose(t, f.Payload); n != seen {
				t.Fatalf("record %d where %d should be", n, seen)
			}
			seen++
		}
		passAll(w.Run(), r.Position())
		w.mu.Lock()
		last := w.segs[len(w.segs)-1].seq
		reused = last > 40 && last > 4*w.files
		w.mu.Unlock()
	}
	if seen != n || r.Damaged != 0 || len(ev.list) != 0 {
		t.Errorf("%d records of %d, %d damaged, events %v", seen, n, r.Damaged, ev.list)
	}
}

// A file that has been dirty for long is not used again, neither when its segment
// is delivered nor when it is spare already.
func TestOldFilesAreNotReused(t *testing.T) {
	s, _ := openSpool(t, Options{Dir: t.TempDir(), segment: minSegment})
	w := s.Writer()
	w.stopBackground()
	for n := range 60 {
		mustAppend(t, w, payload(1, 0, n, big))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.segs) < 4 {
		t.Fatalf("%d segments", len(w.segs))
	}
	passAll(w.Run(), w.Tail())
	w.walkTo(w.Tail())
	w.segs[1].made = w.segs[1].made.Add(-youth)
	young, old := w.segs[0].path, w.segs[1].path
	w.free(w.segs[2])
	if len(w.spare) != 1 || w.spare[0].path != young {
		t.Fatalf("spare %v, want %s alone", w.spare, young)
	}
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old file: %v", err)
	}
	w.spare[0].made = w.spare[0].made.Add(-youth)
	w.next = nil
	must(t, w.makeNext(false))
	if w.next.path == young || len(w.spare) != 0 {
		t.Errorf("%s was used again", young)
	}
}

// Spare files go when nobody appends any more.
func TestSparesGoWhenIdle(t *testing.T) {
	s, _ := openSpool(t, Options{Dir: t.TempDir(), segment: minSegment})
	w := s.Writer()
	for i := range 60 {
		mustAppend(t, w, payload(1, 0, i, big))
	}
	passAll(w.Run(), w.Tail())
	eventually(t, "one segment and the next are left", func() bool { return len(w.Run().files()) <= 2 })
}

// A reader whose file is used again sees a gap, not what is there now; one that
// looks for the first time begins at what there is.
func TestLaggardSeesReuse(t *testing.T) {
	s, _ := openSpool(t, Options{Dir: t.TempDir(), segment: minSegment})
	w := s.Writer()
	append1 := func(i int) { mustAppend(t, w, payload(1, 0, i, big)) }
	for i := range 25 {
		append1(i)
	}
	other, err := openRun(w.Run().Path())
	must(t, err)
	r := other.Reader(0)
	defer r.Close()
	for i := range 3 {
		f, st := r.Next()
		if st != Frame {
			t.Fatalf("status %d", st)
		}
		if _, n := whose(t, f.Payload); n != i {
			t.Fatalf("record %d where %d should be", n, i)
		}
	}
	at := r.Position()
	passAll(w.Run(), w.Tail())
	i := 25
	eventually(t, "the first file is blank or holds another segment", func() bool {
		append1(i)
		i++
		passAll(w.Run(), w.Tail())
		h, err := readHeader(filepath.Join(w.Run().Path(), segmentName(1)))
		return errors.Is(err, errSpare) || err == nil && h.seq > 1
	})
	s.Seal()
	got := readAll(t, r)
	if len(got.gaps) == 0 || got.gaps[0][0] < at || r.Damaged != 0 {
		t.Fatalf("gaps %v after %d, %d damaged", got.gaps, at, r.Damaged)
	}
	for j, f := range got.refs {
		if _, n := whose(t, f.Payload); n != i-len(got.refs)+j && f.Position > got.gaps[0][1] {
			t.Errorf("record %d at %d", n, f.Position)
		}
	}
}

// A kill while a file is made ready for its next use leaves nothing that looks
// like damage or like records; frames without a header do.
func TestKilledInReuse(t *testing.T) {
	files := threeFiles()
	blank := bytes.Clone(files[0].b)
	clear(blank[:8])
	cleared := bytes.Clone(blank)
	clear(cleared[headerSize:])
	headless := bytes.Clone(files[0].b)
	clear(headless[:headerSize])
	for _, test := range []struct {
		name    string
		b       []byte
		damaged bool
	}{
		{"blank", blank, false},
		{"frames cleared", cleared, false},
		{"cleared", make([]byte, len(blank)), false},
		{"frames without a header", headless, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			run := deadRun(t, files[1:]...)
			home := t.TempDir() // where a damaged run is set aside
			must(t, os.Mkdir(filepath.Join(home, "runs"), 0o700))
			must(t, os.Rename(run.path, filepath.Join(home, "runs", "run")))
			run.path = filepath.Join(home, "runs", "run")
			write(t, filepath.Join(run.path, segmentName(1)), test.b)
			r := run.Reader(files[1].h.base)
			got := readAll(t, r)
			got.inOrder(t, 10, 30)
			if got.status != End || len(got.gaps) != 0 || r.Damaged != 0 {
				t.Errorf("status %d, gaps %v, %d damaged", got.status, got.gaps, r.Damaged)
			}
			end := r.FramesEnd()
			r.Close()
			must(t, run.Trim(end))
			if _, err := os.Stat(filepath.Join(run.path, segmentName(1))); os.IsNotExist(err) == test.damaged {
				t.Errorf("after Trim: %v", err)
			}
			passAll(run, end)
			for _, bit := range []int{0, 1} {
				run.Counters().Slot(bit).SetFreeBelow(end)
			}
			if gone, err := run.FreeDelivered(end); !gone || err != nil {
				t.Errorf("FreeDelivered: %v, %v", gone, err)
			}
			set, _ := filepath.Glob(filepath.Join(home, "damaged", "*"))
			if (len(set) == 1) != test.damaged {
				t.Errorf("set aside: %v", set)
			}
		})
	}
}

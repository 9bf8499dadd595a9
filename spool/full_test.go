package spool

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const big = 100_000 // ten records a segment of 1 MiB

// fillSpool appends n big records and returns where they went.
func fillSpool(t *testing.T, w *Writer, from, n int, mask func(i int) uint64) (pos []uint64) {
	t.Helper()
	for i := from; i < from+n; i++ {
		pos = append(pos, mustAppend(t, w, payload(mask(i), 0, i, big)))
	}
	return pos
}

// When nobody reads, the oldest segments go, and each handler's loss is counted
// to the record.
func TestFullDropsTheOldest(t *testing.T) {
	both(t, func(t *testing.T, dir string) {
		s, ev := openSpool(t, Options{Dir: dir, MaxBytes: 4 << 20})
		w := s.Writer()
		n := 100
		if dir == "" {
			n = 400
		}
		mask := func(i int) uint64 { return []uint64{1, 2, 3, 0}[i%4] }
		pos := fillSpool(t, w, 0, n, mask)
		s.Seal() // the background makes no more room
		r := w.Run().Reader(0)
		defer r.Close()
		got := readAll(t, r)
		first := n - len(got.refs)
		got.inOrder(t, first, n)
		if first == 0 || got.refs[0].Position != pos[first] || len(got.gaps) != 0 {
			t.Fatalf("first record %d, gaps %v", first, got.gaps)
		}
		for bit := range 2 {
			var wantN, wantFirst, wantLast uint64
			for i := range first {
				if mask(i)>>bit&1 != 0 {
					if wantN++; wantFirst == 0 {
						wantFirst = pos[i]
					}
					wantLast = pos[i]
				}
			}
			if n, first, last := w.Run().Counters().Slot(bit).Lost(); n != wantN || first != wantFirst || last != wantLast {
				t.Errorf("handler %d lost %d, %d to %d, want %d, %d to %d", bit, n, first, last, wantN, wantFirst, wantLast)
			}
		}
		if ev.count(EventLost) == 0 {
			t.Error("nothing was reported")
		}
		limit := int64(4 << 20)
		if dir == "" {
			limit = memoryLimit
		}
		if held := w.Run().Held(); held > limit {
			t.Errorf("%d bytes are held, more than %d", held, limit)
		}
	})
}

// A handler that is past what goes loses nothing, and nothing is reported where
// nobody does.
func TestFullCountsOnlyWhatWasNotRead(t *testing.T) {
	dir := t.TempDir()
	s, _ := openSpool(t, Options{Dir: dir, MaxBytes: 4 << 20})
	w := s.Writer()
	w.stopBackground() // so that the full rule meets the segments, not the background
	pos := fillSpool(t, w, 0, 5, func(int) uint64 { return 3 })
	c := w.Run().Counters()
	c.Slot(0).SetFreeBelow(pos[4])
	fillSpool(t, w, 5, 95, func(int) uint64 { return 3 })
	n0, first0, _ := c.Slot(0).Lost()
	n1, first1, _ := c.Slot(1).Lost()
	if n1-n0 != 4 || first0 != pos[4] || first1 != pos[0] {
		t.Errorf("lost %d from %d and %d from %d", n0, first0, n1, first1)
	}
}

func TestNoLossIsReportedWhereNobodyLoses(t *testing.T) {
	s, ev := openSpool(t, Options{Dir: t.TempDir(), MaxBytes: 4 << 20})
	w := s.Writer()
	w.stopBackground()
	for i := range 100 {
		pos := fillSpool(t, w, i, 1, func(int) uint64 { return 3 })
		passAll(w.Run(), pos[0]+frameSize(big))
	}
	if ev.count(EventLost) != 0 {
		t.Errorf("events %v", ev.list)
	}
}

// stopBackground ends the background and leaves the run alive.
func (w *Writer) stopBackground() {
	w.stopOnce.Do(func() { close(w.stop) })
	<-w.done
}

func TestPinnedSegmentsStay(t *testing.T) {
	both(t, func(t *testing.T, dir string) {
		s, _ := openSpool(t, Options{Dir: dir, MaxBytes: 4 << 20})
		w := s.Writer()
		pos := fillSpool(t, w, 0, 25, func(int) uint64 { return 3 })
		slot := w.Run().Counters().Slot(1)
		slot.Pin(pos[12], pos[14])
		if !w.Run().StillThere(pos[12], pos[14]) {
			t.Fatal("what was just written is gone")
		}
		n := 100
		if dir == "" {
			n = 400
		}
		fillSpool(t, w, 25, n, func(int) uint64 { return 3 })
		if !w.Run().StillThere(pos[12], pos[14]) || w.Run().StillThere(pos[1], pos[2]) || w.Run().StillThere(pos[1], pos[13]) {
			t.Error("the pinned segment is gone, or one that nobody held is not")
		}
		r := w.Run().Reader(pos[12])
		defer r.Close()
		got := readAll(t, r)
		// One gap at least: the background may still take files for what comes.
		if len(got.refs) == 0 || got.refs[0].Position != pos[12] || len(got.gaps) == 0 {
			t.Fatalf("%d records, gaps %v", len(got.refs), got.gaps)
		}
		slot.Unpin()
		fillSpool(t, w, 25+n, n, func(int) uint64 { return 3 })
		if w.Run().StillThere(pos[12], pos[14]) {
			t.Error("a segment stays that nobody pins")
		}
	})
}

// When everything is pinned an append fails at once, and is counted.
func TestFullAndPinned(t *testing.T) {
	both(t, func(t *testing.T, dir string) {
		s, _ := openSpool(t, Options{Dir: dir, MaxBytes: 4 << 20})
		w := s.Writer()
		slot := w.Run().Counters().Slot(0)
		slot.Pin(0, 1<<60)
		stored, failed, slow := 0, 0, 0
		for i := range 400 {
			begin := time.Now()
			_, err := w.Append(payload(2, 0, i, big))
			if err != nil && time.Since(begin) > 20*time.Millisecond {
				slow++ // the machine may be busy, but not always
			}
			switch {
			case err == nil:
				stored++
			case errors.Is(err, ErrFull):
				failed++
			default:
				t.Fatal(err)
			}
		}
		if failed == 0 || slow > failed/4 {
			t.Errorf("%d failed, %d of them slowly", failed, slow)
		}
		if n, first, last := w.Run().Counters().Slot(1).Lost(); int(n) != failed || first == 0 || last < first {
			t.Errorf("lost %d, %d to %d; %d appends failed", n, first, last, failed)
		}
		r := w.Run().Reader(0)
		defer r.Close()
		if got := readAll(t, r); len(got.refs) != stored {
			t.Errorf("%d records of %d", len(got.refs), stored)
		}
		slot.Unpin()
		time.Sleep(retryMake + 50*time.Millisecond)
		mustAppend(t, w, payload(2, 0, 400, big))
	})
}

// Losses stand in the counters page, which outlives the process.
func TestLossesSurviveReopening(t *testing.T) {
	s, _ := openSpool(t, Options{Dir: t.TempDir(), MaxBytes: 4 << 20})
	w := s.Writer()
	fillSpool(t, w, 0, 100, func(int) uint64 { return 2 })
	s.Seal()
	n, first, last := w.Run().Counters().Slot(1).Lost()
	w.Run().Counters().Slot(1).SetState(Refused, "a reason longer than 32 bytes is cut, so this is")
	s.Release()
	r, err := openRun(w.Run().Path())
	if err != nil {
		t.Fatal(err)
	}
	if n2, first2, last2 := r.Counters().Slot(1).Lost(); n == 0 || n2 != n || first2 != first || last2 != last {
		t.Errorf("lost %d, %d to %d; after reopening %d, %d to %d", n, first, last, n2, first2, last2)
	}
	if st, why := r.Counters().Slot(1).State(); st != Refused || why != "a reason longer than 32 bytes is" {
		t.Errorf("state %v, %q", st, why)
	}
	if st, why := r.Counters().Slot(0).State(); st != Delivering || why != "" {
		t.Errorf("state %v, %q", st, why)
	}
}

// Other runs of the service count against the limit.
func TestOtherRunsCount(t *testing.T) {
	dir := t.TempDir()
	old, _ := openSpool(t, Options{Dir: dir, MaxBytes: 16 << 20})
	fillSpool(t, old.Writer(), 0, 60, func(int) uint64 { return 1 })
	old.Seal()
	old.Release()
	s, _ := openSpool(t, Options{Dir: dir, MaxBytes: 16 << 20})
	s.Account()
	if s.others.Load() < 6_000_000 {
		t.Errorf("others hold %d", s.others.Load())
	}
	fillSpool(t, s.Writer(), 0, 200, func(int) uint64 { return 1 })
	if held := s.Writer().Run().Held() + s.others.Load(); held > 16<<20 {
		t.Errorf("%d bytes are held", held)
	}
	// No limit: the smaller of 1 GiB and a tenth of the disk.
	free, _ := openSpool(t, Options{Dir: dir})
	free.Account()
	if l := free.Limit(); l <= 0 || l > defaultLimit {
		t.Errorf("limit %d", l)
	}
}

// A damaged or missing counters page is replaced: what is in it can be found out.
func TestCountersDamaged(t *testing.T) {
	s, _ := openSpool(t, Options{Dir: t.TempDir()})
	mustAppend(t, s.Writer(), payload(1, 0, 0, 100))
	s.Seal()
	s.Release()
	path := s.Writer().Run().Path()
	name := filepath.Join(path, "counters")
	for _, text := range [][]byte{nil, []byte("short"), make([]byte, countersSize)} {
		os.Remove(name)
		if text != nil {
			if err := os.WriteFile(name, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r, err := openRun(path)
		if err != nil {
			t.Fatal(err)
		}
		rd := r.Reader(0)
		if got := readAll(t, rd); len(got.refs) != 1 || got.status != End || r.Counters().Slot(0).Delivered() != 0 {
			t.Errorf("%d bytes: %+v", len(text), got)
		}
		rd.Close()
	}
}

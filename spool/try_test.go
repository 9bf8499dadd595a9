package spool

import (
	"errors"
	"testing"
)

// A full spool refuses what can be given again: nothing goes for it, and nothing
// is counted. It takes more as soon as a segment was delivered.
func TestTryAppendLosesNothing(t *testing.T) {
	both(t, func(t *testing.T, dir string) {
		s, ev := openSpool(t, Options{Dir: dir, MaxBytes: 4 << 20})
		w := s.Writer()
		var kept []uint64
		for i := 0; ; i++ {
			pos, err := w.TryAppend(payload(1, 0, i, big))
			if errors.Is(err, ErrFull) {
				break
			}
			if err != nil || i > 1000 {
				t.Fatal(i, err)
			}
			kept = append(kept, pos)
		}
		w.stopBackground()
		if _, err := w.TryAppend(payload(1, 0, len(kept), big)); !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
		if n, _, _ := w.Run().Counters().Slot(0).Lost(); n != 0 || ev.count(EventLost) != 0 || w.Run().Oldest() != 0 {
			t.Fatalf("lost %d, told %d, oldest %d", n, ev.count(EventLost), w.Run().Oldest())
		}
		for bit := range 2 {
			w.Run().Counters().Slot(bit).SetFreeBelow(kept[len(kept)-1])
		}
		w.tick(w.Tail(), true, true)
		if _, err := w.TryAppend(payload(1, 0, len(kept), big)); err != nil {
			t.Fatal(err)
		}
	})
}

// An Append takes an older record's place in the same spool.
func TestAppendGoesOnWhereTryAppendWaits(t *testing.T) {
	s, ev := openSpool(t, Options{Dir: t.TempDir(), MaxBytes: 4 << 20})
	w := s.Writer()
	var err error
	for i := 0; err == nil; i++ {
		_, err = w.TryAppend(payload(1, 0, i, big))
	}
	mustAppend(t, w, payload(1, 0, 1<<20, big))
	if ev.count(EventLost) == 0 {
		t.Error("nothing was reported")
	}
	s.Seal()
	if _, err := w.TryAppend(payload(1, 0, 0, 100)); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

package spool

import (
	"os"
	"sync"
	"testing"
	"time"
)

func durableConfig() RunConfig {
	c := testConfig()
	c.Durable = true
	return c
}

// What an append has returned from is on the disk, through rolls and reuse, and
// those who wait together share the way there.
func TestDurableAppends(t *testing.T) {
	s, ev := openSpool(t, Options{Dir: t.TempDir(), Config: durableConfig(), segment: minSegment})
	w := s.Writer()
	const writers, each = 16, 60
	var wg sync.WaitGroup
	for g := range writers {
		wg.Go(func() {
			for n := range each {
				p := payload(1, g, n, 10_000)
				pos := mustAppend(t, w, p)
				if done := w.syncer.done.Load(); done < pos+frameSize(len(p)) {
					t.Errorf("an append at %d has returned; on the disk is what lies below %d", pos, done)
				}
				passAll(w.Run(), pos)
			}
		})
	}
	wg.Wait()
	if len(ev.list) != 0 {
		t.Errorf("events %v", ev.list)
	}
	if rounds := w.syncer.rounds.Load(); rounds > writers*each*3/4 {
		t.Errorf("%d rounds for %d appends", rounds, writers*each)
	}
}

// A disk that can't take a segment's bytes is told of; appends go on in a new
// segment, and what is in the old one can still be read.
func TestFailedSync(t *testing.T) {
	s, ev := openSpool(t, Options{Dir: t.TempDir(), Config: durableConfig()})
	w := s.Writer()
	mustAppend(t, w, payload(1, 0, 0, 100))
	seg := w.cur.Load()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0) // can't be synced
	must(t, err)
	w.mu.Lock()
	seg.f, null = null, seg.f
	w.mu.Unlock()
	defer null.Close()
	for i := range 9 {
		mustAppend(t, w, payload(1, 0, i+1, 100))
	}
	if n := ev.count(EventUnsynced); n != 1 {
		t.Errorf("%d times told: %v", n, ev.list)
	}
	if w.cur.Load() == seg {
		t.Error("appends still go to the segment that failed")
	}
	s.Seal()
	r := w.Run().Reader(0)
	defer r.Close()
	got := readAll(t, r)
	got.inOrder(t, 0, 10)
}

// A disk that is silent holds an append up for a second, and no longer.
func TestSilentDisk(t *testing.T) {
	s, ev := openSpool(t, Options{Dir: t.TempDir(), Config: durableConfig()})
	w := s.Writer()
	mustAppend(t, w, payload(1, 0, 0, 100))
	w.mu.Lock() // no round comes to an end
	mustAppend(t, w, payload(1, 0, 1, 100))
	w.mu.Unlock()
	if ev.count(EventUnsynced) != 1 {
		t.Errorf("events %v", ev.list)
	}
}

// Without a call that waits, what is logged goes to the disk now and then, and at
// the end.
func TestSyncEvery(t *testing.T) {
	s, _ := openSpool(t, Options{Dir: t.TempDir(), SyncEvery: 5 * time.Millisecond})
	w := s.Writer()
	mustAppend(t, w, payload(1, 0, 0, 100))
	eventually(t, "it is on the disk", func() bool { return w.syncer.done.Load() == w.Tail() })
	end := mustAppend(t, w, payload(1, 0, 1, 100))
	s.Seal()
	if done := w.syncer.done.Load(); done <= end {
		t.Errorf("sealed, and on the disk is what lies below %d", done)
	}
}

package spool

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// passAll says for every handler that a reader got so far.
func passAll(r *Run, pos uint64) {
	for _, h := range r.Config.Handlers {
		r.Counters().Slot(h.Bit).SetDelivered(pos)
		r.Counters().Slot(h.Bit).SetFreeBelow(pos)
	}
}

// once checks that the records of each writer come once and in order.
type once struct {
	next  []int
	count int
}

func (o *once) see(t testing.TB, f Ref) {
	t.Helper()
	who, n := whose(t, f.Payload)
	if n != o.next[who] {
		t.Fatalf("record %d of goroutine %d where %d should be, at %d", n, who, o.next[who], f.Position)
	}
	o.next[who]++
	o.count++
}

// Eight goroutines append through many rolls while one reader follows and lets
// segments be freed; every record comes once, in the order of its goroutine.
func TestConcurrentAppends(t *testing.T) {
	both(t, func(t *testing.T, dir string) {
		const writers = 8
		each := 20_000
		if testing.Short() {
			each = 2_000
		}
		s, ev := openSpool(t, Options{Dir: dir, MaxBytes: 1 << 30, Config: testConfig(), segment: minSegment})
		w := s.Writer()
		var done atomic.Bool
		var wg sync.WaitGroup
		for g := range writers {
			wg.Go(func() {
				for n := range each {
					if _, err := w.Append(payload(3, g, n, 24+(n*7+g)%400)); err != nil {
						t.Error(err)
						return
					}
					for dir == "" && int64(w.Tail()-w.run.count.Slot(0).FreeBelow()) > memoryLimit/2 {
						time.Sleep(50 * time.Microsecond) // memory has no room for a slow reader
					}
				}
			})
		}
		go func() {
			wg.Wait()
			done.Store(true)
		}()
		r := w.Run().Reader(0)
		defer r.Close()
		live := once{next: make([]int, writers)}
		for live.count < writers*each && !t.Failed() {
			f, st := r.Next()
			switch st {
			case Frame:
				live.see(t, f)
			case Wait:
				if r.Position() > 0 {
					passAll(w.Run(), r.Position())
				}
				time.Sleep(20 * time.Microsecond)
			default:
				t.Fatalf("status %d at %d after %d records", st, r.Position(), live.count)
			}
		}
		wg.Wait()
		if _, st := r.Next(); st != Wait {
			t.Errorf("status %d after the last record", st)
		}
		if n := ev.count(EventLost) + ev.count(EventFault) + ev.count(EventDisk); n != 0 || r.Damaged != 0 {
			t.Errorf("%d damaged; events %v", r.Damaged, ev.list)
		}
	})
}

// A reader of the dead run gets the same, whatever follows it while it lives.
func TestReadersOfLivingAndDeadRun(t *testing.T) {
	dir := t.TempDir()
	const writers, each = 4, 5_000
	cfg := testConfig()
	s, _ := openSpool(t, Options{Dir: dir, MaxBytes: 1 << 30, Config: cfg, segment: minSegment})
	other, err := openRun(s.Writer().Run().Path()) // as another process sees it
	if err != nil {
		t.Fatal(err)
	}
	if !other.Alive() || other.Own() {
		t.Error("the run of a living writer is not alive")
	}
	var wg sync.WaitGroup
	for g := range writers {
		wg.Go(func() {
			for n := range each {
				mustAppend(t, s.Writer(), payload(1, g, n, 24+(n*13+g)%600))
			}
		})
	}
	r := other.Reader(0)
	defer r.Close()
	live := once{next: make([]int, writers)}
	for live.count < writers*each {
		f, st := r.Next()
		if st == Frame {
			live.see(t, f)
		} else if st != Wait {
			t.Fatalf("status %d", st)
		}
	}
	wg.Wait()
	s.Seal()
	if !other.Alive() {
		t.Error("the lock is still held, yet the run is dead")
	}
	s.Release()
	other.probed = time.Time{}
	if got := readAll(t, r); got.status != End || len(got.refs) != 0 {
		t.Errorf("%d records, status %d", len(got.refs), got.status)
	}
	dead := once{next: make([]int, writers)}
	again := other.Reader(0)
	defer again.Close()
	got := readAll(t, again)
	for _, f := range got.refs {
		dead.see(t, f)
	}
	if dead.count != writers*each || got.status != End || len(got.gaps) != 0 || again.Damaged != 0 || again.FramesEnd() != s.Writer().Tail() {
		t.Errorf("the dead run: %d records, status %d, gaps %v, %d damaged, end %d of %d", dead.count, got.status, got.gaps, again.Damaged, again.FramesEnd(), s.Writer().Tail())
	}
}

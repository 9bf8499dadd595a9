package spool

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The counters page is cut off under the mapping of its writer and of another
// process: both go on, it is said, and what was lost, delivered and set aside is
// what it was.
func TestCountersCutOffUnderTheMapping(t *testing.T) {
	if raceEnabled {
		t.Skip("NOT TESTED with -race: a fault can meet the detector's own code in the middle of a store, which nothing recovers; run it without")
	}
	for _, size := range []int64{0, 100, 4096} {
		s, ev := openSpool(t, Options{Dir: t.TempDir(), MaxBytes: 2 << 20})
		w := s.Writer()
		w.stopBackground()
		path := filepath.Join(w.Run().Path(), countersFile)
		fillSpool(t, w, 0, 100, func(int) uint64 { return 3 })
		other, err := openRun(w.Run().Path())
		must(t, err)
		other.Counters().onFault(func(err error) { ev.report(Event{Kind: EventFault, Err: err}) })
		lost, first, last := w.Run().Counters().Slot(1).Lost()
		if lost == 0 {
			t.Fatal("nothing was lost")
		}
		other.Counters().Slot(0).SetDelivered(w.Tail())
		other.Counters().Slot(0).AddLetters(3)
		other.Counters().Slot(63).SetState(Refused, "no such table")
		must(t, os.Truncate(path, size))
		if n, f, l := w.Run().Counters().Slot(1).Lost(); n != lost || f != first || l != last {
			t.Errorf("cut off at %d: lost %d, %d to %d; want %d, %d to %d", size, n, f, l, lost, first, last)
		}
		must(t, os.Truncate(path, size))
		if c := other.Counters(); c.Slot(0).Delivered() != w.Tail() || c.Slot(0).Letters() != 3 {
			t.Errorf("cut off at %d: delivered %d, letters %d", size, c.Slot(0).Delivered(), c.Slot(0).Letters())
		}
		if st, why := other.Counters().Slot(63).State(); st != Refused || why != "no such table" {
			t.Errorf("cut off at %d: %s %q", size, st, why)
		}
		// It is one page for both again.
		w.Run().Counters().Slot(1).AddLetters(7)
		other.Counters().WantFlush(5)
		if other.Counters().Slot(1).Letters() != 7 || w.Run().Counters().FlushWanted() != 5 {
			t.Errorf("cut off at %d: each has a page of its own", size)
		}
		mustAppend(t, w, payload(3, 0, 1000, 100))
		again := openCounters(w.Run().ID, w.Run().Path())
		if n, _, _ := again.Slot(1).Lost(); n < lost {
			t.Errorf("cut off at %d: the next process reads %d lost of %d", size, n, lost)
		}
		if n := ev.count(EventFault); n == 0 || !strings.Contains(ev.list[len(ev.list)-1].Err.Error(), "counters was cut off") {
			t.Errorf("cut off at %d: told %v", size, ev.list)
		}
	}
}

// The file is gone as well: numbers are kept in memory.
func TestCountersCutOffAndRemoved(t *testing.T) {
	if raceEnabled {
		t.Skip("NOT TESTED with -race: a fault can meet the detector's own code in the middle of a store, which nothing recovers; run it without")
	}
	c, err := createCounters(testRun, t.TempDir())
	must(t, err)
	c.Slot(2).SetFreeBelow(77)
	must(t, os.Truncate(c.path, 0))
	must(t, os.Remove(c.path))
	var told error
	c.onFault(func(err error) { told = err })
	c.Slot(2).AddLetters(1)
	if c.Slot(2).FreeBelow() != 77 || c.Slot(2).Letters() != 1 || told == nil || !strings.Contains(told.Error(), "kept in memory") {
		t.Errorf("%d, %d; told %v", c.Slot(2).FreeBelow(), c.Slot(2).Letters(), told)
	}
}

// All at once, while the file is cut off again and again: numbers stay.
func TestCountersCutOffAtAnyTime(t *testing.T) {
	if raceEnabled {
		t.Skip("NOT TESTED with -race: a fault can meet the detector's own code in the middle of a store, which nothing recovers; run it without")
	}
	c, err := createCounters(testRun, t.TempDir())
	must(t, err)
	var all sync.WaitGroup
	var stop atomic.Bool
	var letters [4]uint64
	for g := range letters {
		all.Go(func() {
			for n := uint64(0); !stop.Load(); n++ {
				c.Slot(g).SetDelivered(n)
				c.Slot(g).AddLetters(1)
				letters[g]++
				// A cut between the page and what is kept may cost the last step.
				if at := c.Slot(g).Delivered(); at != n && at+1 != n {
					t.Errorf("slot %d stands at %d, want %d", g, at, n)
					return
				}
			}
		})
	}
	const cuts = 30
	for range cuts {
		must(t, os.Truncate(c.path, 0))
		time.Sleep(time.Millisecond)
	}
	stop.Store(true)
	all.Wait()
	for g, want := range letters {
		if n := c.Slot(g).Letters(); n > want || n+cuts < want {
			t.Errorf("slot %d: %d letters of %d after %d cuts", g, n, want, cuts)
		}
	}
}

// What stands in another place of the page, or in another run's, does not check.
func TestNumbersOfThePage(t *testing.T) {
	c := &Counters{id: testRun}
	other := &Counters{id: testRun + 1}
	rnd := rand.New(rand.NewPCG(1, 2))
	taken, tried := 0, 0
	for range 2000 {
		n := rnd.Uint64() >> (16 + rnd.UintN(48))
		off := 8 * rnd.IntN(countersSize/8)
		word := c.encode(off, n)
		if got := c.decode(off, word); got != n {
			t.Fatalf("%d at %d reads as %d", n, off, got)
		}
		if n == 0 {
			continue
		}
		for _, wrong := range []uint64{c.decode(off^8, word), c.decode((off+slotSize)%countersSize, word), other.decode(off, word), c.decode(off, word^1<<rnd.UintN(64)), c.decode(off, rnd.Uint64())} {
			if tried++; wrong != 0 {
				taken++
			}
		}
	}
	if taken > tried/1000 {
		t.Errorf("%d of %d wrong words check", taken, tried)
	}
	if n := c.decode(16, c.encode(16, 1<<60)); n != maxNumber {
		t.Errorf("2^60 reads as %d", n)
	}
}

// FuzzCounters: whatever the bytes and the length of a run's counters page are, of
// a dead run and, written over it, of a living one,
//   - nothing panics or takes long;
//   - every frame is read, by the own process, by another, and after death;
//   - nothing is deleted before each handler has said that it is past it;
//   - once each has, the dead run goes.
func FuzzCounters(f *testing.F) {
	c, err := createCounters(testRun, f.TempDir())
	must(f, err)
	whole := func(change func(c *Counters)) []byte {
		change(c)
		b, err := os.ReadFile(c.path)
		must(f, err)
		return b
	}
	f.Add([]byte{})
	f.Add([]byte("girokcnt"))
	f.Add(make([]byte, countersSize))
	f.Add(bytes.Repeat([]byte{0xff}, countersSize))
	f.Add(append([]byte("girokcnt"), bytes.Repeat([]byte{0x10, 0x20, 0x30, 0}, countersSize/4-2)...))
	f.Add(whole(func(c *Counters) { c.WantFlush(1 << 40) }))
	f.Add(whole(func(c *Counters) {
		c.Slot(0).SetDelivered(100 << 10)
		c.Slot(0).SetFreeBelow(100 << 10)
		c.Slot(0).SetState(Fenced, "why")
		c.Slot(0).Pin(5000, 6000)
	}))
	f.Add(whole(func(c *Counters) { c.setFreeing(1 << 40) }))
	files := threeFiles()
	f.Fuzz(func(t *testing.T, b []byte) {
		begin := time.Now()
		fuzzDead(t, files, b)
		fuzzLiving(t, b)
		if took := time.Since(begin); took > time.Minute {
			t.Errorf("it took %s", took)
		}
	})
}

// fuzzDead drains a dead run whose page is b. Of the page of handler 0 anything may
// be true, so only handler 1 tells what may not go; the seeds have nothing of it.
func fuzzDead(t *testing.T, files []*file, b []byte) {
	run := deadRun(t, files...)
	write(t, filepath.Join(run.path, countersFile), b)
	run, err := openRun(run.path)
	must(t, err)
	lookAtAll(run)
	r := run.Reader(0)
	got := readAll(t, r)
	end := r.FramesEnd()
	r.Close()
	got.inOrder(t, 0, 30)
	if got.status != End || len(got.gaps) != 0 {
		t.Fatalf("status %d, gaps %v", got.status, got.gaps)
	}
	if !run.StillThere(5000, end) {
		t.Error("what is there is not")
	}
	run.Counters().Slot(0).SetFreeBelow(end)
	gone, err := run.FreeDelivered(end)
	again := run.Reader(0)
	defer again.Close()
	got = readAll(t, again)
	if got.inOrder(t, 0, 30); gone || err != nil {
		t.Fatalf("gone %v, %v", gone, err)
	}
	run.Counters().Slot(1).SetFreeBelow(end)
	if gone, err := run.FreeDelivered(end); !gone || err != nil {
		t.Errorf("it stays: %v", err)
	}
}

// fuzzLiving writes b over the page of a living run.
func fuzzLiving(t *testing.T, b []byte) {
	s, _ := openSpool(t, Options{Dir: t.TempDir(), MaxBytes: 4 << 20})
	w := s.Writer()
	path := filepath.Join(w.Run().Path(), countersFile)
	for n := range 10 {
		mustAppend(t, w, payload(3, 0, n, 100))
	}
	must(t, os.WriteFile(path, b, 0o600)) // cuts it off too
	other, err := openRun(w.Run().Path())
	must(t, err)
	lookAtAll(other)
	lookAtAll(w.Run())
	own, foreign := w.Run().Reader(0), other.Reader(0)
	defer own.Close()
	defer foreign.Close()
	first, second := readAll(t, own), readAll(t, foreign)
	for n := 10; n < 20; n++ {
		mustAppend(t, w, payload(3, 0, n, 100))
	}
	w.mu.Lock()
	w.free(w.cur.Load())
	w.mu.Unlock()
	rest, more := readAll(t, own), readAll(t, foreign)
	first.refs, second.refs = append(first.refs, rest.refs...), append(second.refs, more.refs...)
	first.inOrder(t, 0, 20)
	second.inOrder(t, 0, 20)
	s.Seal()
	s.Release()
	dead, err := openRun(w.Run().Path())
	must(t, err)
	r := dead.Reader(0)
	defer r.Close()
	last := readAll(t, r)
	last.inOrder(t, 0, 20)
}

// lookAtAll calls all that reads the page.
func lookAtAll(r *Run) {
	c := r.Counters()
	for bit := range MaxHandlers {
		s := c.Slot(bit)
		s.Delivered()
		s.FreeBelow()
		s.Letters()
		s.Lost()
		s.Retries()
		st, _ := s.State()
		_ = st.String()
		r.Waiting(bit, r.End())
	}
	c.Control()
	c.Committed()
	c.FlushWanted()
}

package spool

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Somebody removes the folder of the spool under a program that appends: no append
// fails, what is mapped can still be read, and a new run begins where the old one
// was.
func TestFolderRemovedUnderAProgram(t *testing.T) {
	if !mappable {
		t.Skip("files that are open can't be removed here, or have no mapping")
	}
	dir := t.TempDir()
	s, ev := openSpool(t, Options{Dir: dir})
	const writers, each = 4, 3000
	var wg sync.WaitGroup
	for g := range writers {
		wg.Go(func() {
			for n := range each {
				if _, err := s.Appender().Append(payload(3, g, n, 200)); err != nil {
					t.Error(err)
					return
				}
				if g == 0 && n == each/3 {
					must(t, os.RemoveAll(filepath.Join(dir, "shop")))
				}
			}
		})
	}
	wg.Wait()
	first := s.Writer().Run()
	for n := 0; first.Path() == "" || s.Writer().homeless(); n++ { // ten looks a second
		if _, err := s.Appender().Append(payload(3, writers, n, 200)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
		if n == 5000 {
			t.Fatal("it stays in a folder that is gone")
		}
	}
	runs := s.Own()
	if len(runs) != 2 || len(s.Runs()) != 2 || !runs[1].Own() || runs[1].Path() == "" {
		t.Fatalf("runs %v", runs)
	}
	mustAppend(t, s.Writer(), payload(3, writers, 1<<20, 200))
	s.Seal()
	got := map[int]int{}
	for _, run := range runs {
		r := run.Reader(0)
		list := readAll(t, r)
		r.Close()
		if list.status != End || len(list.gaps) != 0 {
			t.Errorf("status %d, gaps %v", list.status, list.gaps)
		}
		for _, f := range list.refs {
			who, n := whose(t, f.Payload)
			if who < writers && n != got[who] {
				t.Fatalf("record %d of %d where %d should be", n, who, got[who])
			}
			got[who]++
		}
	}
	for g := range writers {
		if got[g] != each {
			t.Errorf("%d records of writer %d", got[g], g)
		}
	}
	if ev.count(EventLost) != 0 || ev.count(EventDisk) != 1 || !strings.Contains(ev.list[0].Err.Error(), "somebody has removed it") {
		t.Errorf("events %v", ev.list)
	}
	for _, run := range runs {
		passAll(run, run.Tail())
	}
	must(t, s.RemoveOwn())
	if got := names(t, filepath.Join(dir, "shop", "runs")); got != "" {
		t.Errorf("left behind: %s", got)
	}
}

// What is not mapped any more is gone with the folder, and counted; and where no
// new folder can be made, records stay in memory.
func TestFolderRemovedForGood(t *testing.T) {
	if !mappable {
		t.Skip("files that are open can't be removed here, or have no mapping")
	}
	dir := filepath.Join(t.TempDir(), "spool")
	s, ev := openSpool(t, Options{Dir: dir, RestoreEvery: time.Hour})
	w := s.Writer()
	w.stopBackground()
	const n = 1200 // of 100,000 bytes: 120 MB, of which 64 stay mapped
	fillSpool(t, w, 0, n, func(int) uint64 { return 3 })
	w.mu.Lock()
	w.unmapOld(w.cur.Load())
	w.mu.Unlock()
	must(t, os.RemoveAll(dir))
	write(t, dir, nil)
	if !s.rescue(w) || !s.Degraded() || ev.count(EventDegraded) != 1 {
		t.Fatalf("degraded %v, events %v", s.Degraded(), ev.list)
	}
	if _, err := s.Appender().Append(payload(3, 0, n, 200)); err != nil {
		t.Fatal(err)
	}
	s.Seal()
	r := w.Run().Reader(0)
	defer r.Close()
	got := readAll(t, r)
	lost, _, _ := w.Run().Counters().Slot(1).Lost()
	if lost == 0 || len(got.refs) == 0 || int(lost)+len(got.refs) != n || int(s.losses.Load()) != int(lost) {
		t.Errorf("%d read and %d lost of %d; told of %d", len(got.refs), lost, n, s.losses.Load())
	}
}

// A program ends whose run somebody has removed before it was delivered.
func TestEndWithoutFolder(t *testing.T) {
	s, _ := openSpool(t, Options{Dir: t.TempDir()})
	w := s.Writer()
	mustAppend(t, w, payload(3, 0, 0, 100))
	must(t, os.RemoveAll(w.Run().Path()))
	s.Seal()
	s.Release()
	if w.Run().Alive() || !w.Run().Released() {
		t.Error("it is not let go")
	}
}

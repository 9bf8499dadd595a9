package spool

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// livingRun is a run whose lock somebody holds; die lets it go. poke changes the
// file of the first segment under the reader.
func livingRun(t *testing.T, files ...*file) (run *Run, poke func(off uint64, b []byte), die func()) {
	t.Helper()
	run = deadRun(t, files...)
	lock, err := os.OpenFile(filepath.Join(run.path, lockFileName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := takeLock(lock); err != nil {
		t.Skip("locks do not work here: ", err)
	}
	counters, err := createCounters(run.ID, run.path)
	if err != nil {
		t.Skip("counters can't be mapped here: ", err)
	}
	_ = counters
	path := run.path
	if run, err = openRun(path); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(path, segmentName(1)), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close(); lock.Close() })
	poke = func(off uint64, b []byte) {
		if _, err := f.WriteAt(b, int64(off)); err != nil {
			t.Fatal(err)
		}
	}
	return run, poke, func() {
		lock.Close()
		run.mu.Lock() // of those that listen
		run.probed = time.Time{}
		run.mu.Unlock()
	}
}

func word(w uint64) []byte { return binary.LittleEndian.AppendUint64(nil, w) }

// While the writer lives its reader waits at what is not committed, whatever
// stands behind it, and takes it when it comes.
func TestLivingRunWaits(t *testing.T) {
	need := frameSize(100)
	for _, name := range []string{"zero", "busy", "torn"} {
		t.Run(name, func(t *testing.T) {
			f := newFile(1, 0, 64<<10)
			f.add(rec(0))
			at := f.n
			f.add(rec(1))
			f.add(rec(2))
			whole := append([]byte(nil), f.b[at:at+need]...)
			switch name {
			case "zero":
				clear(f.b[at : at+need])
			case "busy":
				copy(f.b[at:], word(100|busyBit))
			case "torn": // the word came before the payload beside it
				f.b[at+20] ^= 1
			}
			run, poke, die := livingRun(t, f)
			r := run.Reader(0)
			defer r.Close()
			got := readAll(t, r)
			if got.inOrder(t, 0, 1); got.status != Wait {
				t.Fatalf("status %d", got.status)
			}
			for range 3 {
				if got := readAll(t, r); len(got.refs) != 0 || got.status != Wait {
					t.Fatalf("%d records, status %d", len(got.refs), got.status)
				}
			}
			poke(at, whole)
			got = readAll(t, r)
			if got.inOrder(t, 1, 3); got.status != Wait || r.Damaged != 0 {
				t.Errorf("status %d, %d damaged", got.status, r.Damaged)
			}
			die()
			if got := readAll(t, r); got.status != End || len(got.refs) != 0 {
				t.Errorf("%d records, status %d", len(got.refs), got.status)
			}
		})
	}
}

// When the writer dies the reader looks on behind the hole.
func TestDeathIsSeen(t *testing.T) {
	f := newFile(1, 0, 64<<10)
	f.add(rec(0))
	f.n += frameSize(100)
	f.add(rec(2))
	run, poke, die := livingRun(t, f)
	r := run.Reader(0)
	defer r.Close()
	got := readAll(t, r)
	got.inOrder(t, 0, 1)
	// The last record comes after the reader looked, and before the death.
	f.add(rec(3))
	poke(0, f.b)
	die()
	got = readAll(t, r)
	if got.inOrder(t, 2, 4); got.status != End {
		t.Errorf("status %d", got.status)
	}
}

// What the writer has gone past will never come: another process's reader must not
// wait at it for the life of the writer. It waits at the next that may still come.
func TestFaultIsPassedByOthers(t *testing.T) {
	for _, name := range []string{"zero", "busy", "damaged"} {
		t.Run(name, func(t *testing.T) {
			need := frameSize(100)
			f := newFile(1, 0, 64<<10)
			f.add(rec(0))
			at := f.n
			switch name {
			case "busy":
				copy(f.b[at:], word(100|busyBit))
			case "damaged":
				f.frame(at, rec(9))
				f.b[at+20] ^= 1
			}
			f.n += need
			f.add(rec(2))
			committed := f.n
			f.n += need // reserved, not committed
			f.add(rec(4))
			run, _, die := livingRun(t, f)
			r := run.Reader(0)
			defer r.Close()
			got := readAll(t, r)
			got.inOrder(t, 0, 1)
			run.count.raise(committedOffset, committed)
			got = readAll(t, r)
			if got.inOrder(t, 2, 3); got.status != Wait || r.Position() != committed {
				t.Errorf("status %d at %d, want to wait at %d", got.status, r.Position(), committed)
			}
			die()
			got = readAll(t, r)
			if got.inOrder(t, 4, 5); got.status != End {
				t.Errorf("status %d", got.status)
			}
		})
	}
}

// A checksum that fails for long, in a run that went on, is believed.
func TestDoubt(t *testing.T) {
	files := threeFiles()
	files[0].b[headerSize+3*frameSize(100)+20] ^= 1
	run, _, _ := livingRun(t, files...)
	r := run.Reader(0)
	defer r.Close()
	got := readAll(t, r)
	if got.inOrder(t, 0, 3); got.status != Wait {
		t.Fatalf("status %d", got.status)
	}
	r.badSince = r.badSince.Add(-doubt)
	got = readAll(t, r)
	if got.inOrder(t, 4, 30); got.status != Wait || r.Damaged != frameSize(100) {
		t.Errorf("status %d, %d damaged", got.status, r.Damaged)
	}
}

// Whoever pins waits for the one that frees, and is told when it is gone.
func TestPinAgainstFreeing(t *testing.T) {
	files := threeFiles()
	run, _, _ := livingRun(t, files...)
	from, to := files[0].h.data(), files[1].h.data()
	if !run.StillThere(0, to) || !run.StillThere(from, to) {
		t.Fatal("the segments are there")
	}
	run.count.setFreeing(files[0].h.end())
	answer := make(chan bool)
	go func() { answer <- run.StillThere(from, to) }()
	select {
	case <-answer:
		t.Error("it did not wait for the one that frees")
	case <-time.After(20 * time.Millisecond):
	}
	if !run.StillThere(files[1].h.data(), files[1].h.end()) {
		t.Error("what nobody frees is there")
	}
	os.Remove(filepath.Join(run.path, segmentName(1)))
	run.count.setFreeing(0)
	if <-answer {
		t.Error("the segment is gone, yet still there")
	}
	if got := fmt.Sprint(run.Oldest()); got != fmt.Sprint(files[1].h.base) {
		t.Errorf("the oldest is at %s", got)
	}
}

// A reader asks its open segment alone, and is told when that is removed or blank.
func TestReaderStillThere(t *testing.T) {
	files := threeFiles()
	run, _, _ := livingRun(t, files...)
	for i, gone := range []func(path string) error{
		os.Remove,
		func(path string) error {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteAt(make([]byte, 8), 0)
			return err
		},
	} {
		from, to := files[i].h.data(), files[i].h.end()
		r := run.Reader(from)
		defer r.Close()
		if !r.StillThere(from, to) { // none is open yet
			t.Fatal("the segment is there")
		}
		if _, st := r.Next(); st != Frame {
			t.Fatal(st)
		}
		if !r.StillThere(from, to) || !r.StillThere(from, files[2].h.data()) {
			t.Fatal("the segments are there")
		}
		must(t, gone(filepath.Join(run.path, segmentName(uint64(i+1)))))
		if r.StillThere(from, to) || r.StillThere(from, files[2].h.data()) {
			t.Errorf("segment %d is gone, yet still there", i+1)
		}
	}
}

package spool

import (
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// stalled is an append that has its range and does not go on: a disk that stalls can
// keep it in a page fault. The returned function is the rest of it.
func stalled(t *testing.T, w *Writer, p []byte) (goOn func()) {
	t.Helper()
	if w.plain {
		t.Skip("without a mapping appends take turns: there are no holes")
	}
	seg, need := w.cur.Load(), frameSize(len(p))
	end := w.tail.Add(need) & offsetMask
	if end > seg.size {
		t.Fatal("the segment is full")
	}
	pos := seg.base + end - need
	storeWord(seg.word(pos), uint64(len(p))|busyBit)
	return func() {
		if !seg.put(pos, frameWord(crc32.Checksum(p, castagnoli), len(p), seg.salt, pos), p) {
			t.Error("the storage faulted")
		}
		if w.disk {
			w.syncer.wait(pos + need)
		}
	}
}

// A run in which an append stands still stays its process's, whatever takes its place:
// whoever delivered it now would take the record for one that was never there, and
// then it is acknowledged.
func TestStalledAppend(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, s *Spool){
		"reload": func(t *testing.T, s *Spool) {
			cfg := testConfig()
			cfg.Handlers = cfg.Handlers[:1]
			retire, err := s.Renew(cfg)
			must(t, err)
			retire()
		},
		"end": func(t *testing.T, s *Spool) {
			s.Seal()
			s.Release()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, ev := openSpool(t, Options{Dir: t.TempDir(), Config: durableConfig()})
			w := s.Writer()
			run := w.Run()
			mustAppend(t, w, rec(0))
			goOn := stalled(t, w, rec(1))
			mustAppend(t, w, rec(2))
			end(t, s)
			r := run.Reader(0)
			defer r.Close()
			if got := readAll(t, r); got.status != Wait || len(got.refs) != 1 {
				t.Errorf("%d records, status %d while it stands still", len(got.refs), got.status)
			}
			if held, err := Locked(filepath.Join(run.Path(), lockFileName)); !held || err != nil || !run.Alive() || run.Released() {
				t.Errorf("the run is let go: lock %v, %v", held, err)
			}
			told := ev.count(EventUnsynced)
			goOn()
			if done := w.syncer.done.Load(); done < w.Tail() && ev.count(EventUnsynced) == told {
				t.Errorf("it has returned; on the disk is what lies below %d of %d", done, w.Tail())
			}
			eventually(t, "the run to be let go", func() bool {
				held, err := Locked(filepath.Join(run.Path(), lockFileName))
				return !held && err == nil
			})
			if got := readAll(t, r); got.status != End || len(got.refs) != 2 || r.Damaged != 0 {
				t.Errorf("%d records after the first, status %d, %d bytes damaged", len(got.refs), got.status, r.Damaged)
			}
			if n, _ := w.appended(); n != 3 || ev.count(EventLost) != 0 {
				t.Errorf("%d records counted, events %v", n, ev.list)
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			if !w.cur.Load().unmapped {
				t.Error("the segment is still mapped")
			}
		})
	}
}

// The same in memory, while the records move to the disk.
func TestStalledAppendInMemory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	write(t, dir, nil)
	s, err := Open(Options{Dir: dir, Config: testConfig(), Plain: openPlain, WriteOnly: true, RestoreEvery: time.Hour})
	must(t, err)
	defer s.Release()
	defer s.Seal()
	old := s.Writer()
	mustAppend(t, old, rec(0))
	goOn := stalled(t, old, rec(1))
	mustAppend(t, old, rec(2))
	must(t, os.Remove(dir))
	if !s.home(s.Appender()) {
		t.Fatal("it stays in memory")
	}
	time.Sleep(1100 * time.Millisecond) // nobody waits any more
	goOn()
	eventually(t, "the records to be carried over", func() bool { return old.run.Removed() })
	r := s.Writer().Run().Reader(0)
	defer r.Close()
	if got := readAll(t, r); len(got.refs) != 3 {
		t.Errorf("%d records", len(got.refs))
	}
}

//go:build linux && girok_mount

package cuttest

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/girok/girok/spool"
)

// A segment that is synced again and again, after each record, keeps them all.
func TestManySyncs(t *testing.T) {
	const records, want = 8000, 5000
	d := newDisk(t, true, rand.New(rand.NewPCG(1, 1)))
	a := newArena(t, d, 1, true, false)
	a.configure("1h", 8)
	c := a.start(order{Config: a.config, Marks: filepath.Join(a.dir, "marks"), Lives: 1, Count: records})
	c.killed()
	a.listen(0)
	d.cut()
	d.restart()
	most := 0
	runs, err := spool.List(a.spool())
	must(t, err)
	for _, r := range runs {
		for _, n := range perSegment(t, r) {
			most = max(most, n)
		}
	}
	t.Logf("%d records in one segment", most)
	if most < want {
		t.Errorf("want %d in one segment", want)
	}
	a.drain()
	a.check()
}

// perSegment counts a run's frames by the segment that they lie in.
func perSegment(t *testing.T, run *spool.Run) map[string]int {
	paths, err := filepath.Glob(filepath.Join(run.Path(), "*.seg"))
	must(t, err)
	n := map[string]int{}
	r := run.Reader(0)
	defer r.Close()
	for {
		f, st := r.Next()
		if st != spool.Frame {
			return n
		}
		for _, p := range paths {
			if h, ok := readHeader(p); ok && f.Position-h.base < h.size {
				n[p]++
			}
		}
	}
}

// The spool of a program that was killed goes to another file system and another
// folder, and is drained there.
func TestFolderMoved(t *testing.T) {
	for _, age := range []string{"20ms", "1h"} {
		t.Run("batches of "+age, func(t *testing.T) {
			d := newDisk(t, false, rand.New(rand.NewPCG(1, 2)))
			a := newArena(t, d, 1, true, false)
			a.configure(age, 2)
			var seen segments
			a.spend(0, &seen, time.Second).kill()
			a.listen(0)
			to := filepath.Join(d.outer, "elsewhere")
			do(t, "cp", "-a", filepath.Join(d.inner, "spool"), to)
			must(t, os.RemoveAll(filepath.Join(d.inner, "spool")))
			a.folder = to
			a.drain()
			a.check()
			if seen.rolls == 0 {
				t.Error("all was in one segment")
			}
		})
	}
}

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/spool"
)

// follower reads the records of services' runs, those that are there and those
// that come, in the order of their times as far as they are there. A run is read
// once, from its beginning to its end, so nothing comes twice. For one goroutine.
type follower struct {
	dirs     []string                 // of services
	find     func() ([]string, error) // finds dirs again; nil: they are known
	problems io.Writer
	runs     []*followed
	met      map[string]bool      // paths of runs
	unborn   map[string]time.Time // folders that are no runs so far, and since when

	after func(time.Duration) <-chan time.Time // time.After, but for tests
}

// followed is one run, and the record that comes next of it.
type followed struct {
	run   *spool.Run
	count *spool.Counters // kept: it tells how far the run went also when its folder is gone
	rd    *spool.Reader
	until uint64 // where it ended when it was met

	items []item // of a frame: the rest of them
	idle  bool   // it had nothing more when it was asked last
	done  bool

	hush  func() // ends that its writer is heard; nil: it never was
	rings bool   // its writer tells when records come
}

// item is one record.
type item struct {
	run     *spool.Run
	place   record.Place
	at      time.Time
	payload []byte
}

func newFollower(dirs []string, problems io.Writer) *follower {
	return &follower{dirs: dirs, problems: problems, met: map[string]bool{}, after: time.After}
}

// look finds runs that were not there before, and lets those that are there be
// asked again. One that is being born is found by the next look.
func (f *follower) look() error {
	for _, r := range f.runs {
		r.idle = false
	}
	unborn := map[string]time.Time{}
	var errs error
	for _, dir := range f.dirs {
		entries, err := os.ReadDir(filepath.Join(dir, "runs"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = errors.Join(errs, err)
		}
		for _, e := range entries {
			path := filepath.Join(dir, "runs", e.Name())
			if !e.IsDir() || strings.HasPrefix(e.Name(), ".") || f.met[path] {
				continue
			}
			r, err := spool.Look(path)
			if errors.Is(err, fs.ErrNotExist) {
				unborn[path] = time.Now()
				if since, ok := f.unborn[path]; ok {
					unborn[path] = since
				}
				continue
			}
			f.met[path] = true
			if err != nil {
				errs = errors.Join(errs, err)
				continue
			}
			f.runs = append(f.runs, &followed{run: r, count: r.Counters(), rd: r.Reader(0), until: r.End()})
		}
	}
	f.unborn = unborn
	return errs
}

// next gives the oldest of the records that are there; nil if there is none until
// the next look.
// With onlyOld it gives none that came after its run was met.
func (f *follower) next(onlyOld bool) *item {
	var oldest *followed
	keep := f.runs[:0]
	for _, r := range f.runs {
		if len(r.items) == 0 && !r.done && !r.idle && (!onlyOld || r.rd.Position() < r.until) {
			f.fill(r)
		}
		if len(r.items) > 0 && (oldest == nil || r.items[0].at.Before(oldest.items[0].at)) {
			oldest = r
		}
		if len(r.items) > 0 || !r.done {
			keep = append(keep, r)
		}
	}
	f.runs = keep
	if oldest == nil {
		return nil
	}
	it := oldest.items[0]
	oldest.items = oldest.items[1:]
	return &it
}

// fill reads the next frame of a run.
func (f *follower) fill(r *followed) {
	for {
		ref, st := r.rd.Next()
		switch st {
		case spool.Frame:
			if r.take(ref); len(r.items) == 0 {
				continue
			}
			return
		case spool.Gap:
			f.gone(r, r.rd.GapFrom, r.rd.GapTo)
			continue
		case spool.Wait:
			r.idle = true
			return
		case spool.Newer:
			fmt.Fprintf(f.problems, "girok: run %s: a newer girok wrote what follows\n", r.run.ID)
		case spool.End:
			if end := r.count.Committed(); end > r.rd.FramesEnd() {
				f.gone(r, r.rd.FramesEnd(), end)
			}
		}
		r.close()
		return
	}
}

// gone tells of what was delivered and removed before it could be read.
func (f *follower) gone(r *followed, from, to uint64) {
	const header = 4096 // of a segment, which holds no record
	if to-from != header {
		fmt.Fprintf(f.problems, "girok: run %s: what lay from %d to %d was delivered and is gone; it was not read\n", r.run.ID, from, to)
	}
}

func (r *followed) take(ref spool.Ref) {
	var v record.View
	for i, payload := range ref.Records() {
		it := item{run: r.run, place: record.Place{Position: ref.Position, Index: i}, payload: append([]byte(nil), payload...)}
		if v.Parse(it.payload) == nil {
			it.at = v.Time()
		}
		r.items = append(r.items, it)
	}
}

// close ends the reading of a run.
func (r *followed) close() {
	r.done = true
	r.rd.Close()
	if r.hush != nil {
		r.hush()
	}
}

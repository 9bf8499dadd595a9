package spool

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/girok/girok/record"
)

// Runs lists the service's runs, oldest first, this process's own among them.
// Folders of runs that were never born or are half removed are cleared away.
func (s *Spool) Runs() []*Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.dirRuns()
	for _, r := range s.own() { // one in memory, or one whose folder is gone
		if !slices.Contains(list, r) {
			list = append(list, r)
		}
	}
	return list
}

func (s *Spool) dirRuns() []*Run {
	if !s.sound {
		return nil
	}
	dir := filepath.Join(s.dir, "runs")
	entries, err := os.ReadDir(dir)
	if err != nil && !isGone(err) {
		return nil // that nothing can be read does not make it gone
	}
	var list []*Run
	seen, own := map[string]bool{}, map[string]*Run{}
	for _, r := range s.own() {
		own[r.path] = r
	}
	for _, e := range entries {
		name := e.Name()
		path := filepath.Join(dir, name)
		seen[name] = true
		switch {
		case !e.IsDir():
		case strings.HasPrefix(name, madePrefix):
		case strings.HasPrefix(name, gonePrefix):
			clearUnborn(path)
		case own[path] != nil:
			list = append(list, own[path])
		case s.known[name] != nil:
			list = append(list, s.known[name])
		default:
			r, err := openListed(path)
			switch {
			case err == nil:
				r.fault = s.pageFault
				s.known[name] = r
				list = append(list, r)
			case errors.Is(err, fs.ErrNotExist):
				clearUnborn(path)
			case !s.bad[name]:
				s.bad[name] = true
				s.report(Event{Kind: EventUnreadable, Err: err})
			}
		}
	}
	maps.DeleteFunc(s.known, func(name string, _ *Run) bool { return !seen[name] })
	maps.DeleteFunc(s.bad, func(name string, _ bool) bool { return !seen[name] })
	for path, r := range own {
		if r.Released() && !seen[filepath.Base(path)] {
			r.gone() // somebody else has drained it
		}
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := list[i], list[j]
		return cmp.Or(a.Config.Created.Compare(b.Config.Created), cmp.Compare(a.ID, b.ID)) < 0
	})
	return list
}

// clearUnborn removes a folder without config that is older than a minute and
// that nobody holds, or one that was on its way out.
func clearUnborn(path string) {
	if strings.HasPrefix(filepath.Base(path), gonePrefix) {
		os.RemoveAll(path)
		return
	}
	st, err := os.Stat(path)
	if err != nil || time.Since(st.ModTime()) < time.Minute || !probeDead(path) {
		return
	}
	if _, err := os.Stat(filepath.Join(path, configFile)); errors.Is(err, fs.ErrNotExist) {
		os.RemoveAll(path)
	}
}

// Look opens the folder of a run for looking only. ErrNotExist: it is not born
// yet, or gone.
func Look(path string) (*Run, error) { return openRun(path) }

// List opens a service's folder for looking only: its runs, oldest first, and
// what could not be read.
func List(dir string) (runs []*Run, err error) {
	entries, err := os.ReadDir(filepath.Join(dir, "runs"))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		r, oerr := openListed(filepath.Join(dir, "runs", e.Name()))
		if oerr != nil {
			if !errors.Is(oerr, fs.ErrNotExist) {
				err = errors.Join(err, oerr)
			}
			continue
		}
		runs = append(runs, r)
	}
	sort.SliceStable(runs, func(i, j int) bool { return runs[i].Config.Created.Before(runs[j].Config.Created) })
	return runs, err
}

// Present lists the ids of all runs that have a folder, whether or not it can be
// read, and the own one. A run that is not among them is gone for good; after
// an error nothing can be said.
func (s *Spool) Present() (map[record.RunID]bool, error) {
	ids := map[record.RunID]bool{}
	for _, r := range s.Own() {
		ids[r.ID] = true
	}
	entries, err := os.ReadDir(filepath.Join(s.dir, "runs"))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") {
			continue
		}
		if id, ok := record.ParseRunID(name[strings.LastIndexByte(name, '-')+1:]); ok {
			ids[id] = true
		}
	}
	return ids, nil
}

// gone notes that somebody has removed the run.
func (r *Run) gone() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.removed = true
}

// Removed reports whether this process has removed the run, or has seen it go.
func (r *Run) Removed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.removed
}

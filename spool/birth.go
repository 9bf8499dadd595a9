package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/internal/random"
	"github.com/girok/girok/internal/rights"
	"github.com/girok/girok/record"
)

// birth makes a run on disk: folder, lock, counters, first segment, and config
// last, by rename. A folder without config is no run.
func (s *Spool) birth(cfg RunConfig) (*Writer, error) {
	if s.opts.Dir == "" {
		return nil, errors.New("no folder for the spool can be written: set spool.dir")
	}
	runs, err := prepareDirs(s.dir, s.opts.Group)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.sound = true
	s.mu.Unlock()
	if d, err := LookDisk(s.dir); err != nil {
		return nil, err
	} else if !d.Trusted && !s.opts.Trust {
		return nil, fmt.Errorf("%s is on %s, which is %s", s.dir, d.Type, d.Survives)
	}
	w := s.newWriter(cfg, s.segmentSize(), runs)
	w.plain = s.opts.Plain || !mappable
	w.disk = cfg.Durable
	if w.disk || s.opts.SyncEvery > 0 {
		w.syncer = newSyncer(w, s.opts.SyncEvery)
	}
	w.run.path = filepath.Join(runs, w.run.Config.folder())
	if err := s.fillRun(w); err != nil {
		w.abort()
		return nil, err
	}
	return w, nil
}

// prepareDirs makes the service's folders, shared with a group if it is not 0, and
// looks at their rights.
func prepareDirs(dir string, group int) (runs string, err error) {
	runs = filepath.Join(dir, "runs")
	if group != 0 {
		for _, d := range []string{filepath.Dir(dir), dir} {
			if err := rights.Share(d, group); err != nil {
				return "", err
			}
		}
	}
	for _, d := range foldersOf(dir) {
		if err := rights.MkdirAll(d); err != nil {
			return "", err
		}
		if err := rights.Check(d, group); err != nil {
			return "", err
		}
	}
	return runs, nil
}

// foldersOf are the folders of a service: its own, and those in it.
func foldersOf(dir string) []string {
	return []string{dir, filepath.Join(dir, "runs"), filepath.Join(dir, "to"), filepath.Join(dir, "dead")}
}

// newWriter makes the writer of a run that begins in a folder of runs, or in memory.
func (s *Spool) newWriter(cfg RunConfig, size uint64, runs string) *Writer {
	run := &Run{ID: record.RunID(random.Uint64()), Config: cfg}
	run.Config.begin(run.ID, runs)
	w := &Writer{run: run, spool: s, size: size, kick: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	run.writer = w
	return w
}

func (s *Spool) fillRun(w *Writer) error {
	path := w.run.path
	if err := rights.Mkdir(path); err != nil {
		return err
	}
	lock, err := rights.OpenFile(filepath.Join(path, lockFileName), os.O_RDWR)
	if err != nil {
		return err
	}
	w.lock = lock
	if err := takeLock(lock); err != nil {
		return err
	}
	if w.run.count, err = createCounters(w.run.ID, path); err != nil {
		return err
	}
	w.run.count.onFault(s.pageFault)
	w.run.count.SetControl(s.opts.Control)
	w.run.count.setLimit(s.limit.Load())
	if canRing {
		w.run.count.raise(bellOffset, bellQuiet)
	}
	if err := w.first(min(firstSegment, w.size)); err != nil {
		return err
	}
	crash.At(crash.RunBirth)
	b, err := json.MarshalIndent(&w.run.Config, "", " ")
	if err != nil {
		return err
	}
	tmp := filepath.Join(path, configFile+".new")
	if err := rights.WriteFile(tmp, append(b, '\n')); err != nil {
		return err
	}
	s.adopt(w.run)
	if err := os.Rename(tmp, filepath.Join(path, configFile)); err != nil {
		s.disown(w.run)
		return err
	}
	if w.disk {
		return s.syncBirth(w)
	}
	return nil
}

// adopt makes the listing of runs find this one, before it can be seen as a run: it
// must never be taken for somebody else's.
func (s *Spool) adopt(r *Run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[filepath.Base(r.path)] = r
}

func (s *Spool) disown(r *Run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, filepath.Base(r.path))
}

// syncBirth puts a new run on the disk, and the folders on the way to it.
func (s *Spool) syncBirth(w *Writer) error {
	f, err := os.Open(filepath.Join(w.run.path, configFile))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return err
	}
	if err := w.segs[0].sync(); err != nil {
		return err
	}
	for _, dir := range []string{w.run.path, filepath.Dir(w.run.path), s.dir, s.opts.Dir} {
		if err := SyncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// start begins what goes on beside the appends.
func (w *Writer) start() {
	go w.background()
	if w.syncer != nil {
		go w.syncer.run()
	}
}

// takeLock tries for a second: a prober may hold the lock for a moment.
func takeLock(f *os.File) error {
	for deadline := time.Now().Add(time.Second); ; time.Sleep(5 * time.Millisecond) {
		ok, err := lockFile(f, false)
		if ok || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return &fs.PathError{Op: "lock", Path: f.Name(), Err: errors.New("held by somebody")}
		}
	}
}

// first makes segment 1.
func (w *Writer) first(size uint64) error {
	seg, err := w.make(header{seq: 1, size: size, run: w.run.ID}, firstWindow)
	if err != nil {
		return err
	}
	w.segs = []*segment{seg}
	w.cur.Store(seg)
	w.tail.Store(tailAt(seg.seq, headerSize))
	return nil
}

// abort undoes a birth that failed.
func (w *Writer) abort() {
	if w.lock != nil {
		w.lock.Close()
	}
	for _, s := range w.segs {
		s.unmap()
	}
	os.RemoveAll(w.run.path)
}

// memoryRun is a run without a folder.
func (s *Spool) memoryRun(cfg RunConfig) *Writer {
	w := s.newWriter(cfg, minSegment, "")
	w.run.count = memoryCounters()
	w.run.count.setLimit(memoryLimit)
	if err := w.first(minSegment); err != nil {
		panic("spool: memory: " + err.Error()) // make does not fail
	}
	return w
}

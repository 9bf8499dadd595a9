package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/record"
)

// EventKind says what an Event tells of.
type EventKind int

// The kinds of events.
const (
	EventDegraded EventKind = iota // records stay in memory; a kill loses them
	EventRestored                  // and are on disk again
	EventLost                      // records were lost: the spool is full
	EventFault                     // storage failed under the mapping
	EventDisk                      // a disk operation in the background failed
)

// Event is something that the operator should know.
type Event struct {
	Kind EventKind
	Err  error
	N    uint64 // EventLost: how many records so far
}

// Options of Open.
type Options struct {
	Dir      string // of the spool; the service's folder is made in it
	Config   RunConfig
	MaxBytes int64 // 0: the smaller of 1 GiB and a tenth of the disk
	Trust    bool  // use a mapping on file systems that are not trusted with one
	// Report is told what goes wrong; it may be called from any goroutine, also
	// within Append, must be quick, and must not append itself.
	Report func(Event)
	// Wake is called when there is something new to deliver.
	Wake func()
	// RestoreEvery is how often a program whose records stay in memory looks
	// whether the folder can be used; 0: every 5 s.
	RestoreEvery time.Duration
}

// Spool is the folder of one service, and this process's run in it.
type Spool struct {
	opts   Options
	dir    string // Dir/service
	cur    atomic.Pointer[Writer]
	others atomic.Int64 // bytes held by runs that are not this one
	limit  atomic.Int64 // bytes that the service may hold

	losses atomic.Uint64

	mu      sync.Mutex
	sound   bool            // the folder's rights are as they should be: its runs may be believed
	retired *Writer         // the memory run, after a run on disk has taken its place
	known   map[string]*Run // by folder name
	bad     map[string]bool // folders that were reported as unreadable

	stop     chan struct{} // ends restoring
	stopOnce sync.Once
	restored sync.WaitGroup
}

const (
	defaultLimit = 1 << 30
	memoryLimit  = 16 << 20
	gonePrefix   = ".gone-"
)

// Open makes a run and starts its background. It fails only for a mistake
// (a service name that is no folder name); when the folder can't be used the
// run lives in memory, which Degraded tells.
func Open(opts Options) (*Spool, error) {
	service := opts.Config.Service
	if service == "" || strings.ContainsAny(service, "/\\\x00") || strings.HasPrefix(service, ".") {
		return nil, fmt.Errorf("spool: %q can't be the name of a service: it names a folder", service)
	}
	if opts.Report == nil {
		opts.Report = func(Event) {}
	}
	if opts.Wake == nil {
		opts.Wake = func() {}
	}
	if opts.RestoreEvery == 0 {
		opts.RestoreEvery = 5 * time.Second
	}
	if err := opts.Config.validate(); err != nil {
		return nil, err
	}
	s := &Spool{opts: opts, dir: filepath.Join(opts.Dir, service), known: map[string]*Run{}, bad: map[string]bool{}, stop: make(chan struct{})}
	s.limit.Store(opts.MaxBytes)
	w, err := s.birth()
	if err != nil {
		s.report(Event{Kind: EventDegraded, Err: err})
		w = s.memoryRun()
	}
	s.cur.Store(w)
	go w.background()
	if s.Degraded() && opts.Dir != "" {
		s.restored.Go(s.restore)
	}
	return s, nil
}

// Dir is the service's folder.
func (s *Spool) Dir() string { return s.dir }

// Writer is what this process appends to now.
func (s *Spool) Writer() *Writer { return s.cur.Load() }

// Degraded reports whether records stay in memory.
func (s *Spool) Degraded() bool { return s.Writer().run.path == "" }

// Append is Writer.Append to the run of the moment.
func (s *Spool) Append(payload []byte) (pos uint64, err error) {
	for {
		w := s.cur.Load()
		pos, err = w.commit(payload, true)
		switch {
		case err == nil:
			return pos, nil
		case err == ErrClosed && s.cur.Load() != w:
			continue // another run took its place
		}
		return 0, w.lose(payload, pos, err)
	}
}

// TryAppend is Writer.TryAppend to the run of the moment.
func (s *Spool) TryAppend(payload []byte) (pos uint64, err error) {
	for {
		w := s.cur.Load()
		pos, err = w.commit(payload, false)
		if err != ErrClosed || s.cur.Load() == w {
			return pos, err
		}
	}
}

// restore begins a run on disk as soon as it can, and retires the one in memory:
// that is delivered to its end by this process.
func (s *Spool) restore() {
	t := time.NewTicker(s.opts.RestoreEvery)
	defer t.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-t.C:
		}
		w, err := s.birth()
		if err != nil {
			continue // told at the start
		}
		go w.background()
		old := s.cur.Swap(w)
		s.mu.Lock()
		s.retired = old
		s.mu.Unlock()
		old.seal()
		s.report(Event{Kind: EventRestored})
		s.notify()
		return
	}
}

// Own lists this process's runs that are not removed: one, or two after a run on
// disk has taken the place of the one in memory.
func (s *Spool) Own() []*Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.own()
}

func (s *Spool) own() (list []*Run) {
	for _, w := range []*Writer{s.retired, s.cur.Load()} {
		if w != nil && !w.run.isRemoved() {
			list = append(list, w.run)
		}
	}
	return list
}

func (s *Spool) report(e Event) { s.opts.Report(e) }
func (s *Spool) notify()        { s.opts.Wake() }

func (s *Spool) lost(err error, n uint64) {
	s.report(Event{Kind: EventLost, Err: err, N: s.losses.Add(n)})
}

// birth makes a run on disk: folder, lock, counters, first segment, and config
// last, by rename. A folder without config is no run.
func (s *Spool) birth() (*Writer, error) {
	if s.opts.Dir == "" {
		return nil, errors.New("no folder for the spool can be written: set spool.dir")
	}
	runs, err := prepareDirs(s.dir)
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
	w := s.newWriter(s.segmentSize())
	cfg := &w.run.Config
	w.run.path = filepath.Join(runs, cfg.Created.UTC().Format("20060102T150405Z")+"-"+cfg.ID)
	if err := s.fillRun(w); err != nil {
		w.abort()
		return nil, err
	}
	return w, nil
}

// prepareDirs makes the service's folders and looks at their rights.
func prepareDirs(dir string) (runs string, err error) {
	runs = filepath.Join(dir, "runs")
	for _, d := range []string{dir, runs, filepath.Join(dir, "to"), filepath.Join(dir, "dead")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return "", err
		}
		if err := checkRights(d); err != nil {
			return "", err
		}
	}
	return runs, nil
}

func (s *Spool) newWriter(size uint64) *Writer {
	run := &Run{ID: record.RunID(random64()), Config: s.opts.Config}
	run.Config.Format, run.Config.ID = formatVersion, run.ID.String()
	run.Config.Created, run.Config.PID = time.Now(), os.Getpid()
	w := &Writer{run: run, spool: s, size: size, kick: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	run.writer = w
	return w
}

func (s *Spool) fillRun(w *Writer) error {
	path := w.run.path
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(path, lockFileName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	w.lock = lock
	if err := takeLock(lock); err != nil {
		return err
	}
	if w.run.count, err = createCounters(path); err != nil {
		return err
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
	if err := os.WriteFile(tmp, append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(path, configFile))
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
	h := header{seq: 1, size: size, run: w.run.ID}
	seg, err := newSegment(w.run.path, h, firstWindow)
	if err != nil {
		return err
	}
	w.segs = []*segment{seg}
	w.cur.Store(seg)
	w.tail.Store(seg.data())
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
func (s *Spool) memoryRun() *Writer {
	w := s.newWriter(minSegment)
	w.run.count = memoryCounters()
	if err := w.first(minSegment); err != nil {
		panic("spool: memory: " + err.Error()) // make does not fail
	}
	return w
}

// segmentSize is that of a full segment: an eighth of the limit at most.
func (s *Spool) segmentSize() uint64 {
	size := uint64(fullSegment)
	if m := s.opts.MaxBytes; m > 0 {
		size = min(size, max(uint64(m)/8, minSegment))
	}
	return size &^ 4095
}

// over reports whether a segment of n bytes more would exceed the limit. Two
// segments of the own run are always allowed.
func (s *Spool) over(own *Run, n int64) bool {
	var held int64
	segs := own.writer.segs
	for _, seg := range segs {
		held += int64(seg.size)
	}
	if len(segs) < 2 {
		return false
	}
	if own.path == "" {
		return held+n > memoryLimit
	}
	limit := s.limit.Load()
	if limit == 0 {
		limit = defaultLimit // until Account has looked at the disk
	}
	return held+s.others.Load()+n > limit
}

// Account looks at what the service's other runs hold, and when no limit is
// configured at the disk. Whoever delivers calls it now and then.
func (s *Spool) Account() {
	if s.dir == "" || s.Degraded() {
		return
	}
	entries, _ := os.ReadDir(filepath.Join(s.dir, "runs"))
	var held int64
	for _, e := range entries {
		path := filepath.Join(s.dir, "runs", e.Name())
		if path != s.Writer().run.path {
			held += heldIn(path)
		}
	}
	s.others.Store(held)
	if s.opts.MaxBytes == 0 {
		if d, err := LookDisk(s.dir); err == nil {
			limit := min(defaultLimit, int64(d.Free+uint64(held))/10)
			s.limit.Store(max(limit, 4*fullSegment, held+2*fullSegment))
		}
	}
}

// Limit is the most that the service's segments may take, in bytes.
func (s *Spool) Limit() int64 { return s.limit.Load() }

// Seal ends appending: later calls are counted and dropped. The own runs can
// still be delivered; they are dead.
func (s *Spool) Seal() {
	s.stopOnce.Do(func() { close(s.stop) })
	s.restored.Wait()
	s.Writer().seal()
}

// Release lets the own run go after Seal: whoever delivers may remove it.
func (s *Spool) Release() { s.Writer().release() }

// OwnDelivered reports whether every handler is past the end of the own runs,
// which must be sealed.
func (s *Spool) OwnDelivered() bool {
	for _, r := range s.Own() {
		if !r.passed(r.writer.Tail()) {
			return false
		}
	}
	return true
}

// RemoveOwn lets the own runs go and removes them. They must be sealed and
// delivered.
func (s *Spool) RemoveOwn() (err error) {
	s.Release()
	for _, r := range s.Own() {
		err = errors.Join(err, r.Remove())
	}
	return err
}

// TryLock opens a lock file and takes its lock without waiting; nil when another
// process holds it. The lock lasts until the file is closed.
func TryLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	ok, err := lockFile(f, false)
	if !ok || err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

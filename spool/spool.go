package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/internal/rights"
)

// EventKind says what an Event tells of.
type EventKind int

// The kinds of events.
const (
	EventDegraded   EventKind = iota // records stay in memory; a kill loses them
	EventRestored                    // and are on disk again
	EventLost                        // records were lost: the spool is full
	EventFault                       // storage failed under the mapping
	EventDisk                        // a disk operation in the background failed
	EventUnreadable                  // a run of somebody's can't be read
	EventMadeRoom                    // records of dead runs went to make room: Err is *MadeRoom
	EventUnsynced                    // records are not on the disk though they should be; a kill does not lose them
)

// Event is something that the operator should know.
type Event struct {
	Kind EventKind
	Err  error
	N    uint64 // EventLost: how many records so far; EventMadeRoom: how many
}

// MadeRoom says that a segment of a dead run went since the spool was full.
type MadeRoom struct {
	Run     string // its folder
	Records uint64 // that some handler loses
}

func (m *MadeRoom) Error() string {
	return fmt.Sprintf("spool: full, the oldest %d records of %s went", m.Records, m.Run)
}

// Options of Open.
type Options struct {
	Dir      string // of the spool; the service's folder is made in it
	Config   RunConfig
	MaxBytes int64 // 0: the smaller of 1 GiB and a tenth of the disk
	Trust    bool  // use a mapping on file systems that are not trusted with one
	// Group is the group that the spool is shared with: programs of several users
	// write it, and one delivers for all. 0: none.
	Group int
	// Plain writes segments with write(2) and not through a mapping, as is done
	// where the system has no mapping that can be relied on.
	Plain bool
	// WriteOnly: nobody in this process delivers. What had to stay in memory is
	// copied to the run on disk as soon as there is one.
	WriteOnly bool
	// SyncEvery is how often the background puts records on the disk; 0: never.
	// With Config.Durable each append waits for that, together with others.
	SyncEvery time.Duration
	// Report is told what goes wrong; it may be called from any goroutine, also
	// within Append, must be quick, and must not append itself.
	Report func(Event)
	// Wake is called when there is something new to deliver.
	Wake func()
	// RestoreEvery is how often a program whose records stay in memory looks
	// whether the folder can be used; 0: every 5 s.
	RestoreEvery time.Duration
	// Control is where the program's control socket lies; empty if it has none.
	Control string

	segment uint64 // size of a segment, in tests; 0: as the limit asks for
}

// Spool is the folder of one service, and this process's runs in it: one that is
// written, and those that another one has taken the place of.
type Spool struct {
	opts     Options
	dir      string // Dir/service
	appender atomic.Pointer[Appender]
	others   atomic.Int64 // bytes held by runs that are not this one
	limit    atomic.Int64 // bytes that the service may hold
	said     atomic.Int64 // what others say of that; see Stats
	room     room

	losses  atomic.Uint64
	evicted atomic.Uint64 // of them, those that went to make room
	refused atomic.Uint64 // appends that were given back

	mu      sync.Mutex
	sound   bool            // the folder's rights are as they should be: its runs may be believed
	retired []*Writer       // whose place another run has taken
	past    Stats           // what those of them had appended whose runs are removed
	known   map[string]*Run // by folder name
	bad     map[string]bool // folders that were reported as unreadable

	moving   sync.Mutex    // held while one run takes the place of another
	stop     chan struct{} // ends that; closed with moving held
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
	s.begin(opts.Config)
	return s, nil
}

// Dir is the service's folder.
func (s *Spool) Dir() string { return s.dir }

// Writer is what this process appends to now.
func (s *Spool) Writer() *Writer { return s.Appender().cur.Load() }

// Appender is that of the configuration of the moment.
func (s *Spool) Appender() *Appender { return s.appender.Load() }

// Degraded reports whether records stay in memory.
func (s *Spool) Degraded() bool { return s.Writer().run.path == "" }

// begin makes a run with a configuration, in memory if the folder can't be used,
// and lets appends go there.
func (s *Spool) begin(cfg RunConfig) {
	w, err := s.birth(cfg)
	if err != nil {
		s.report(Event{Kind: EventDegraded, Err: err})
		w = s.memoryRun(cfg)
	}
	a := &Appender{s: s, config: cfg}
	a.cur.Store(w)
	w.start()
	s.mu.Lock()
	if old := s.appender.Swap(a); old != nil {
		s.retired = append(s.retired, old.cur.Load())
	}
	s.mu.Unlock()
	if err != nil && s.opts.Dir != "" {
		s.restored.Go(func() { s.restore(a) })
	}
}

// Renew begins a run with another configuration. What is appended by the Appender
// of before still goes to the run of before, until retire is called: from then on
// its appends fail with ErrMoved, and the run is one that is drained. Renew fails
// for a mistake in the configuration, and after Seal.
func (s *Spool) Renew(cfg RunConfig) (retire func(), err error) {
	if cfg.Service != s.opts.Config.Service {
		return nil, errors.New("spool: the name of the service can't change while it runs")
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s.moving.Lock()
	defer s.moving.Unlock()
	select {
	case <-s.stop:
		return nil, ErrClosed
	default:
	}
	old := s.Appender()
	s.begin(cfg)
	return func() {
		old.moved.Store(true)
		w := old.cur.Load()
		w.seal()
		crash.At(crash.Reload)
		w.release()
		s.notify()
	}, nil
}

// restore begins a run on disk as soon as it can, and retires the one in memory:
// that is delivered to its end by this process.
func (s *Spool) restore(a *Appender) {
	t := time.NewTicker(s.opts.RestoreEvery)
	defer t.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-t.C:
		}
		if s.home(a) {
			return
		}
	}
}

// home moves from memory to the disk, if that is possible now. Afterwards, and
// when the spool is sealed, there is nothing more to try.
func (s *Spool) home(a *Appender) (done bool) {
	s.moving.Lock()
	defer s.moving.Unlock()
	select {
	case <-s.stop:
		return true
	default:
	}
	if a != s.Appender() {
		return true
	}
	w, err := s.birth(a.config)
	if err != nil {
		return false // told when it began
	}
	s.succeed(a, w)
	s.report(Event{Kind: EventRestored})
	return true
}

// Own lists this process's runs that are not removed, oldest first.
func (s *Spool) Own() []*Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.own()
}

func (s *Spool) own() (list []*Run) {
	s.prune()
	for _, w := range s.writers() {
		if !w.run.Removed() {
			list = append(list, w.run)
		}
	}
	return list
}

// writers lists those of this process's runs, oldest first. The caller holds mu.
func (s *Spool) writers() []*Writer { return append(slices.Clone(s.retired), s.Writer()) }

// prune lets writers go whose runs are removed. The caller holds mu.
func (s *Spool) prune() {
	s.retired = slices.DeleteFunc(s.retired, func(w *Writer) bool {
		if !w.run.Removed() {
			return false
		}
		frames, bytes := w.appended()
		s.past.Records += frames
		s.past.Bytes += bytes
		return true
	})
}

func (s *Spool) report(e Event) { s.opts.Report(e) }

// pageFault tells that a counters page was made anew.
func (s *Spool) pageFault(err error) { s.report(Event{Kind: EventFault, Err: err}) }

func (s *Spool) notify() { s.opts.Wake() }

func (s *Spool) lost(err error, n uint64) {
	if err == ErrEvicted {
		s.evicted.Add(n)
	}
	s.report(Event{Kind: EventLost, Err: err, N: s.losses.Add(n)})
}

// Telling is for a program that tells of what its own runs have lost by a record of
// girok.gap: it calls told once the record is kept, with which nobody else has to
// tell what was lost when Telling was called.
func (s *Spool) Telling() (told func()) {
	type upTo struct {
		slot Slot
		n    uint64
	}
	var all []upTo
	for _, r := range s.Own() {
		for _, h := range r.Config.Handlers {
			slot := r.count.Slot(h.Bit)
			if n, _, _ := slot.Lost(); n > slot.Told() {
				all = append(all, upTo{slot, n})
			}
		}
	}
	return func() {
		for _, u := range all {
			u.slot.SetTold(u.n)
		}
	}
}

// Seal ends appending: later calls are counted and dropped. The own runs can
// still be delivered; they are dead.
func (s *Spool) Seal() {
	s.stopOnce.Do(func() {
		s.moving.Lock()
		close(s.stop)
		s.moving.Unlock()
	})
	s.restored.Wait()
	s.Writer().finish()
}

// LoseMemory counts and tells what goes with the process: records of the own runs in
// memory that some handler has not taken. It is for the end, after Seal.
func (s *Spool) LoseMemory() {
	for _, r := range s.Own() {
		if r.path != "" {
			continue
		}
		r.writer.finished.Store(true) // also with an append that stands still
		lost, n := countLosses(r.Reader(0))
		for _, l := range lost {
			r.count.Slot(l.Bit).addLost(l.N, l.First, l.Last)
		}
		if n > 0 {
			s.lost(errInMemory, n)
		}
	}
}

var errInMemory = errors.New("spool: they were in memory only, and the program ends")

// Release lets the own run go after Seal: whoever delivers may remove it.
func (s *Spool) Release() {
	s.mu.Lock()
	list := s.writers()
	s.mu.Unlock()
	for _, w := range list {
		w.release()
	}
}

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
// delivered. One that has lost what is not told yet is left to whoever delivers next.
func (s *Spool) RemoveOwn() (err error) {
	s.Release()
	for _, r := range s.Own() {
		if r.path != "" && r.Untold() && !r.writer.homeless() {
			err = errors.Join(err, r.FreeSegments(r.Tail()))
			continue
		}
		if r.damaged.Load() && r.path != "" && !r.writer.homeless() {
			to, serr := r.SetAside(r.Tail())
			if to != "" {
				s.report(Event{Kind: EventDisk, Err: fmt.Errorf("%s was damaged: it is set aside in %s", r.path, to)})
			}
			err = errors.Join(err, serr)
			continue
		}
		err = errors.Join(err, r.Remove())
	}
	return err
}

// TryLock opens a lock file and takes its lock without waiting; nil when another
// process holds it. The lock lasts until the file is closed.
func TryLock(path string) (*os.File, error) {
	f, err := rights.OpenFile(path, os.O_RDWR)
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

// Locked reports whether somebody holds the lock of a file right now. One that is
// not there is held by nobody.
func Locked(path string) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close() // frees the lock
	ok, err := lockFile(f, true)
	return !ok && err == nil, err
}

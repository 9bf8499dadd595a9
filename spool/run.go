package spool

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/internal/rights"
	"github.com/girok/girok/record"
)

// RunConfig is what a run was opened with; it never changes. It is kept as JSON
// in the run's file `config`, written last: a folder without it is no run.
type RunConfig struct {
	Format   int             `json:"format"` // 1
	ID       string          `json:"id"`     // 16 hex digits
	Service  string          `json:"service"`
	Version  string          `json:"version,omitempty"` // of the service
	Host     string          `json:"host,omitempty"`
	Timezone string          `json:"timezone,omitempty"` // IANA name; empty: local
	Dir      string          `json:"dir,omitempty"`      // relative paths of handlers are relative to it
	Durable  bool            `json:"durable,omitempty"`  // durability: disk
	Created  time.Time       `json:"created"`            // after that of each run that was there
	Began    time.Time       `json:"began,omitzero"`     // what the clock said, where that is not Created
	PID      int             `json:"pid"`
	GapMask  uint64          `json:"gap_mask,omitempty"`
	Handlers []HandlerConfig `json:"handlers"`
}

// HandlerConfig is one spooled handler of a run: bit Bit of the frames' masks.
type HandlerConfig struct {
	Bit   int             `json:"bit"`
	Name  string          `json:"name"`
	Class string          `json:"class"`
	Keys  json.RawMessage `json:"keys"` // as written, after extends and variables; secrets by reference
}

// Mask is the bits of all handlers.
func (c *RunConfig) Mask() (m uint64) {
	for _, h := range c.Handlers {
		m |= 1 << h.Bit
	}
	return m
}

// validate looks whether each handler has a bit of its own.
func (c *RunConfig) validate() error {
	var seen uint64
	for _, h := range c.Handlers {
		if h.Bit < 0 || h.Bit >= MaxHandlers || seen&(1<<h.Bit) != 0 {
			return fmt.Errorf("spool: handler %q: bit %d is not free or not from 0 to %d", h.Name, h.Bit, MaxHandlers-1)
		}
		seen |= 1 << h.Bit
	}
	return nil
}

// Run is one run, of this process or another, living or dead. Its methods are
// safe for concurrent use.
type Run struct {
	ID     record.RunID
	Config RunConfig
	path   string  // empty: in memory
	writer *Writer // nil for the runs of others
	count  *Counters

	mapping sync.Once   // of another's page
	fault   func(error) // told of its faults

	damaged atomic.Bool

	mu      sync.Mutex
	dead    bool
	probed  time.Time
	removed bool
}

const configFile, lockFileName = "config", "write"

// probeEvery limits how often another process's lock is tried.
const probeEvery = time.Second

// openRun opens the folder of a run that somebody wrote. ErrNotExist: it is not
// born yet, or gone.
func openRun(path string) (*Run, error) {
	b, err := os.ReadFile(filepath.Join(path, configFile))
	if err != nil {
		return nil, err
	}
	r := &Run{path: path}
	if err := json.Unmarshal(b, &r.Config); err != nil {
		return nil, fmt.Errorf("spool: %s: %w", filepath.Join(path, configFile), err)
	}
	if r.Config.Format > formatVersion {
		return nil, fmt.Errorf("%w: %s", ErrNewer, path)
	}
	id, ok := record.ParseRunID(r.Config.ID)
	if !ok {
		return nil, fmt.Errorf("spool: %s: bad run id %q", path, r.Config.ID)
	}
	if err := r.Config.validate(); err != nil {
		return nil, fmt.Errorf("%w (%s)", err, path)
	}
	r.ID = id
	return r, nil
}

// openListed is openRun for a folder among the runs of a service. It must lie where its
// writer made it: a copy beside it would be delivered once more.
func openListed(path string) (*Run, error) {
	r, err := openRun(path)
	if err != nil {
		return nil, err
	}
	at, ok := strings.CutSuffix(filepath.Base(path), "-"+r.Config.ID)
	_, err = time.Parse(folderTime, at)
	if service := filepath.Base(filepath.Dir(filepath.Dir(path))); !ok || err != nil || service != r.Config.Service {
		return nil, fmt.Errorf("spool: %s is taken for a copy of run %s and left alone: no writer makes it there; remove it, or move it to %s/runs/<time>-%[2]s", path, r.Config.ID, r.Config.Service)
	}
	return r, nil
}

// Counters is the run's page. That of another process's run is mapped when it is
// asked for: most of many dead runs wait for their turn.
func (r *Run) Counters() *Counters {
	if r.writer != nil {
		return r.count
	}
	r.mapping.Do(func() {
		r.count = openCounters(r.ID, r.path)
		if r.fault != nil {
			r.count.onFault(r.fault)
		}
	})
	return r.count
}

// Path is the run's folder; empty for a run in memory.
func (r *Run) Path() string { return r.path }

// Own reports whether this process wrote the run.
func (r *Run) Own() bool { return r.writer != nil }

// Released reports whether the run has been let go by its writer, which was this
// process: whoever delivers may remove it.
func (r *Run) Released() bool { return r.writer != nil && r.writer.released.Load() }

// Handler is the configuration of a bit; nil if the run has none.
func (r *Run) Handler(bit int) *HandlerConfig {
	for i := range r.Config.Handlers {
		if r.Config.Handlers[i].Bit == bit {
			return &r.Config.Handlers[i]
		}
	}
	return nil
}

// Alive reports whether somebody may still append. Once it is false it stays
// so. For the run of another process the answer may be a second old.
func (r *Run) Alive() bool {
	if r.writer != nil {
		return !r.writer.finished.Load()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dead || time.Since(r.probed) < probeEvery {
		return !r.dead
	}
	r.probed = time.Now()
	r.dead = probeDead(r.path)
	return !r.dead
}

// probeDead reports whether nobody holds a run's lock.
func probeDead(path string) bool {
	f, err := os.Open(filepath.Join(path, lockFileName))
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	defer f.Close() // frees the lock
	ok, err := lockFile(f, true)
	return ok && err == nil
}

// Tail is the position after the last reservation of an own run.
func (r *Run) Tail() uint64 { return r.writer.Tail() }

// passed reports whether no handler needs what lies below end.
func (r *Run) passed(end uint64) bool {
	for _, h := range r.Config.Handlers {
		if r.Counters().Slot(h.Bit).FreeBelow() < end {
			return false
		}
	}
	return true
}

// Untold reports whether the run has lost records of which no record of girok.gap tells
// yet, though there is a handler for it. It stays until then.
func (r *Run) Untold() bool {
	if r.Config.GapMask == 0 {
		return false
	}
	if !r.SettleLosses() {
		return true
	}
	for i := range r.Config.Handlers {
		slot := r.Counters().Slot(r.Config.Handlers[i].Bit)
		if n, _, _ := slot.Lost(); n > slot.Told() {
			return true
		}
	}
	return false
}

// segments lists the run's segments in their order; none when the run is gone.
func (r *Run) segments() ([]segmentFile, error) {
	if r.path == "" {
		return r.writer.memorySegments(), nil
	}
	entries, err := os.ReadDir(r.path)
	if isGone(err) && r.writer != nil && !r.Removed() {
		return r.writer.mappedSegments(), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var list []segmentFile
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".seg") {
			continue
		}
		h, err := readHeader(filepath.Join(r.path, e.Name()))
		switch {
		case err == nil && h.run == r.ID:
			list = append(list, segmentFile{h, e.Name()})
		case err == nil, errors.Is(err, errUnborn), errors.Is(err, errSpare), errors.Is(err, errRubbish), errors.Is(err, fs.ErrNotExist):
		default: // newer; or it can't be read just now, and must not count as gone
			return nil, err
		}
	}
	// As everywhere for structs: slices.SortFunc is compiled anew for each type.
	sort.SliceStable(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		return cmp.Or(cmp.Compare(a.seq, b.seq), cmp.Compare(a.name, b.name)) < 0
	})
	return slices.CompactFunc(list, func(a, b segmentFile) bool { return a.seq == b.seq }), nil
}

func readHeader(path string) (header, error) {
	f, err := os.Open(path)
	if err != nil {
		return header{}, err
	}
	defer f.Close()
	var b [headerUsed]byte
	if _, err := io.ReadFull(f, b[:]); err == io.EOF || err == io.ErrUnexpectedEOF {
		return header{}, errUnborn
	} else if err != nil {
		return header{}, err
	}
	return decodeHeader(b[:])
}

// Held is the bytes of the run's segments on its disk.
func (r *Run) Held() (n int64) {
	if r.path == "" {
		for _, h := range r.writer.memorySegments() {
			n += int64(h.size)
		}
		return n
	}
	return heldIn(r.path)
}

func heldIn(path string) (n int64) {
	entries, _ := os.ReadDir(path)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".seg") {
			if st, err := e.Info(); err == nil {
				n += st.Size()
			}
		}
	}
	return n
}

// FreeDelivered deletes the segments of a dead run that every handler is past,
// and the run itself when that is all of them up to its end; a run with a segment
// that could not be read at all is set aside. It reports whether the run is gone.
// Two processes may do it at once: what is gone is gone.
func (r *Run) FreeDelivered(end uint64) (gone bool, err error) {
	if r.Alive() {
		return false, nil
	}
	list, err := r.segments()
	if err != nil {
		return false, err
	}
	if r.passed(end) {
		if r.unreadable(list) {
			_, err := r.SetAside(end)
			return true, err
		}
		return true, r.Remove()
	}
	return false, r.freeSegments(list, end)
}

// FreeSegments deletes the segments of a dead run below end that every handler is
// past, and never the run itself.
func (r *Run) FreeSegments(end uint64) error {
	if r.Alive() {
		return nil
	}
	list, err := r.segments()
	if err != nil {
		return err
	}
	return r.freeSegments(list, end)
}

func (r *Run) freeSegments(list []segmentFile, end uint64) (err error) {
	if r.path == "" {
		return nil
	}
	for _, h := range list {
		if h.end() <= end && r.passed(h.end()) {
			err = errors.Join(err, removeFile(filepath.Join(r.path, h.name)))
		}
	}
	return err
}

// unreadable reports whether the run has a file of a segment whose header does not
// check. A spare one has nothing that matters, and the one that was made last may
// have been only being made when the run died.
func (r *Run) unreadable(list []segmentFile) bool {
	names := r.files()
	for i, name := range names {
		if slices.ContainsFunc(list, func(f segmentFile) bool { return f.name == name }) {
			continue
		}
		_, err := readHeader(filepath.Join(r.path, name))
		if errors.Is(err, errRubbish) || errors.Is(err, errUnborn) && i < len(names)-1 && !r.empty(name) {
			return true
		}
	}
	return false
}

// files lists the names of the run's segments in the order in which their files
// were made.
func (r *Run) files() (names []string) {
	entries, _ := os.ReadDir(r.path)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".seg") {
			names = append(names, e.Name())
		}
	}
	sort.SliceStable(names, func(i, j int) bool {
		if len(names[i]) != len(names[j]) {
			return len(names[i]) < len(names[j])
		}
		return names[i] < names[j]
	})
	return names
}

// empty reports whether a file without a header is one that was being made in the
// place of another: frames go before their header does.
func (r *Run) empty(name string) bool {
	f, err := os.Open(filepath.Join(r.path, name))
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	defer f.Close()
	var b [headerSize + wordSize]byte
	n, err := f.ReadAt(b[:], 0)
	return err == nil && n == len(b) && [wordSize]byte(b[headerSize:]) == [wordSize]byte{}
}

// Trim cuts the last segment of a dead run off at the end of its frames, so that
// what was allocated ahead does not count.
func (r *Run) Trim(end uint64) error {
	if r.Alive() || r.path == "" {
		return nil
	}
	list, err := r.segments()
	if err != nil || len(list) == 0 {
		return err
	}
	for _, name := range r.files() {
		if _, herr := readHeader(filepath.Join(r.path, name)); errors.Is(herr, errSpare) || errors.Is(herr, errUnborn) && r.empty(name) {
			err = errors.Join(err, removeFile(filepath.Join(r.path, name)))
		}
	}
	// The last goes first: a segment that ends early and is not the last one would
	// look as if something had been cut off behind it.
	for i, h := range slices.Backward(list) {
		name := filepath.Join(r.path, h.name)
		switch {
		case h.base >= end && i > 0:
			err = errors.Join(err, removeFile(name))
		case end < h.end():
			size := max(int64(end-min(h.base, end)), headerSize)
			if st, serr := os.Stat(name); serr == nil && st.Size() > size {
				if terr := os.Truncate(name, size); !errors.Is(terr, fs.ErrNotExist) { // somebody is quicker
					err = errors.Join(err, terr)
				}
			}
		}
	}
	return err
}

// Remove deletes a dead run: by rename first, so that it is a run or it is not.
func (r *Run) Remove() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.removed || r.path == "" {
		r.removed = true
		return nil
	}
	gone := filepath.Join(filepath.Dir(r.path), gonePrefix+filepath.Base(r.path))
	if err := os.Rename(r.path, gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	r.removed = true
	if r.Config.Durable {
		// Before its positions are deleted: with them gone, a folder that a power
		// cut brings back would be delivered again.
		if err := SyncDir(filepath.Dir(r.path)); err != nil {
			return err
		}
	}
	crash.At(crash.RunRemoval)
	return os.RemoveAll(gone)
}

func removeFile(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// MarkDamaged says that something in the run did not check: an own one is set aside
// then, and not removed.
func (r *Run) MarkDamaged() { r.damaged.Store(true) }

// SetAside moves a dead run in which something did not check out of the way, once
// every handler is past end, that of its frames: its readable records are
// delivered, and nothing of it is deleted. It returns the new folder; empty when
// handlers still read it.
func (r *Run) SetAside(end uint64) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.removed || !r.passed(end) {
		return "", nil
	}
	to := filepath.Join(filepath.Dir(filepath.Dir(r.path)), "damaged")
	if err := rights.MkdirAll(to); err != nil {
		return "", err
	}
	to = filepath.Join(to, filepath.Base(r.path))
	if err := os.Rename(r.path, to); err != nil {
		return "", err
	}
	r.removed = true
	if !r.Config.Durable {
		return to, nil
	}
	return to, errors.Join(SyncDir(filepath.Dir(to)), SyncDir(filepath.Dir(r.path)))
}

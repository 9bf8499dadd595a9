package spool

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/internal/rights"
	"github.com/girok/girok/record"
)

// The full rule: when the segments of a service reach the limit, the oldest that
// nobody has pinned goes, of the run that needs the room or of a dead one. A
// living run's segments are its writer's; those of dead runs go by whoever holds
// the lock of the service's room, one process at a time. Each handler that is not
// past a segment loses its records there, counted in the page of that run.

// roomName is the file in the service's folder whose lock whoever frees segments of
// dead runs holds.
const roomName = "room"

// roomLock is its path.
func (r *Run) roomLock() string { return filepath.Join(filepath.Dir(filepath.Dir(r.path)), roomName) }

// room is what this process knows of what the service's other runs hold.
type room struct {
	mu      sync.Mutex
	looked  time.Time // when others was found out last
	took    time.Duration
	floor   int64         // what other runs held at the start, when no limit is configured
	listed  time.Time     // when oldest was
	oldest  []deadSegment // what may go, oldest first
	waited  time.Time     // when the lock was waited for in vain
	nowhere bool          // there is no dead run
}

// deadSegment is a segment of a dead run.
type deadSegment struct {
	run   *Run
	file  segmentFile
	since int64 // of two, the one with the lower number goes first
}

const (
	// lookEvery is how often a writer that needs a segment looks at what the other
	// runs hold; where that takes long, less often.
	lookEvery = 500 * time.Millisecond
	// lockPatience is how long the room's lock is waited for: it is held while one
	// segment is read and deleted.
	lockPatience = 100 * time.Millisecond
	// stuckFor is how long it is not waited for once that was in vain: its holder
	// may be stopped.
	stuckFor = 5 * time.Second
)

// stale reports whether what was found out at a time is to be found out anew.
func (m *room) stale(at time.Time) bool { return time.Since(at) >= max(lookEvery, 100*m.took) }

// glance is Account for a writer that needs room, unless somebody has just looked.
func (s *Spool) glance() {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	if s.room.stale(s.room.looked) {
		s.account()
	}
}

// makeRoom lets segments go while a new one would exceed the service's limit. The
// caller holds mu.
func (w *Writer) makeRoom() error {
	for w.spool.over(w.run, int64(w.size)) {
		i, ok := w.victim()
		before := int64(math.MaxInt64)
		if ok {
			before = w.segs[i].created
		}
		if w.run.path != "" && w.spool.evictDead(before) {
			w.run.count.setFreeing(0)
			continue
		}
		if !ok {
			return ErrFull
		}
		s := w.segs[i]
		lost, n := countLosses(w.readerOf(s))
		w.run.part(segmentFile{s.header, filepath.Base(s.path)}, lost, func() error {
			w.drop(i)
			return nil
		})
		w.run.count.setFreeing(0)
		if n > 0 {
			w.spool.lost(ErrEvicted, n)
		}
	}
	return nil
}

// victim chooses the segment of the own run to go: announce, then look at the pins.
// Whoever pins looks at the announcement after it, and waits while it stands.
func (w *Writer) victim() (int, bool) {
	cur := w.cur.Load()
	for i, s := range w.segs {
		if s == cur {
			break
		}
		w.run.count.setFreeing(s.end())
		if !w.run.pinned(&s.header) && (s.unmapped || s.walk(s.end(), &w.faults) == s.end()) {
			return i, true
		}
	}
	w.run.count.setFreeing(0)
	return 0, false
}

// evictDead lets the oldest segment of a dead run go that is older than before, in
// nanoseconds since 1970. It reports whether one went.
func (s *Spool) evictDead(before int64) bool {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	if s.room.stale(s.room.listed) || len(s.room.oldest) == 0 && !s.room.nowhere {
		s.list()
	}
	if len(s.room.oldest) == 0 || s.room.oldest[0].since >= before {
		return false
	}
	lock := s.lockRoom()
	if lock == nil {
		return false
	}
	defer lock.Close()
	for len(s.room.oldest) > 0 && s.room.oldest[0].since < before {
		v := s.room.oldest[0]
		s.room.oldest = s.room.oldest[1:]
		n, size, ok := v.run.evict(v.file)
		if !ok {
			continue
		}
		s.others.Add(-size)
		if n > 0 {
			s.report(Event{Kind: EventMadeRoom, Err: &MadeRoom{Run: v.run.path, Records: n}, N: n})
		}
		return true
	}
	return false
}

// lockRoom waits for the room's lock; nil if it can't be had. The caller holds
// room.mu.
func (s *Spool) lockRoom() *os.File {
	patience := lockPatience
	if time.Since(s.room.waited) < stuckFor {
		patience = 0
	}
	lock := lockRoom(filepath.Join(s.dir, roomName), patience)
	if lock == nil {
		s.room.waited = time.Now()
	}
	return lock
}

func lockRoom(path string, patience time.Duration) *os.File {
	for begin := time.Now(); ; time.Sleep(time.Millisecond) {
		f, err := TryLock(path)
		if f != nil || err != nil || time.Since(begin) >= patience {
			return f
		}
	}
}

// list finds the segments of dead runs. The caller holds room.mu.
func (s *Spool) list() {
	s.room.oldest = s.room.oldest[:0]
	defer func() { s.room.listed, s.room.nowhere = time.Now(), len(s.room.oldest) == 0 }()
	for _, r := range s.deadRuns() {
		files, err := r.segments()
		if err != nil || !r.Counters().shared() {
			continue // of a newer girok; or nobody would learn of the loss, and pins can't be seen
		}
		for _, f := range files {
			v := deadSegment{run: r, file: f, since: f.created}
			if len(files) > 1 && r.passed(f.end()) {
				v.since = math.MinInt64 // nobody loses by it
			}
			s.room.oldest = append(s.room.oldest, v)
		}
	}
	all := s.room.oldest
	sort.SliceStable(all, func(i, j int) bool {
		a, b := &all[i], &all[j]
		return cmp.Or(cmp.Compare(a.since, b.since), cmp.Compare(a.file.seq, b.file.seq)) < 0
	})
}

// deadRuns lists the dead runs of the service without clearing anything away, as a
// writer may ask for it in the middle of an append.
func (s *Spool) deadRuns() (dead []*Run) {
	dir := filepath.Join(s.dir, "runs")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	seen := map[string]bool{}
	for _, e := range entries {
		name := e.Name()
		if !e.IsDir() || name[0] == '.' {
			continue
		}
		seen[name] = true
		if r := s.knows(name); r != nil && (!r.Own() || r.Released()) && !r.Removed() && !r.Alive() {
			dead = append(dead, r)
		}
	}
	s.mu.Lock()
	for name, r := range s.known {
		if !seen[name] && !r.Own() {
			delete(s.known, name)
		}
	}
	s.mu.Unlock()
	return dead
}

// knows is the run of a folder; nil if there is none, or it can't be read.
func (s *Spool) knows(name string) *Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.known[name]; r != nil || !s.sound {
		return r
	}
	r, err := openListed(filepath.Join(s.dir, "runs", name))
	if err != nil {
		return nil // the listing for delivery tells
	}
	r.fault = s.pageFault
	s.known[name] = r
	return r
}

// evict lets a segment of a dead run go, unless somebody has pinned it. It returns
// how many records some handler loses, and how many bytes were held. The caller
// holds the room's lock.
func (r *Run) evict(h segmentFile) (n uint64, size int64, ok bool) {
	name, c := filepath.Join(r.path, h.name), r.Counters()
	r.settleLosses()
	st, err := os.Stat(name)
	if err != nil {
		return 0, 0, false
	}
	c.setFreeing(h.end())
	defer c.setFreeing(0)
	if r.pinned(&h.header) {
		return 0, 0, false
	}
	f, err := os.Open(name)
	if err != nil {
		return 0, 0, false
	}
	rd := &Reader{run: r, pos: h.data(), end: h.data(), cur: h.header, src: fileSource{f}, only: true, dead: true}
	lost, n := countLosses(rd)
	// Where the run ends must be known when its last segment is gone.
	c.raise(committedOffset, rd.FramesEnd())
	ok = r.part(h, lost, func() error { return os.Remove(name) })
	return n, st.Size(), ok
}

// pinned reports whether a batch under way reads from a segment of the run.
func (r *Run) pinned(h *header) bool {
	for _, cfg := range r.Config.Handlers {
		from, to := r.Counters().Slot(cfg.Bit).pinned()
		if from != 0 && from < h.end() && to > h.base {
			return true
		}
	}
	return false
}

// loss is what one handler loses with a segment.
type loss struct {
	Bit         int
	N           uint64
	First, Last uint64 // positions
}

// countLosses counts what the handlers that are not past a segment lose with it:
// for each, and how many records some handler loses. It reads the segment with r,
// which it closes.
func countLosses(r *Reader) (lost []loss, n uint64) {
	defer r.Close()
	var all [MaxHandlers]loss
	var from [MaxHandlers]uint64
	for _, h := range r.run.Config.Handlers {
		from[h.Bit] = r.run.Counters().Slot(h.Bit).FreeBelow()
	}
	for {
		f, st := r.Next()
		if st != Frame {
			break
		}
		record.Masks(f.Payload, func(mask uint64) {
			any := false
			for m := mask & r.run.Config.Mask(); m != 0; m &= m - 1 {
				bit := bits.TrailingZeros64(m)
				if f.Position < from[bit] {
					continue
				}
				l := &all[bit]
				if l.N == 0 {
					l.First = f.Position
				}
				l.N++
				l.Last = f.Position
				any = true
			}
			if any {
				n++
			}
		})
	}
	for bit, l := range all {
		if l.N > 0 {
			l.Bit = bit
			lost = append(lost, l)
		}
	}
	return lost, n
}

// farewell is what stands in the run's folder while a segment goes: what its page
// will say of losses afterwards. Whoever finds it after a kill can tell by the
// segment whether that holds.
type farewell struct {
	Seq, Salt uint64
	Lost      []loss // with N as it will be
}

const farewellFile = "losses"

// part lets a segment go, and counts what is lost with it: both or neither, wherever
// the process is killed.
func (r *Run) part(h segmentFile, lost []loss, remove func() error) bool {
	c, note := r.Counters(), filepath.Join(r.path, farewellFile)
	noted := false
	if r.path != "" && len(lost) > 0 {
		after := farewell{Seq: h.seq, Salt: h.salt, Lost: slices.Clone(lost)}
		for i := range after.Lost {
			n, _, _ := c.Slot(after.Lost[i].Bit).Lost()
			after.Lost[i].N += n
		}
		b, err := json.Marshal(&after)
		noted = err == nil && rights.WriteFile(note, b) == nil // a full disk takes none: then only a kill in between is not counted
		crash.At(crash.RoomNoted)
	}
	err := remove()
	if err == nil {
		crash.At(crash.RoomMade)
		for _, l := range lost {
			c.Slot(l.Bit).addLost(l.N, l.First, l.Last)
		}
	}
	if noted {
		_ = os.Remove(note)
	}
	return err == nil
}

// SettleLosses counts what a dead run lost with a segment that went when a process
// was killed. It reports whether all is counted that went so far: a process that makes
// room may not have come to it yet.
func (r *Run) SettleLosses() bool {
	if r.path == "" || r.Own() && !r.Released() || r.Alive() {
		return true
	}
	if _, err := os.Lstat(filepath.Join(r.path, farewellFile)); errors.Is(err, fs.ErrNotExist) {
		return true
	}
	lock := lockRoom(r.roomLock(), lockPatience)
	if lock == nil {
		return false
	}
	defer lock.Close()
	return r.settleLosses()
}

// settleLosses is SettleLosses for a caller that holds the room's lock.
func (r *Run) settleLosses() bool {
	note := filepath.Join(r.path, farewellFile)
	b, err := os.ReadFile(note)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	files, err := r.segments()
	if err != nil {
		return false
	}
	var after farewell
	if json.Unmarshal(b, &after) == nil && !slices.ContainsFunc(files, func(f segmentFile) bool { return f.seq == after.Seq && f.salt == after.Salt }) {
		for _, l := range after.Lost {
			if l.Bit >= 0 && l.Bit < MaxHandlers {
				r.Counters().Slot(l.Bit).raiseLost(l.N, l.First, l.Last)
			}
		}
	}
	_ = os.Remove(note) // the numbers are those of after, so that twice is as once
	return true
}

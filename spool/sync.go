package spool

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// syncPatience is how long an append waits for a disk that does not answer.
const syncPatience = time.Second

// holePatience is how long a round waits for frames that are being copied.
const holePatience = time.Millisecond

// syncer makes what is committed durable, in rounds: one is at the disk, and
// all who come meanwhile wait for the next one together.
type syncer struct {
	w     *Writer
	every time.Duration // 0: only when somebody waits
	kick  chan struct{}
	done  atomic.Uint64 // below it all is on the disk, or was said not to be

	rounds atomic.Uint64

	mu    sync.Mutex
	round chan struct{} // closed when the round that has not begun yet ends
	over  bool          // no round will begin any more

	stop     chan struct{}
	stopOnce sync.Once
	stopped  chan struct{}
}

func newSyncer(w *Writer, every time.Duration) *syncer {
	return &syncer{
		w: w, every: every, kick: make(chan struct{}, 1), round: make(chan struct{}),
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
}

// wait returns when what lies below end is on the disk. A disk that fails or is
// silent is told, and not waited for: the record survives a kill all the same.
func (s *syncer) wait(end uint64) {
	if s.done.Load() >= end {
		return
	}
	patience := time.NewTimer(syncPatience)
	defer patience.Stop()
	for s.done.Load() < end {
		s.mu.Lock()
		round, over := s.round, s.over
		s.mu.Unlock()
		if over {
			return
		}
		s.wake()
		select {
		case <-round:
		case <-patience.C:
			s.w.spool.report(Event{Kind: EventUnsynced, Err: fmt.Errorf("the disk of %s has not answered for %v", s.w.run.path, syncPatience)})
			return
		}
	}
}

func (s *syncer) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

func (s *syncer) run() {
	defer close(s.stopped)
	var tick <-chan time.Time
	if s.every > 0 {
		t := time.NewTicker(s.every)
		defer t.Stop()
		tick = t.C
	}
	for over := false; !over; {
		select {
		case <-s.kick:
		case <-tick:
		case <-s.stop:
			over = true
		}
		s.mu.Lock()
		round := s.round
		s.round, s.over = make(chan struct{}), over
		s.mu.Unlock()
		s.sync(s.w.Tail())
		s.rounds.Add(1)
		close(round)
	}
}

// end makes the rest durable and ends the rounds. All appends have returned, or
// wait here.
func (s *syncer) end() {
	s.stopOnce.Do(func() { close(s.stop) })
	<-s.stopped
}

// sync makes what lies below tail durable, up to the first hole that stays.
func (s *syncer) sync(tail uint64) {
	at, todo := s.due(tail)
	for begin := time.Now(); at < tail && time.Since(begin) < holePatience; at, todo = s.due(tail) {
		runtime.Gosched()
	}
	if len(todo) > 0 && s.w.dirtyDir.Swap(false) {
		s.failed(nil, SyncDir(s.w.run.path))
	}
	for _, seg := range todo {
		s.failed(seg, seg.sync())
	}
	s.w.cleaned.Store(len(todo) > 0)
	raise(&s.done, at)
}

// due lists the segments that hold something that is committed and not durable,
// and how far it is committed. The next one is among them as long as it is new:
// what it is filled with goes to the disk before anybody waits for it.
func (s *syncer) due(tail uint64) (at uint64, todo []*segment) {
	w := s.w
	w.mu.Lock()
	defer w.mu.Unlock()
	at = w.walkTo(tail)
	done := s.done.Load()
	for _, seg := range w.segs {
		if seg.base < at && seg.end() > done && !seg.lost {
			todo = append(todo, seg)
		}
	}
	if w.next != nil && !w.next.synced {
		w.next.synced = true
		todo = append(todo, w.next)
	}
	return at, todo
}

// failed tells of a failed sync. The first failure of a segment is final: the
// kernel may have thrown away what it could not write, so nothing more goes
// there.
func (s *syncer) failed(seg *segment, err error) {
	if err == nil || errors.Is(err, os.ErrClosed) { // it was delivered meanwhile
		return
	}
	s.w.spool.report(Event{Kind: EventUnsynced, Err: err})
	if seg != nil {
		s.w.abandon(seg)
	}
}

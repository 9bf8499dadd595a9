package spool

import (
	"errors"
	"hash/crc32"
	"math/bits"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/record"
)

// Errors of Append.
var (
	ErrClosed = errors.New("spool: closed")
	ErrFull   = errors.New("spool: full, and nothing in it can go")
	// ErrEvicted is what an Event says of records that went to make room.
	ErrEvicted = errors.New("spool: full, the oldest records went")
	ErrLength  = errors.New("spool: a payload this long or short is no record")
)

// The tail: bits 0 to 39 are an offset in the segment whose seq is in bits 40 to
// 62; bit 63 says that the run is sealed. An append adds its need to it, one
// atomic operation that never fails under contention, and then looks what it got:
// a range within the segment is its own; one that reaches past the end is void,
// and so are all that follow until the tail is set to the next segment.
const (
	offsetBits = 40
	offsetMask = 1<<offsetBits - 1
	maxSeq     = 1<<(63-offsetBits) - 1
	sealed     = 1 << 63
	// slack bounds how far void ranges may carry the offset past a segment's end
	// before it is taken back.
	slack = 1 << 36
)

func tailAt(seq, offset uint64) uint64 { return seq<<offsetBits | offset }

// Writer appends to one run. Its methods are safe for concurrent use.
type Writer struct {
	_      [64]byte
	tail   atomic.Uint64 // alone on its cache line
	_      [56]byte
	cur    atomic.Pointer[segment]
	asleep atomic.Bool   // the background waits for the next append
	end    atomic.Uint64 // of a sealed run: its tail

	ahead    uint64    // how far pages are made ready; only the background's
	owed     bool      // whoever delivers does not know of what came; the same
	notified time.Time // when it was told last; the same
	run      *Run
	spool    *Spool
	size     uint64 // of the segments after the first
	kick     chan struct{}
	finished atomic.Bool // nothing will be appended or committed any more
	released atomic.Bool // and whoever delivers may remove the run
	lock     *os.File    // holds `write`; nil in memory
	faults   faults
	plain    bool        // segments are written, not mapped
	disk     bool        // an append waits for the disk
	syncer   *syncer     // nil: nothing is put on the disk
	cleaned  atomic.Bool // pages went to the disk: those ahead are write-protected
	dirtyDir atomic.Bool // files were made since its folder was

	mu      sync.Mutex // guards what follows, and rolling
	files   uint64     // that were made
	next    *segment   // made ahead
	spare   []*segment // delivered and blank: their files and mappings are used again
	segs    []*segment // all that are not freed, oldest first; cur is among them
	dropped uint64     // frames in segments that are freed
	broken  error      // why the last segment could not be made
	again   time.Time  // when to try that again
	// pressed: an Append has found the spool full, so room is made ahead of the
	// next. TryAppend never wants that.
	pressed bool

	stop     chan struct{}
	stopOnce sync.Once
	done     chan struct{}
}

// kickShift is the logarithm of so many bytes that an append that crosses a multiple of
// them wakes the background, so that its pace follows the bytes and it can sleep long:
// an eighth of the segment, from 256 KiB to 1 MiB.
func kickShift(size uint64) uint8 { return uint8(min(max(bits.Len64(size/8)-1, 18), 20)) }

// Append commits one record's payload, whose first 8 bytes are its mask. When
// it returns nil the record survives the death of the process. It never waits
// for a destination; at a boundary it may wait for a segment to be made. The
// payload is the caller's again when it returns.
//
// A record that can't be stored is counted as lost for each handler of its mask
// before the error is returned.
func (w *Writer) Append(payload []byte) (pos uint64, err error) {
	if pos, err = w.commit(payload, true); err != nil {
		return 0, w.lose(payload, pos, err)
	}
	return pos, nil
}

// TryAppend is Append for a record that somebody still has and can give again:
// a full spool takes no older record's place, and on an error nothing is counted.
func (w *Writer) TryAppend(payload []byte) (pos uint64, err error) { return w.commit(payload, false) }

// commit appends. force: a full spool lets its oldest segment go.
func (w *Writer) commit(payload []byte, force bool) (pos uint64, err error) {
	if len(payload) > record.MaxPayload || len(payload) < minPayload {
		return w.Tail(), ErrLength
	}
	if w.plain {
		return w.commitPlain(payload, force)
	}
	prefetchTail((*uint64)(unsafe.Pointer(&w.tail)))
	sum := crc32.Checksum(payload, castagnoli)
	need := frameSize(len(payload))
	for {
		seg := w.cur.Load()
		got := w.tail.Add(need)
		if got>>offsetBits != seg.seq {
			if got&sealed != 0 {
				return w.Tail(), ErrClosed
			}
			if seg = w.segment(got >> offsetBits); seg == nil {
				continue // its storage failed, and it was given up meanwhile
			}
		}
		end := got & offsetMask
		start := end - need
		if end > seg.size {
			if start < seg.size {
				w.pad(seg, start)
			}
			if err := w.roll(seg, force); err != nil {
				return w.Tail(), err
			}
			continue
		}
		pos = seg.base + start
		ok := seg.put(pos, frameWord(sum, len(payload), seg.salt, pos), payload)
		if start>>seg.kick != end>>seg.kick || w.asleep.Load() {
			w.wake()
		}
		if ok {
			crash.At(crash.Committed)
			if w.disk {
				w.syncer.wait(pos + need)
			}
			return pos, nil
		}
		w.faulted(seg, pos, pos+need)
	}
}

// segment finds the segment of a range that was got while another was current.
func (w *Writer) segment(seq uint64) *segment {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.segs {
		if s.seq == seq {
			return s
		}
	}
	return nil
}

func (w *Writer) wake() {
	w.asleep.Store(false)
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// lose counts records that could not be stored.
func (w *Writer) lose(payload []byte, pos uint64, err error) error {
	n := uint64(0)
	record.Masks(payload, func(mask uint64) {
		w.run.count.addLostMask(mask, pos)
		n++
	})
	w.spool.lost(err, max(n, 1))
	return err
}

// Tail is the position after the last reservation: what is logged so far lies
// below it.
func (w *Writer) Tail() uint64 {
	for {
		seg, t := w.cur.Load(), w.tail.Load()
		switch {
		case t&sealed != 0:
			if end := w.end.Load(); end != 0 {
				return end
			}
		case t>>offsetBits == seg.seq:
			return seg.base + min(t&offsetMask, seg.size)
		}
		runtime.Gosched() // between two stores of roll or seal
	}
}

// Run is the run that the writer appends to.
func (w *Writer) Run() *Run { return w.run }

// seal ends appending, and waits up to a second for frames that are being copied.
func (w *Writer) seal() {
	w.stopOnce.Do(func() {
		w.mu.Lock() // no roll is under way
		seg, t := w.cur.Load(), w.tail.Or(sealed)
		w.end.Store(seg.base + min(t&offsetMask, seg.size))
		w.mu.Unlock()
		close(w.stop)
	})
	<-w.done
	for deadline := time.Now().Add(time.Second); !w.settle() && time.Now().Before(deadline); {
		time.Sleep(200 * time.Microsecond)
	}
}

// settle reports whether all frames of a sealed run are committed, and ends then what
// goes on beside the appends.
func (w *Writer) settle() bool {
	w.mu.Lock()
	w.discardSpares(0)
	end := w.Tail()
	at := w.walkTo(end)
	w.run.count.raise(committedOffset, at)
	w.mu.Unlock()
	if at < end {
		return false
	}
	w.ring()
	if w.syncer != nil {
		w.syncer.end()
	}
	return true
}

// stallPoll is how often a run is looked at in which an append stands still.
const stallPoll = 10 * time.Millisecond

// afterCopies calls do once the frames of a sealed run are committed: at once, or when
// an append that stands still has gone on. A disk that stalls keeps it in a page fault
// for longer than anybody wants to wait, but it will return, and its record must not be
// taken for one that was never there. The run lives until then; if the process ends
// before, with it.
func (w *Writer) afterCopies(do func()) {
	if w.settle() {
		do()
		return
	}
	go func() {
		for !w.settle() {
			time.Sleep(stallPoll)
		}
		do()
		w.spool.notify()
	}()
}

// finish is seal for a run that is delivered by this process before it is released.
func (w *Writer) finish() {
	w.seal()
	w.afterCopies(func() { w.finished.Store(true) })
}

// release lets the run's lock go: from here on it belongs to whoever delivers. A run
// that is not sealed is let go as if its process had died, and stays mapped.
func (w *Writer) release() {
	if w.tail.Load()&sealed == 0 {
		w.letGo()
		return
	}
	w.afterCopies(w.letGo)
}

func (w *Writer) letGo() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lock == nil {
		w.finished.Store(true)
		return
	}
	if w.tail.Load()&sealed != 0 {
		for _, s := range w.segs {
			s.unmap()
		}
		if w.next != nil {
			w.discard(w.next)
			w.next = nil
		}
	}
	// Who sees that it is dead must see that it may go.
	w.released.Store(true)
	w.finished.Store(true)
	w.giveBack()
	w.lock.Close()
	w.lock = nil
}

// walkTo is how far frames are committed without a hole. The caller holds mu.
func (w *Writer) walkTo(limit uint64) (pos uint64) {
	for _, s := range w.segs {
		if s.unmapped {
			pos = s.end()
			continue
		}
		if pos = s.walk(limit, &w.faults); pos < s.end() {
			break
		}
	}
	return min(pos, limit) // one that is unmapped may have been the last
}

func (w *Writer) memorySegments() []segmentFile {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := make([]segmentFile, len(w.segs))
	for i, s := range w.segs {
		list[i] = segmentFile{header: s.header}
	}
	return list
}

// memoryAt is the memory of a segment; nil when it is gone.
func (w *Writer) memoryAt(seq uint64) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.segs {
		if s.seq == seq {
			return s.mem
		}
	}
	return nil
}

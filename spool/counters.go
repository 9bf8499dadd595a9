package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/girok/girok/record"
)

// The counters page of a run: 8 KiB, mapped by whoever writes or delivers the
// run; it outlives a kill. An append never writes here. How numbers are stored
// stands in page.go.
//
//	   0  8  magic "girokcnt"
//	   8  4  version 3
//	  16  8  committed: below it every frame is committed (writer)
//	  24  8  limit: how far segments are made (writer)
//	  32  8  flush wanted up to (anybody)
//	  40  8  freeing: segments that end at or below it are about to go (who frees)
//	  64 128 path of the writer's control socket, UTF-8, filled with zeros (writer)
//	 192  8  bell: 1 the writer rings, 2 somebody waits for that, 0 it does not ring (either)
//	 256     64 numbers, one for each handler: retries so far (deliverer)
//	1024     64 slots of 112 bytes, one for each handler:
//	      0  8  delivered: below it nothing waits (deliverer)
//	      8  8  free below: the deliverer does not need what is below (deliverer)
//	     16  8  pin: from where the deliverer holds the spool right now; 0 nothing
//	     24  8  letters: dead letters of this run (deliverer)
//	     32  8  lost: records that went before they were read (either)
//	     40  8  lost first: position of the first (either)
//	     48  8  lost last (either)
//	     56  8  state: 0 delivering, 1 retrying, 2 refused, 3 fenced (deliverer)
//	     64  8  pin end: up to where (deliverer)
//	     72 32  why, UTF-8, filled with zeros (deliverer)
//	    104  8  told: how many of the lost records girok.gap has told (either)
const (
	countersFile    = "counters"
	countersVersion = 3
	countersSize    = 8 << 10
	slotsOffset     = 1024
	slotSize        = 112
	slotTextStart   = 72
	slotTextSize    = 32
	committedOffset = 16
	limitOffset     = 24
	freeingOffset   = 40
	controlOffset   = 64
	controlSize     = 128
	bellOffset      = 192
	retriesOffset   = 256
	// MaxHandlers is how many spooled handlers a run can have.
	MaxHandlers = 64
)

var countersMagic = [8]byte{'g', 'i', 'r', 'o', 'k', 'c', 'n', 't'}

// Counters is the page. Its fields are read and written atomically, by this
// process and others; where its storage fails it is made anew.
//
// The mapping lasts as long as the Counters is reachable.
type Counters struct {
	id   record.RunID
	path string // of its file; empty in memory
	page atomic.Pointer[page]
	kept atomic.Pointer[page] // what it is made anew from; nil until something is written
	tell atomic.Pointer[func(error)]

	mending sync.Mutex
	alone   atomic.Bool // the page is kept in memory since its storage failed
}

// shared reports whether other processes see the page.
func (c *Counters) shared() bool { return c.path != "" && !c.alone.Load() }

// onFault says who is told when the page was made anew.
func (c *Counters) onFault(tell func(error)) { c.tell.Store(&tell) }

func (c *Counters) say(err error) {
	if tell := c.tell.Load(); tell != nil {
		(*tell)(err)
	}
}

func mappedCounters(id record.RunID, path string, mem []byte) *Counters {
	c := &Counters{id: id, path: path}
	c.page.Store(pageOf(mem))
	runtime.AddCleanup(c, unmapFile, mem)
	return c
}

func memoryCounters() *Counters {
	c, p := &Counters{}, &page{}
	p.begin()
	c.page.Store(p)
	return c
}

func createCounters(id record.RunID, dir string) (*Counters, error) {
	path := filepath.Join(dir, countersFile)
	f, mem, err := createMapped(path, countersSize)
	if errors.Is(err, errors.ErrUnsupported) {
		return memoryCounters(), nil
	}
	if err != nil {
		return nil, err
	}
	f.Close()
	c := mappedCounters(id, path, mem)
	c.touch(0, func(*atomic.Uint64) { c.page.Load().begin() })
	return c, nil
}

// openCounters maps the page of somebody's run. One that is too short is made
// whole: its writer may still have it mapped. One that is missing or something
// else is replaced by an empty one in memory: what is in it can be found out
// again.
func openCounters(id record.RunID, dir string) *Counters {
	path := filepath.Join(dir, countersFile)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return memoryCounters()
	}
	defer f.Close()
	// Read before it is mapped: a disk that can't read it then says so here.
	var b [countersSize]byte
	n, err := f.ReadAt(b[:], 0)
	short := err == io.EOF
	if err != nil && !short || n >= len(countersMagic) && [8]byte(b[:8]) != countersMagic {
		return memoryCounters()
	}
	if short && extend(path) != nil {
		return memoryCounters()
	}
	mem, err := mapFile(f, countersSize)
	if err != nil {
		return memoryCounters()
	}
	c := mappedCounters(id, path, mem)
	if short {
		c.touch(0, func(*atomic.Uint64) { c.page.Load().begin() })
	}
	return c
}

// setFreeing announces that segments which end at or below pos are about to go;
// 0: none.
func (c *Counters) setFreeing(pos uint64) { c.store(freeingOffset, pos) }

// setLimit says what the segments of the service may take, in bytes.
func (c *Counters) setLimit(n int64) {
	c.change(limitOffset, func(w *atomic.Uint64) { w.Store(c.encode(limitOffset, uint64(n))) })
}

// Committed is the position below which every frame is committed.
func (c *Counters) Committed() uint64 { return c.grown(committedOffset) }

// FlushWanted is the position up to which somebody waits for delivery.
func (c *Counters) FlushWanted() uint64 { return c.grown(32) }

// WantFlush asks for delivery up to pos without waiting for batches to fill.
func (c *Counters) WantFlush(pos uint64) { c.raise(32, pos) }

// setText stores a text of at most size bytes, a multiple of 8; what is longer is
// cut. A reader may see a part of the old one beside a part of the new.
func (c *Counters) setText(off, size int, text string) {
	b := make([]byte, size)
	copy(b, text)
	for i := 0; i < size; i += 8 {
		c.change(off+i, func(w *atomic.Uint64) { w.Store(binary.NativeEndian.Uint64(b[i:])) })
	}
}

func (c *Counters) text(off, size int) string {
	b := make([]byte, size)
	for i := 0; i < size; i += 8 {
		c.touch(off+i, func(w *atomic.Uint64) { binary.NativeEndian.PutUint64(b[i:], w.Load()) })
	}
	text, _, _ := bytes.Cut(b, []byte{0})
	return string(text)
}

// Control is the path of the writer's control socket; empty if it has none.
func (c *Counters) Control() string { return c.text(controlOffset, controlSize) }

// SetControl says where it is. One that does not fit is left out: half a path is
// none.
func (c *Counters) SetControl(socket string) {
	if len(socket) <= controlSize {
		c.setText(controlOffset, controlSize, socket)
	}
}

// Slot is one handler's part of the page.
type Slot struct {
	c   *Counters
	off int
}

// Slot is the part of handler bit, 0 to 63.
func (c *Counters) Slot(bit int) Slot { return Slot{c, slotsOffset + slotSize*bit} }

// Delivered is the position below which nothing waits for the handler.
func (s Slot) Delivered() uint64 { return s.c.grown(s.off) }

// SetDelivered says so.
func (s Slot) SetDelivered(pos uint64) { s.c.raise(s.off, pos) }

// FreeBelow is the position below which the handler needs nothing.
func (s Slot) FreeBelow() uint64 { return s.c.grown(s.off + 8) }

// SetFreeBelow says so.
func (s Slot) SetFreeBelow(pos uint64) { s.c.raise(s.off+8, pos) }

// Pin says that what lies in [from, to) must stay until Unpin. Whoever pins must
// then look whether it is still there: who frees announces first and looks at
// the pins then.
func (s Slot) Pin(from, to uint64) {
	s.c.store(s.off+64, to)
	s.c.store(s.off+16, max(from, 1))
}

// Unpin lets go.
func (s Slot) Unpin() { s.c.store(s.off+16, 0) }

func (s Slot) pinned() (from, to uint64) {
	return s.c.load(s.off + 16), s.c.load(s.off + 64)
}

// Letters counts dead letters.
func (s Slot) Letters() uint64 { return s.c.grown(s.off + 24) }

// AddLetters adds n.
func (s Slot) AddLetters(n int) { s.c.add(s.off+24, uint64(n)) }

// Lost tells how many records went before the handler read them, and between
// which positions.
func (s Slot) Lost() (n, first, last uint64) {
	first = s.c.load(s.off + 40)
	if first == 0 {
		first = s.c.known(s.off + 40)
	}
	return s.c.grown(s.off + 32), first, s.c.grown(s.off + 48)
}

func (s Slot) addLost(n, first, last uint64) {
	if n == 0 {
		return
	}
	s.c.lower(s.off+40, first)
	s.c.raise(s.off+48, last)
	s.c.add(s.off+32, n)
}

// raiseLost is addLost with the number of lost records as it is then: it may be done
// twice.
func (s Slot) raiseLost(n, first, last uint64) {
	if n == 0 {
		return
	}
	s.c.lower(s.off+40, first)
	s.c.raise(s.off+48, last)
	s.c.raise(s.off+32, n)
}

// Told is how many of the lost records were told by a record of girok.gap.
func (s Slot) Told() uint64 { return s.c.grown(s.off + 104) }

// SetTold says so.
func (s Slot) SetTold(n uint64) { s.c.raise(s.off+104, n) }

// State of a handler in a run.
type State uint64

// The states.
const (
	Delivering State = iota
	Retrying
	Refused
	Fenced
)

func (s State) String() string {
	return [...]string{"delivering", "retrying", "refused", "fenced"}[min(s, Fenced)]
}

// SetState says how the handler fares, and why, in at most 32 bytes.
func (s Slot) SetState(st State, why string) {
	s.c.setText(s.off+slotTextStart, slotTextSize, why)
	s.c.change(s.off+56, func(w *atomic.Uint64) { w.Store(s.c.encode(s.off+56, uint64(st))) })
}

// State is how the handler fares, and why.
func (s Slot) State() (State, string) {
	why := s.c.text(s.off+slotTextStart, slotTextSize)
	return State(s.c.load(s.off + 56)), why
}

// Retries is how often the deliverer had to try again.
func (s Slot) Retries() uint64 { return s.c.grown(s.retries()) }

// AddRetry counts one.
func (s Slot) AddRetry() { s.c.add(s.retries(), 1) }

func (s Slot) retries() int { return retriesOffset + 8*((s.off-slotsOffset)/slotSize) }

// addLostMask counts one lost record for each handler of a mask.
func (c *Counters) addLostMask(mask, pos uint64) {
	for mask != 0 {
		bit := bits.TrailingZeros64(mask)
		mask &^= 1 << bit
		c.Slot(bit).addLost(1, pos, pos)
	}
}

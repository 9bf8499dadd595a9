// Package queue writes records behind the log call: Python's QueueHandler with its
// listener. The queue is memory: a kill loses what is in it.
package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/girok/girok/record"
)

// DefaultSize is how many records a queue takes that has no size of its own.
const DefaultSize = 65536

// patience is how long Close waits for the handlers.
const patience = 5 * time.Second

// ErrFull says that a record is lost, for the queue is full.
var ErrFull = errors.New("queue: full: the handlers behind it are slower than the program, or the listener is not started")

// Options say what is done with records.
type Options struct {
	Size int // of the queue, in records; 0: DefaultSize
	// Append appends the line of a record, which becomes its message.
	Append func(dst []byte, v *record.View) []byte
	// Told says which attributes are in that line: what is behind the queue does not
	// see the error and the stack as such.
	Told func(key []byte, val *record.Value) bool
	// Shown is how the records behind the queue were shown: see record.View.
	Shown any
	// Targets take the records in order, on the listener's goroutine.
	Targets []func(v *record.View) error
	// Failed is told what goes wrong there.
	Failed func(err error)
}

// Handler is a queue and its listener. It is safe for concurrent use.
type Handler struct {
	o Options

	mu      sync.Mutex
	changed sync.Cond // of all below
	waiting []*record.View
	busy    bool // a record is with the targets
	running bool
	stop    bool          // the listener ends when nothing waits
	ended   chan struct{} // closed when the listener has ended
	closed  bool
}

// New makes a handler whose listener is not started.
func New(o Options) *Handler {
	if o.Size <= 0 {
		o.Size = DefaultSize
	}
	h := &Handler{o: o}
	h.changed.L = &h.mu
	return h
}

// Handle puts the record into the queue. It never waits.
func (h *Handler) Handle(v *record.View) error {
	c := v.CloneWith(h.o.Append(nil, v), h.o.Told)
	c.Show(h.o.Shown)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return errors.New("queue: closed")
	}
	if len(h.waiting) >= h.o.Size {
		return ErrFull
	}
	h.waiting = append(h.waiting, c)
	h.changed.Broadcast()
	return nil
}

// Start starts the listener, unless it runs.
func (h *Handler) Start() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.running || h.closed {
		return
	}
	h.running, h.stop, h.ended = true, false, make(chan struct{})
	go h.listen(h.ended)
}

func (h *Handler) listen(ended chan struct{}) {
	defer close(ended)
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		for len(h.waiting) == 0 {
			if h.stop {
				h.running = false
				return
			}
			h.changed.Wait()
		}
		v := h.waiting[0]
		h.waiting[0] = nil
		h.waiting = h.waiting[1:]
		h.busy = true
		h.mu.Unlock()
		for _, t := range h.o.Targets {
			if err := t(v); err != nil {
				h.o.Failed(err)
			}
		}
		h.mu.Lock()
		h.busy = false
		h.changed.Broadcast()
	}
}

// Stop ends the listener when all that waits is written. Records that come later
// wait for another start.
func (h *Handler) Stop() { _ = h.halt(context.Background()) }

func (h *Handler) halt(ctx context.Context) error {
	h.mu.Lock()
	if !h.running {
		h.mu.Unlock()
		return nil
	}
	h.stop = true
	h.changed.Broadcast()
	ended := h.ended
	h.mu.Unlock()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Flush waits until what is in the queue is written. Without a listener it
// returns at once.
func (h *Handler) Flush(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.changed.Broadcast()
	})()
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.running && (len(h.waiting) > 0 || h.busy) && ctx.Err() == nil {
		h.changed.Wait()
	}
	return ctx.Err()
}

// Waiting is how many records are in the queue.
func (h *Handler) Waiting() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.waiting)
}

// Retire writes what waits when another handler has taken the place of this one.
// Calls that were under way still find it.
func (h *Handler) Retire() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return h.Flush(ctx)
}

// Close writes what waits, for 5 s at most if a handler hangs. What is left then,
// or waits for a listener that was stopped, is lost, and the error counts it.
func (h *Handler) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	_ = h.halt(ctx) // what is left tells
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.waiting)
	h.waiting = nil
	if n > 0 {
		return fmt.Errorf("queue: %d records were lost: no listener was running, or its handlers did not take them in %v", n, patience)
	}
	return nil
}

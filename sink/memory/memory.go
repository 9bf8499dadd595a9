// Package memory holds records back until one of them is bad enough, or there are
// enough of them: Python's MemoryHandler.
package memory

import (
	"errors"
	"sync"

	"github.com/girok/girok/record"
)

// Options say when records are passed on, and to whom.
type Options struct {
	Capacity   int          // pass on when so many are held
	FlushLevel record.Level // or one of this level or above comes
	// Target takes the records, in order. Its errors are those of the record that
	// made them be passed on.
	Target func(v *record.View) error
	// DropOnClose: what is held when the handler is closed is not passed on.
	DropOnClose bool
}

// Handler holds records. It is safe for concurrent use.
type Handler struct {
	o Options

	mu     sync.Mutex
	held   []*record.View
	closed bool // what comes now is passed on at once
}

// New makes a handler.
func New(o Options) *Handler { return &Handler{o: o} }

// Handle holds a copy of the record, or passes all on.
func (h *Handler) Handle(v *record.View) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return h.o.Target(v)
	}
	h.held = append(h.held, v.Hold())
	if len(h.held) < h.o.Capacity && v.Level < h.o.FlushLevel {
		return nil
	}
	return h.flush()
}

// Flush passes on what is held.
func (h *Handler) Flush() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.flush()
}

func (h *Handler) flush() error {
	var errs []error
	for i, v := range h.held {
		if err := h.o.Target(v); err != nil {
			errs = append(errs, err)
		}
		h.held[i] = nil
	}
	h.held = h.held[:0]
	return errors.Join(errs...)
}

// Held is how many records are held.
func (h *Handler) Held() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.held)
}

// Retire passes on what is held when another handler has taken the place of this
// one, and then what calls that were under way bring.
func (h *Handler) Retire() error { return h.Close() }

// Close passes on what is held, unless that is to be dropped, and then whatever
// comes.
func (h *Handler) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	if h.o.DropOnClose {
		h.held = nil
	}
	return h.flush()
}

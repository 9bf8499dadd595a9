// Package console writes records to a stream, usually standard output or
// standard error, one write a record, in the log call.
package console

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/girok/girok/format"
	"github.com/girok/girok/record"
)

// patience is how long a write waits for a stream that takes nothing now, and
// dropAfter how long the first one that a dropping handler drops.
const (
	patience  = time.Second
	dropAfter = 100 * time.Millisecond
)

// maxKept is the largest buffer that is kept for the next record, in bytes.
const maxKept = 64 << 10

var (
	errPanicked = errors.New("console: the writer panicked")
	errLength   = errors.New("console: the writer returned an impossible length")
)

// Handler writes records to a stream. It is safe for concurrent use; records do
// not mix.
type Handler struct {
	format  format.Formatter
	calls   callFormatter // format, if it is one
	written atomic.Uint64
	failed  atomic.Uint64
	dropped atomic.Uint64
	drops   bool // what the stream does not take is dropped

	mu     sync.Mutex
	out    io.Writer
	end    string
	buf    []byte
	torn   bool   // the last line was not written whole
	stuck  bool   // the stream took nothing the last time
	missed uint64 // records that were dropped since it did
}

// New makes a handler that writes to out, which it never closes. For the
// standard streams give Stdout() or Stderr().
func New(out io.Writer, f format.Formatter) *Handler {
	return NewEnding(out, f, "\n")
}

// NewEnding is New with another text than a line break at the end of each line.
func NewEnding(out io.Writer, f format.Formatter, end string) *Handler {
	h := &Handler{format: f, out: out, end: end}
	h.calls, _ = f.(callFormatter)
	return h
}

// callFormatter is a formatter that can do without a view.
type callFormatter interface {
	AppendCall(dst []byte, c *record.Call) (_ []byte, ok bool)
}

// NewDropping is NewEnding for a handler that never makes a log call wait for longer
// than a tenth of a second, and that only once: while the stream takes nothing,
// records are dropped and counted, and told in the stream itself when it moves again.
func NewDropping(out io.Writer, f format.Formatter, end string) *Handler {
	h := NewEnding(ownPatient(out), f, end)
	h.drops = true
	return h
}

// Stdout is what os.Stdout is now, written in a way that can't end the program.
func Stdout() io.Writer { return stream(os.Stdout) }

// Stderr is what os.Stderr is now, written in a way that can't end the program.
func Stderr() io.Writer { return stream(os.Stderr) }

// NeedsCaller reports whether lines show where the call stands in the code.
func (h *Handler) NeedsCaller() bool { return h.format.NeedsCaller() }

// Written is how many records were written whole.
func (h *Handler) Written() uint64 { return h.written.Load() }

// Failed is how many records could not be written whole, dropped ones among them.
func (h *Handler) Failed() uint64 { return h.failed.Load() }

// Dropped is how many records were dropped because the stream took nothing.
func (h *Handler) Dropped() uint64 { return h.dropped.Load() }

// Handle writes one record. A stream that takes nothing for a second, or has
// nobody who reads it, is an error; the next record tries again.
func (h *Handler) Handle(v *record.View) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.buf = append(h.format.Append(h.first(), v), h.end...)
	return h.emit(h.buf)
}

// HandleCall writes one call that is not encoded. ok is false, and nothing is
// written, when its format needs a view.
func (h *Handler) HandleCall(c *record.Call) (ok bool, err error) {
	if h.calls == nil {
		return false, nil
	}
	line, ok := h.calls.AppendCall(c.Line[:0], c) // before the lock: values may log themselves
	if !ok {
		return false, nil
	}
	line = append(line, h.end...)
	c.Line = line
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.torn || h.missed > 0 {
		h.buf = append(h.first(), line...)
		line = h.buf
	}
	return true, h.emit(line)
}

// first is what the stream needs before the next line. The caller holds mu.
func (h *Handler) first() []byte {
	dst := h.buf[:0]
	if h.torn {
		dst = append(dst, '\n')
	}
	if h.missed > 0 {
		dst = h.appendGap(dst)
	}
	return dst
}

// emit writes a line that has its end. The caller holds mu.
func (h *Handler) emit(line []byte) error {
	err := h.write(line)
	if cap(h.buf) > maxKept {
		h.buf = nil
	}
	h.stuck = errors.Is(err, syscall.EAGAIN)
	switch {
	case err == nil:
		h.missed = 0
		h.written.Add(1)
		return nil
	case h.drops && h.stuck:
		h.missed++
		h.dropped.Add(1)
		err = nil
	}
	h.failed.Add(1)
	return err
}

// appendGap appends a line that tells of what was dropped, as a record of the logger
// girok.gap.
func (h *Handler) appendGap(dst []byte) []byte {
	e := record.NewEncoder(nil)
	defer e.Release()
	e.Begin(&record.Header{Level: record.Warning, Time: time.Now(), Logger: "girok.gap", Message: "records were dropped: the stream took nothing"})
	e.Attr(slog.Uint64("records", h.missed))
	e.Finish()
	if v := e.View(); v != nil {
		dst = append(h.format.Append(dst, v), h.end...)
	}
	return dst
}

func (h *Handler) write(b []byte) (err error) {
	if h.out == nil {
		return os.ErrClosed
	}
	defer func() {
		if p := recover(); p != nil { // of a writer that the application gave
			err = errPanicked
		}
	}()
	var deadline time.Time
	for {
		n, err := h.out.Write(b)
		if n < 0 || n > len(b) {
			return errLength
		}
		if n > 0 {
			h.torn = n < len(b) && b[n-1] != '\n'
		}
		b = b[n:]
		switch {
		case len(b) == 0:
			return nil
		case err == nil:
			return io.ErrShortWrite
		case errors.Is(err, syscall.EINTR):
			continue
		case !errors.Is(err, syscall.EAGAIN):
			return err
		case h.drops && h.stuck:
			return err // the one before has waited
		case deadline.IsZero():
			deadline = time.Now().Add(h.patience())
		case time.Now().After(deadline):
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

func (h *Handler) patience() time.Duration {
	if h.drops {
		return dropAfter
	}
	return patience
}

// Close ends the handler; the stream stays open. Records that come later are
// errors.
func (h *Handler) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.missed > 0 {
		_ = h.write(h.appendGap(nil)) // a stream that is still stuck can't be told
		h.missed = 0
	}
	if own, ok := h.out.(interface{ release() error }); ok {
		_ = own.release() // the stream itself stays open
	}
	h.out = nil
	return nil
}

// Package console writes records to a stream, usually standard output or
// standard error, one write a record, in the log call.
package console

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/girok/girok/format"
	"github.com/girok/girok/record"
)

// patience is how long a write waits for a stream that takes nothing now.
const patience = time.Second

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
	written atomic.Uint64
	failed  atomic.Uint64

	mu   sync.Mutex
	out  io.Writer
	end  string
	buf  []byte
	torn bool // the last line was not written whole
}

// New makes a handler that writes to out, which it never closes. For the
// standard streams give Stdout() or Stderr().
func New(out io.Writer, f format.Formatter) *Handler {
	return NewEnding(out, f, "\n")
}

// NewEnding is New with another text than a line break at the end of each line.
func NewEnding(out io.Writer, f format.Formatter, end string) *Handler {
	return &Handler{format: f, out: out, end: end}
}

// Stdout is what os.Stdout is now, written in a way that can't end the program.
func Stdout() io.Writer { return stream(os.Stdout) }

// Stderr is what os.Stderr is now, written in a way that can't end the program.
func Stderr() io.Writer { return stream(os.Stderr) }

// NeedsCaller reports whether lines show where the call stands in the code.
func (h *Handler) NeedsCaller() bool { return h.format.NeedsCaller() }

// Written is how many records were written whole.
func (h *Handler) Written() uint64 { return h.written.Load() }

// Failed is how many records could not be written whole.
func (h *Handler) Failed() uint64 { return h.failed.Load() }

// Handle writes one record. A stream that takes nothing for a second, or has
// nobody who reads it, is an error; the next record tries again.
func (h *Handler) Handle(v *record.View) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.buf = h.buf[:0]
	if h.torn {
		h.buf = append(h.buf, '\n')
	}
	h.buf = append(h.format.Append(h.buf, v), h.end...)
	err := h.write(h.buf)
	if cap(h.buf) > maxKept {
		h.buf = nil
	}
	if err != nil {
		h.failed.Add(1)
	} else {
		h.written.Add(1)
	}
	return err
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
		case deadline.IsZero():
			deadline = time.Now().Add(patience)
		case time.Now().After(deadline):
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// Close ends the handler; the stream stays open. Records that come later are
// errors.
func (h *Handler) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.out = nil
	return nil
}

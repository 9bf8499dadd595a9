// Package file writes records to a file, one write a record, in the log call.
package file

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/girok/girok/format"
	"github.com/girok/girok/record"
)

// Options say where and how a file is written.
type Options struct {
	Path     string
	Format   format.Formatter
	Truncate bool // Python's mode w: the first opening empties the file
	New      bool // Python's mode x: a file that is there already is an error
	NoMkdir  bool // as in Python, a folder that is missing is an error; else it is made
	// End ends each line; "\n" unless HasEnd is true.
	End      string
	HasEnd   bool
	Encoding *Encoding // nil: UTF-8

	shared func(pid int) // of a file that is put aside: see Care
}

// Handler writes records to a file, each with one write at the end of it. It is
// safe for concurrent use, and lines of several processes do not mix either.
//
// What Handle has returned from is with the operating system: it survives the
// end of the program by any means, not a power cut.
type Handler struct {
	o       Options
	calls   callFormatter // o.Format, if it is one
	out     output
	ready   atomic.Bool // the file is open and its last line whole: the fast way
	written atomic.Uint64
	failed  atomic.Uint64
	opens   atomic.Uint64 // how often a file was opened, or closed

	mu     sync.Mutex // of all that is not the fast way
	opened bool
	begun  bool // it was opened once: what is in the file stays
	torn   bool // the file ends in the middle of a line
	mark   bool // it is empty, and begins with the mark of its encoding
	closed bool
	told   bool // that others have the file
	late   bool // closed, but a call that was under way may still come
}

// New makes a handler. It touches nothing; the file is opened by Open, or else
// by the first record (Python's delay).
func New(o Options) *Handler {
	h := &Handler{}
	h.init(o)
	return h
}

func (h *Handler) init(o Options) {
	if !o.HasEnd {
		o.End = "\n"
	}
	if abs, err := filepath.Abs(o.Path); err == nil {
		o.Path = abs // the program may go to another folder
	}
	h.o = o
	h.calls, _ = o.Format.(callFormatter)
}

// callFormatter is a formatter that can do without a view.
type callFormatter interface {
	AppendCall(dst []byte, c *record.Call) (_ []byte, ok bool)
}

// Open opens the file now, and makes it and its folder if need be. After an
// error the handler is still good: each record tries again.
func (h *Handler) Open() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.open()
}

// Reopen opens the path anew, after another program has moved the file away
// (logrotate). Records written at the same time go to one of the two files.
// After an error the old file stays in use.
func (h *Handler) Reopen() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reopen()
}

func (h *Handler) reopen() error {
	if !h.opened || h.closed {
		return h.open()
	}
	return h.openAs(appending)
}

// NeedsCaller reports whether lines show where the call stands in the code.
func (h *Handler) NeedsCaller() bool { return h.o.Format.NeedsCaller() }

// Written is how many records were written whole.
func (h *Handler) Written() uint64 { return h.written.Load() }

// Failed is how many records could not be written whole.
func (h *Handler) Failed() uint64 { return h.failed.Load() }

// maxKept is the largest buffer that is kept for the next record, in bytes.
const maxKept = 64 << 10

var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, 1024)
	return &b
}}

// Handle writes one record. An error means that the record is not in the file,
// or only the beginning of its line; the next line begins on a line of its own.
func (h *Handler) Handle(v *record.View) error {
	buf := buffers.Get().(*[]byte)
	line, err := h.emit(h.o.Format.Append((*buf)[:0], v))
	keep(buf, line)
	return err
}

// keep gives a line's memory to another record.
func keep(buf *[]byte, line []byte) {
	if cap(line) <= maxKept {
		*buf = line
		buffers.Put(buf)
	}
}

// HandleCall writes one call that is not encoded. ok is false, and nothing is
// written, when its format needs a view.
func (h *Handler) HandleCall(c *record.Call) (ok bool, err error) {
	if h.calls == nil {
		return false, nil
	}
	line, ok := h.calls.AppendCall(c.Line[:0], c)
	switch {
	case !ok:
		return false, nil
	case h.quick():
		line = append(line, h.o.End...)
		if n, e := h.out.put(line); e == 0 && int(n) == len(line) {
			h.written.Add(1)
		} else {
			err = h.goOn(line, n, e)
		}
		c.Line = line
	default:
		c.Line, err = h.emit(line)
	}
	return true, err
}

// quick reports whether a line may be written by put alone.
func (h *Handler) quick() bool { return h.ready.Load() && h.o.Encoding == nil && h.out.quick() }

// goOn writes what put did not.
func (h *Handler) goOn(line []byte, n uintptr, e syscall.Errno) error {
	if e != 0 {
		n = 0
	}
	err := h.slow(line, int(n), nil) // which meets the error again, if it is one
	if err == nil {
		h.written.Add(1)
	}
	return err
}

// emit ends and encodes a line and writes it. It returns the memory of the line.
func (h *Handler) emit(line []byte) ([]byte, error) {
	line = append(line, h.o.End...)
	return line, h.write(line)
}

func (h *Handler) write(line []byte) (err error) {
	if h.o.Encoding != nil {
		if line, err = h.o.Encoding.Line(nil, line); err != nil {
			h.failed.Add(1)
			_ = h.Open() // as in Python, the file is made even so
			return err
		}
	}
	n := 0
	if h.ready.Load() {
		n, err = h.out.write(line)
	}
	if n < len(line) {
		err = h.slow(line, n, err)
	}
	if err == nil {
		h.written.Add(1)
	}
	return err
}

// slow writes a line of which n bytes are in the file, one at a time: at the
// first record, after an error, after a short write.
func (h *Handler) slow(line []byte, n int, err error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n > 0 && !h.closed {
		h.setTorn(true)
	}
	if h.late {
		defer h.shut()
	}
	if err == nil || h.closed || h.late {
		err = h.finish(line, n)
	} else {
		err = h.fail(err)
	}
	if err != nil {
		h.failed.Add(1)
	}
	return err
}

// finish writes what a line still lacks.
func (h *Handler) finish(line []byte, n int) error {
	if err := h.open(); err != nil {
		return err
	}
	if first := h.first(); n == 0 && first != "" {
		// One write, so that no other line gets in between.
		whole := make([]byte, 0, len(first)+len(line))
		line = append(append(whole, first...), line...)
	}
	for n < len(line) {
		m, err := h.out.write(line[n:])
		n += m
		if m > 0 {
			h.mark = false
			h.setTorn(n < len(line) && line[n-1] != '\n')
		}
		if err != nil {
			return h.fail(err)
		}
		if m == 0 {
			return h.fail(io.ErrShortWrite)
		}
	}
	return nil
}

// first is what the file needs before the next line.
func (h *Handler) first() string {
	switch {
	case h.mark:
		return h.o.Encoding.mark()
	case h.torn:
		return "\n"
	}
	return ""
}

// setTorn notes whether the file ends in the middle of a line.
func (h *Handler) setTorn(torn bool) {
	h.torn = torn
	h.ready.Store(h.first() == "")
}

func (h *Handler) fail(err error) error {
	return &fs.PathError{Op: "write", Path: h.o.Path, Err: err}
}

// open makes the handler ready, unless it is.
func (h *Handler) open() error {
	if h.closed {
		return h.fail(os.ErrClosed)
	}
	if h.opened {
		return nil
	}
	how := appending
	switch {
	case h.begun:
	case h.o.New:
		how = making
	case h.o.Truncate:
		how = truncating
	}
	return h.openAs(how)
}

// how says what opening does with a file that is there.
type how int

const (
	appending how = iota
	truncating
	making // it is an error
)

// openAs opens the path, also in the place of what is open.
func (h *Handler) openAs(how how) error {
	if err := h.mkdir(); err != nil {
		return err
	}
	torn := how != truncating && strings.HasSuffix(h.o.End, "\n") && endsTorn(h.o.Path)
	if err := h.out.open(h.o.Path, how); err != nil {
		return err
	}
	h.opened, h.begun, h.mark = true, true, false
	h.opens.Add(1)
	if h.o.Encoding.mark() != "" {
		size, _, err := h.out.stat()
		h.mark = err == nil && size == 0
	}
	h.setTorn(torn)
	if h.o.shared != nil {
		if pid := h.out.claim(); pid != 0 {
			h.tellShared(pid)
		}
	}
	return nil
}

// endsTorn reports whether a file ends in the middle of a line, as a full disk
// or a power cut leaves it.
func endsTorn(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	last := []byte{'\n'}
	_, err = f.ReadAt(last, info.Size()-1)
	return err == nil && last[0] != '\n'
}

func (h *Handler) mkdir() error {
	if h.o.NoMkdir {
		return nil
	}
	return os.MkdirAll(filepath.Dir(h.o.Path), 0o755)
}

// Retire closes the file when another handler has taken the place of this one. A
// call that was under way then opens it for its record once more.
func (h *Handler) Retire() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.late {
		return nil
	}
	h.late = true
	return h.shut()
}

// shut closes what is open, so that the next record opens it.
func (h *Handler) shut() error {
	h.ready.Store(false)
	h.opens.Add(1)
	if !h.opened {
		return nil
	}
	h.opened = false
	return h.out.close()
}

// Close closes the file. Records that come later are errors.
func (h *Handler) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil
	}
	h.closed = true
	h.ready.Store(false)
	if !h.opened {
		return nil
	}
	return h.out.close()
}

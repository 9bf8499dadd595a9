package file

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/girok/girok/record"
)

// Rotating is Python's RotatingFileHandler: before a record would make the file
// MaxBytes long or longer, the file is called .1, what was .1 is called .2, and so
// on up to Backups, and a new one is begun. Without Backups the file only grows.
//
// Python counts the bytes of the file and the characters of the line, which is
// followed by a line end whatever ends it really; and an empty file is put aside
// when the first line alone is too long.
type Rotating struct {
	Handler
	size RotatingOptions

	turning sync.Mutex // nobody else writes between the look at the length and the write
	known   length
	carer   carer
}

// RotatingOptions say when and how a file is put aside.
type RotatingOptions struct {
	MaxBytes int64 // 0: never
	Backups  int
	Care     Care
}

// NewRotating makes a handler. It touches nothing.
func NewRotating(o Options, size RotatingOptions) *Rotating {
	if size.MaxBytes > 0 {
		o.Truncate, o.New = false, false // as in Python: it would make no sense
	}
	r := &Rotating{size: size}
	o.shared = size.Care.Shared
	r.init(o)
	r.carer = newCarer(size.Care, &r.Handler, r.asides)
	return r
}

// Open opens the file now, and finishes what a kill has left of older ones.
func (r *Rotating) Open() error {
	err := r.Handler.Open()
	r.carer.start()
	return err
}

// Retire is Handler's.
func (r *Rotating) Retire() error {
	r.carer.stop()
	return r.Handler.Retire()
}

// Close is Handler's.
func (r *Rotating) Close() error {
	r.carer.stop()
	return r.Handler.Close()
}

func (r *Rotating) asides() (paths []string) {
	for i := range r.size.Backups {
		paths = append(paths, r.aside(i+1))
	}
	return paths
}

// aside is the name of the file that was put aside i times.
func (r *Rotating) aside(i int) string { return fmt.Sprintf("%s.%d", r.o.Path, i) }

// Handle writes one record. When the file can't be put aside, the record is
// written all the same, and the error tells why.
func (r *Rotating) Handle(v *record.View) error {
	buf := buffers.Get().(*[]byte)
	line, err := r.rotated(r.o.Format.Append((*buf)[:0], v))
	keep(buf, line)
	return err
}

// HandleCall is Handle for a call that is not encoded.
func (r *Rotating) HandleCall(c *record.Call) (ok bool, err error) {
	if r.calls == nil || r.grows() {
		return r.Handler.HandleCall(c)
	}
	line, ok := r.calls.AppendCall(c.Line[:0], c)
	if !ok {
		return false, nil
	}
	r.turning.Lock()
	if r.quick() && r.fits(len(line)) {
		line = append(line, r.o.End...)
		if n, e := r.out.put(line); e == 0 && int(n) == len(line) {
			r.written.Add(1)
		} else {
			err = r.goOn(line, n, e)
		}
		r.wrote(len(line), err)
	} else {
		line, err = r.emitInRoom(line)
	}
	r.turning.Unlock()
	c.Line = line
	return true, err
}

// grows reports whether the file is never put aside.
func (r *Rotating) grows() bool { return r.size.MaxBytes <= 0 || r.size.Backups <= 0 }

// rotated is emit behind the look at the length.
func (r *Rotating) rotated(text []byte) ([]byte, error) {
	if r.grows() {
		return r.emit(text)
	}
	r.turning.Lock()
	defer r.turning.Unlock()
	return r.emitInRoom(text)
}

// emitInRoom is rotated for a caller that holds turning.
func (r *Rotating) emitInRoom(text []byte) ([]byte, error) {
	n := len(text)
	var full error
	if !r.fits(n) {
		full = r.makeRoom(utf8.RuneCount(text) + 1)
	}
	line, err := r.emit(text)
	r.wrote(n+len(r.o.End), err)
	if err != nil {
		return line, err
	}
	return line, full
}

// fits reports whether a line of at most n characters has room for sure. The caller
// holds turning.
func (r *Rotating) fits(n int) bool {
	l, chars := &r.known, int64(n)+1
	return l.opens == r.opens.Load() && l.fresh > chars && l.bytes+chars < r.size.MaxBytes
}

// wrote notes that n bytes are in the file, or that nobody knows. The caller holds
// turning.
func (r *Rotating) wrote(n int, err error) {
	if err != nil {
		r.known = length{}
		return
	}
	r.known.bytes += int64(n)
	r.known.fresh -= int64(n)
}

// length is how long a file is, as far as this process knows. The zero length is not
// known.
type length struct {
	bytes int64
	fresh int64  // bytes that may be written before the file is asked again: others may write too
	opens uint64 // the file is that of this opening
}

// makeRoom puts the file aside if it is full.
func (r *Rotating) makeRoom(chars int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.late {
		return nil
	}
	if err := r.open(); err != nil {
		return nil // the write will tell
	}
	for range 2 { // another process may have begun the next file, and filled it
		size, _, err := r.out.stat()
		if err != nil {
			return nil
		}
		if size+int64(chars) < r.size.MaxBytes {
			r.learn(size)
			return nil
		}
		if !r.regular() {
			return nil
		}
		if renamed, err := r.turn(r.shift); renamed || err != nil {
			if err == nil {
				r.learn(0)
			}
			r.carer.start()
			return unturned(err)
		}
	}
	return nil
}

// learn notes how long the file is.
func (r *Rotating) learn(size int64) {
	const most = 64 << 10
	r.known = length{}
	if r.o.Encoding == nil && !r.told { // else it is asked each time
		r.known = length{bytes: size, fresh: min(most, r.size.MaxBytes/16), opens: r.opens.Load()}
	}
}

// shift gives each backup the next number.
func (r *Rotating) shift() error {
	for i := r.size.Backups - 1; i > 0; i-- {
		if r.carer.care.Packing != nil {
			if err := r.shiftPacked(i); err != nil {
				return err
			}
		}
		if err := replace(r.aside(i), r.aside(i+1)); err != nil {
			return err
		}
	}
	if r.carer.care.Packing != nil {
		for _, suffix := range suffixes { // left where there is one backup
			if err := remove(r.aside(1) + suffix); err != nil {
				return err
			}
		}
	}
	return replace(r.o.Path, r.aside(1))
}

// shiftPacked gives a compressed backup the next number. A number has a file or its
// copy; both only after a kill, and then the file is the one that is whole.
func (r *Rotating) shiftPacked(i int) error {
	from, to := r.aside(i), r.aside(i+1)
	packed := slices.DeleteFunc(slices.Clone(suffixes), func(suffix string) bool { return !exists(from + suffix) })
	if !exists(from) && len(packed) == 0 {
		return nil
	}
	err := remove(to)
	for _, suffix := range suffixes {
		err = errors.Join(err, remove(to+suffix))
	}
	for _, suffix := range packed {
		if err == nil {
			err = replace(from+suffix, to+suffix)
		}
	}
	return err
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/girok/girok/sink"
)

// owned is a file that this process appends to and no other: it holds a lock on
// it. Sinks share it: those of a handler's runs with other keys, or of a handler
// that has another name by now. Between Prepare and the end of Write one of them
// has it for itself.
type owned struct {
	path  string
	users int // guarded by files.mu

	mu   sync.Mutex
	busy *Spooled // whose batch is under way

	// The rest belongs to who has it.
	f     *os.File // nil: not open
	inode uint64
	began int64 // when the file was begun, seconds since 1970
	end   int64 // its length after the last write; -1: not known
	tidy  tidier
}

// files is what this process owns, by path.
var files = struct {
	mu   sync.Mutex
	open map[string]*owned
}{open: map[string]*owned{}}

// own takes a file for a sink; it is opened with the first batch.
func own(path string) *owned {
	files.mu.Lock()
	defer files.mu.Unlock()
	o := files.open[path]
	if o == nil {
		o = &owned{path: path, end: -1}
		files.open[path] = o
	}
	o.users++
	return o
}

// release lets the file go when nobody needs it any more.
func (o *owned) release(s *Spooled) error {
	o.mu.Lock()
	if o.busy == s {
		o.busy = nil
		o.end = -1 // it may be in the middle of a batch
	}
	o.mu.Unlock()
	files.mu.Lock()
	defer files.mu.Unlock()
	if o.users--; o.users > 0 {
		return nil
	}
	delete(files.open, o.path)
	o.tidy.stop()
	return o.close()
}

// take gives the file to a sink until its batch is done.
func (o *owned) take(s *Spooled) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.busy != nil && o.busy != s {
		return &sink.Retry{Err: fmt.Errorf("%s: another batch is under way", o.path)}
	}
	o.busy = s
	return nil
}

// done says that the batch is in.
func (o *owned) done(s *Spooled) {
	if size, err := o.size(); err == nil {
		o.end = size
	}
	o.tidy.start(o.path, s.config.Rotate, s.packing, s.env.Log)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.busy = nil
}

// open makes f the file at the path: the one that is open, if it is still there,
// or another. before is the mark of the last batch.
func (o *owned) open(s *Spooled, before mark) error {
	at, err := os.Stat(o.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if o.f != nil && err == nil && inodeOf(at) == o.inode {
		return nil
	}
	fresh := err != nil
	if fresh {
		if err := os.MkdirAll(filepath.Dir(o.path), 0o755); err != nil {
			return err
		}
	}
	if err := o.use(o.path, before); err != nil {
		return err
	}
	if !fresh && before.Inode != 0 && before.Inode != o.inode {
		s.env.Log.Info("another file is in the place of the one that was written: going on at its end", "file", o.path)
	}
	if fresh {
		return s.syncDir()
	}
	return nil
}

// use opens a file, which is made if it is not there, and takes its lock.
func (o *owned) use(path string, before mark) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = &sink.Refused{Err: fmt.Errorf("%s is not a file", path), Remedy: "a spooled handler needs a file that it can read again; for a pipe or a device leave `spooled` out"}
	}
	if err == nil {
		err = lock(f)
	}
	if err != nil {
		f.Close()
		return err
	}
	err = o.close()
	o.f, o.inode, o.end = f, inodeOf(st), -1
	switch {
	case before.Inode == o.inode && before.Began != 0:
		o.began = before.Began
	case st.Size() > 0:
		o.began = st.ModTime().Unix()
	default:
		o.began = time.Now().Unix()
	}
	return err
}

func (o *owned) close() error {
	if o.f == nil {
		return nil
	}
	f := o.f
	o.f = nil
	return f.Close()
}

func (o *owned) size() (int64, error) {
	st, err := o.f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// torn reports whether the file ends in the middle of a line.
func (o *owned) torn(size int64) (bool, error) {
	if size == 0 || size == o.end {
		return false, nil
	}
	var b [1]byte
	if _, err := o.f.ReadAt(b[:], size-1); err != nil && err != io.EOF {
		return false, err
	}
	return b[0] != '\n', nil
}

// append writes at the end of the file and returns how much is in it.
func (o *owned) append(b []byte) (int, error) {
	o.end = -1
	return o.f.Write(b)
}

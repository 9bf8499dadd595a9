//go:build !linux

package file

import (
	"errors"
	"os"
	"sync/atomic"
)

// output is an *os.File that can be exchanged while others write.
type output struct {
	file atomic.Pointer[os.File]
}

// open opens path for appending in the place of what was open. No other open or
// close is under way.
func (o *output) open(path string, truncate bool) error {
	flags := os.O_WRONLY | os.O_APPEND | os.O_CREATE
	if truncate {
		flags |= os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return err
	}
	if old := o.file.Swap(f); old != nil {
		return old.Close()
	}
	return nil
}

// write appends b and returns how much of it is in the file. It may be called
// at the same time as open and close, once the first open has returned.
func (o *output) write(b []byte) (int, error) {
	for {
		f := o.file.Load()
		n, err := f.Write(b)
		if n == 0 && errors.Is(err, os.ErrClosed) && f != o.file.Load() {
			continue
		}
		return max(n, 0), err
	}
}

func (o *output) close() error { return o.file.Load().Close() }

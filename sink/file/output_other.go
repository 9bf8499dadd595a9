//go:build !linux

package file

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
)

// output is an *os.File that can be exchanged while others write.
type output struct {
	file atomic.Pointer[os.File]
}

// open opens path for appending in the place of what was open. No other open or
// close is under way.
func (o *output) open(path string, how how) error {
	flags := os.O_WRONLY | os.O_APPEND | os.O_CREATE
	switch how {
	case truncating:
		flags |= os.O_TRUNC
	case making:
		flags |= os.O_EXCL
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

// quick: there is no put here.
func (o *output) quick() bool { return false }

func (o *output) put([]byte) (n uintptr, err syscall.Errno) { return 0, syscall.EINVAL }

func (o *output) close() error { return o.file.Load().Close() }

// stat is the length of the file that is open, and which it is.
func (o *output) stat() (size int64, id identity, err error) {
	info, err := o.file.Load().Stat()
	if err != nil {
		return 0, id, err
	}
	return info.Size(), identity{inode: inodeOf(info)}, nil
}

// at tells which file a path leads to.
func at(path string) (identity, error) {
	info, err := os.Stat(path)
	if err != nil {
		return identity{}, err
	}
	return identity{inode: inodeOf(info)}, nil
}

// lock does nothing where there is no lock that ends with its process.
func (o *output) lock() bool { return true }

func (o *output) unlock() {}

// claim finds nobody: others are noticed when they put the file aside.
func (o *output) claim() (pid int) { return 0 }

func claimed(*os.File) bool { return false }

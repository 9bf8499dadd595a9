//go:build unix

package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/girok/girok/sink"
)

// inodeOf is the number of a file on its disk: it stays when the file is renamed.
func inodeOf(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Ino)
	}
	return 0
}

// linked reports whether a file still has a name.
func linked(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return !ok || st.Nlink > 0
}

// lock takes the lock of a file until it is closed.
func lock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EWOULDBLOCK):
			return &sink.Refused{
				Err:    fmt.Errorf("another process has a lock on %s", f.Name()),
				Remedy: "give each service a file of its own, or end the other one (lslocks names it)",
			}
		case err != unix.EINTR:
			return &fs.PathError{Op: "lock", Path: f.Name(), Err: err}
		}
	}
}

// closeToRename: a file that is open can be renamed.
const closeToRename = false

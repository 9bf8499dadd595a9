//go:build unix

package console

import (
	"io"
	"os"
	"syscall"
)

// descriptor writes to file descriptor 1 or 2. Through *os.File, Go ends the
// program with SIGPIPE when nobody reads these two any more; a log call must
// not.
type descriptor struct {
	file *os.File // keeps it open
	fd   int
}

func (d descriptor) of() *os.File { return d.file }

func (d descriptor) Write(b []byte) (int, error) {
	n, err := syscall.Write(d.fd, b)
	return max(n, 0), err
}

func stream(f *os.File) io.Writer {
	if f == nil {
		return io.Discard
	}
	fd := fdOf(f) // of a closed file none: then writes will tell
	if fd != 1 && fd != 2 {
		return f
	}
	return descriptor{f, fd}
}

//go:build unix

package console

import (
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Patient is a stream that Stdout or Stderr returned, in a way that hardly ever waits:
// when nobody takes what is written, Write says EAGAIN. (It asks before it writes, and
// somebody else may write in between.)
func Patient(out io.Writer) io.Writer {
	f, mode := fileBehind(out)
	switch {
	case f == nil || mode.IsRegular():
		return out
	case mode&os.ModeSocket != 0:
		return &patient{file: f, fd: fdOf(f), write: dontWait}
	}
	return &patient{file: f, fd: fdOf(f)}
}

// ownPatient is Patient for a stream that is opened once more, where that can be
// done, so that it never waits. Others that have the stream notice nothing, but that
// it stays open until Close.
func ownPatient(out io.Writer) io.Writer {
	if f, mode := fileBehind(out); f != nil && mode&(os.ModeNamedPipe|os.ModeCharDevice) != 0 {
		if own, err := openAgain(fdOf(f)); err == nil {
			return own
		}
	}
	return Patient(out)
}

// fileBehind is the open file of a stream; nil if there is none.
func fileBehind(out io.Writer) (*os.File, os.FileMode) {
	f, ok := out.(*os.File)
	if d, isStream := out.(descriptor); isStream {
		f, ok = d.file, true
	}
	if !ok || fdOf(f) < 0 {
		return nil, 0
	}
	st, err := f.Stat()
	if err != nil {
		return nil, 0
	}
	return f, st.Mode()
}

// patient writes to a stream that it can't have for itself.
type patient struct {
	file  *os.File // keeps it open
	fd    int
	write func(fd int, b []byte) (int, error) // nil: ask first
}

func (p *patient) of() *os.File { return p.file }

// Write asks whether the stream takes something. A pipe that does takes a piece of
// wholePiece bytes at once.
func (p *patient) Write(b []byte) (written int, err error) {
	for written < len(b) {
		ready := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLOUT}}
		if n, err := unix.Poll(ready, 0); err != nil || n == 0 {
			if err == nil {
				err = syscall.EAGAIN
			}
			return written, err
		}
		n, err := p.piece(b[written:min(len(b), written+wholePiece)])
		written += max(n, 0)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

func (p *patient) piece(b []byte) (int, error) {
	if p.write != nil {
		return p.write(p.fd, b)
	}
	return syscall.Write(p.fd, b)
}

// alone is a stream that was opened once more, so that it does not wait.
type alone struct {
	file *os.File // keeps it open
	fd   int
}

func (a *alone) release() error { return a.file.Close() }

// Write goes on until the stream says EAGAIN: a terminal takes pieces.
func (a *alone) Write(b []byte) (written int, err error) {
	for written < len(b) && err == nil {
		n := 0
		n, err = syscall.Write(a.fd, b[written:])
		written += max(n, 0)
	}
	return written, err
}

// fdOf is a file's descriptor; -1 if it is closed.
func fdOf(f *os.File) int {
	fd := -1
	if c, err := f.SyscallConn(); err == nil {
		_ = c.Control(func(n uintptr) { fd = int(n) }) // fails for a closed file
	}
	return fd
}

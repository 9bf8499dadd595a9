package file

import (
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

// output is a file descriptor of our own. An *os.File would take locks of its
// own around each write and wake the other goroutines one by one; the kernel
// orders appends anyway.
//
// The number stays the same from the first open on: another file, or none, is
// put under it with dup3, which is atomic, so write needs no lock against open
// and close. It is given back when the descriptor is garbage, for until then a
// write may be under way.
type output struct {
	d *descriptor
}

type descriptor struct {
	fd   int
	path string // what it was opened with first
}

// open opens path for appending in the place of what was open. No other open or
// close is under way.
func (o *output) open(path string, truncate bool) error {
	flags := syscall.O_WRONLY | syscall.O_APPEND | syscall.O_CREAT
	if truncate {
		flags |= syscall.O_TRUNC
	}
	fd, err := open(path, flags)
	if err != nil {
		return err
	}
	if o.d != nil {
		return o.replace(fd)
	}
	o.d = &descriptor{fd, path}
	runtime.AddCleanup(o.d, func(fd int) { _ = syscall.Close(fd) }, fd)
	return nil
}

// replace puts fd under the number in use, and closes fd.
func (o *output) replace(fd int) error {
	defer syscall.Close(fd)
	for {
		err := syscall.Dup3(fd, o.d.fd, syscall.O_CLOEXEC)
		if err != syscall.EINTR && err != syscall.EBUSY {
			return os.NewSyscallError("dup3", err)
		}
	}
}

func open(path string, flags int) (int, error) {
	for {
		fd, err := syscall.Open(path, flags|syscall.O_CLOEXEC|syscall.O_LARGEFILE, 0o644)
		if err == nil {
			return fd, nil
		}
		if err != syscall.EINTR {
			return -1, &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

// write appends b and returns how much of it is in the file. It may be called
// at the same time as open and close, once the first open has returned.
func (o *output) write(b []byte) (int, error) {
	for {
		n, err := syscall.Write(o.d.fd, b)
		if err == syscall.EINTR {
			continue
		}
		runtime.KeepAlive(o.d)
		return max(n, 0), err
	}
}

// close closes the file. A write under way ends in the file or fails: what is
// put in its place can't be written.
func (o *output) close() error {
	fd, err := open("/", syscall.O_RDONLY|syscall.O_DIRECTORY)
	if err != nil {
		return err
	}
	return o.replace(fd)
}

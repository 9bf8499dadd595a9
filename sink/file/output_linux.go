package file

import (
	"io"
	"io/fs"
	"math"
	"math/bits"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
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
	fd         int
	path       string      // what it was opened with first
	positioned atomic.Bool // pwrite may be used in the place of write
}

// open opens path for appending in the place of what was open. No other open or
// close is under way.
func (o *output) open(path string, how how) error {
	flags := syscall.O_WRONLY | syscall.O_APPEND | syscall.O_CREAT
	switch how {
	case truncating:
		flags |= syscall.O_TRUNC
	case making:
		flags |= syscall.O_EXCL
	}
	fd, err := open(path, flags)
	if err != nil {
		return err
	}
	positioned := bits.UintSize == 64 && appendsLocked(fd) // else pwrite takes the position in two words
	if o.d == nil {
		o.d = &descriptor{fd: fd, path: path}
		runtime.AddCleanup(o.d, func(fd int) { _ = syscall.Close(fd) }, fd)
	} else {
		o.d.positioned.Store(false)
		if err := o.replace(fd); err != nil {
			return err
		}
	}
	o.d.positioned.Store(positioned)
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

// far is a position where no file can be written.
const far = 1 << 62

// write appends b and returns how much of it is in the file. It may be called
// at the same time as open and close, once the first open has returned.
//
// On Linux pwrite to a file opened for appending appends, wherever it is told
// to write, and spares the lock of the descriptor's own position: a twentieth of
// the call, and more when several goroutines write. Where that is not so, the
// position makes it fail, and write is used from then on.
func (o *output) write(b []byte) (int, error) {
	d := o.d
	for d.positioned.Load() {
		n, err := o.put(b)
		switch err {
		case 0:
			runtime.KeepAlive(d)
			return int(n), nil
		case syscall.EINTR:
		case syscall.EFBIG, syscall.EINVAL, syscall.ESPIPE, syscall.EOVERFLOW:
			d.positioned.Store(false)
		default:
			runtime.KeepAlive(d)
			return 0, err
		}
	}
	for {
		n, err := syscall.Write(d.fd, b)
		if err != syscall.EINTR {
			runtime.KeepAlive(d)
			return max(n, 0), err
		}
	}
}

// quick reports whether put may be called.
func (o *output) quick() bool { return o.d.positioned.Load() }

// put is the system call of write. It is compiled into its callers: after a system
// call the processor does not know any more where the functions on the way back return
// to, so that each of them between the log call and this one takes its time.
func (o *output) put(b []byte) (n uintptr, err syscall.Errno) {
	n, _, err = syscall.Syscall6(syscall.SYS_PWRITE64, uintptr(o.d.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), far&math.MaxUint, 0, 0)
	return
}

// appendsLocked reports whether the file lies on one of the file systems that
// are known to find the end of the file and write there under one lock of the
// file. On others (9p), appends by one descriptor may need that of its position.
func appendsLocked(fd int) bool {
	const ext, xfs, btrfs, tmpfs, overlay = 0xEF53, 0x58465342, 0x9123683E, 0x01021994, 0x794C7630
	var file syscall.Stat_t
	if syscall.Fstat(fd, &file) != nil || file.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return false
	}
	var fs syscall.Statfs_t
	if syscall.Fstatfs(fd, &fs) != nil {
		return false
	}
	switch uint32(fs.Type) {
	case ext, xfs, btrfs, tmpfs, overlay:
		return true
	}
	return false
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

// stat is the length of the file that is open, and which it is.
func (o *output) stat() (size int64, id identity, err error) {
	var st syscall.Stat_t
	if err = syscall.Fstat(o.d.fd, &st); err != nil {
		return 0, id, os.NewSyscallError("fstat", err)
	}
	return st.Size, identity{uint64(st.Dev), st.Ino}, nil
}

// at tells which file a path leads to.
func at(path string) (identity, error) {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return identity{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return identity{uint64(st.Dev), st.Ino}, nil
}

// lock keeps other processes from putting the open file aside at the same time;
// false when one of them is at it. It is held until the file is closed, or until
// unlock.
func (o *output) lock() bool {
	return syscall.Flock(o.d.fd, syscall.LOCK_EX|syscall.LOCK_NB) != syscall.EWOULDBLOCK
}

func (o *output) unlock() { _ = syscall.Flock(o.d.fd, syscall.LOCK_UN) }

// claims is how many bytes, from far on, processes mark files with: one, or that of
// their number.
const claims = 1 << 23

// claim marks the open file as one that this process writes and puts aside. It
// returns the process that has done so before, 0 if there is none. The mark is a lock
// of POSIX on a byte that no file has; it ends when this process closes the file, or
// ends, and hinders nobody else.
func (o *output) claim() (pid int) {
	mark := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart, Start: far, Len: 1}
	if err := unix.FcntlFlock(uintptr(o.d.fd), unix.F_SETLK, &mark); err != unix.EAGAIN && err != unix.EACCES {
		return 0
	}
	first := mark
	mark.Start += 1 + int64(os.Getpid())%(claims-1)
	_ = unix.FcntlFlock(uintptr(o.d.fd), unix.F_SETLK, &mark) // without it only the size tells that it is written
	if err := unix.FcntlFlock(uintptr(o.d.fd), unix.F_GETLK, &first); err != nil || first.Type == unix.F_UNLCK {
		return 0 // it has ended
	}
	return int(first.Pid)
}

// claimed reports whether another process still writes a file that was put aside.
func claimed(f *os.File) bool {
	mark := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart, Start: far, Len: claims}
	return unix.FcntlFlock(f.Fd(), unix.F_GETLK, &mark) == nil && mark.Type != unix.F_UNLCK
}

//go:build linux || darwin || freebsd || dragonfly

package spool

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// createMapped makes a file of size bytes, allocated, and maps it.
func createMapped(path string, size int64) (f *os.File, mem []byte, err error) {
	if f, err = createFile(path, size); err != nil {
		return nil, nil, err
	}
	if mem, err = mapFile(f, size); err != nil {
		f.Close()
		os.Remove(path)
		return nil, nil, err
	}
	return f, mem, nil
}

func mapFile(f *os.File, size int64) ([]byte, error) {
	mem, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, &os.PathError{Op: "map", Path: f.Name(), Err: err}
	}
	return mem, nil
}

// SyncDir puts the names in a folder on the disk.
func SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func unmapFile(mem []byte) { _ = unix.Munmap(mem) }

// lockFile takes an exclusive (or shared) lock without waiting; it is held by
// the open file, so by this process and what it forks.
func lockFile(f *os.File, shared bool) (bool, error) {
	how := unix.LOCK_EX
	if shared {
		how = unix.LOCK_SH
	}
	for {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		case err != unix.EINTR:
			return false, &os.PathError{Op: "lock", Path: f.Name(), Err: err}
		}
	}
}

// duplicate opens an open file once more, whether or not it still has a name.
func duplicate(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "duplicate", Path: f.Name(), Err: err}
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

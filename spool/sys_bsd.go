//go:build darwin || freebsd || dragonfly

package spool

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/girok/girok/internal/rights"
)

// mappable: segments are written with write(2). See sys_linux.go.
const mappable = false

// createFile makes a file of size bytes.
func createFile(path string, size int64) (*os.File, error) {
	f, err := rights.OpenFile(path, os.O_RDWR|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(size); err != nil {
		f.Close()
		os.Remove(path)
		return nil, err
	}
	return f, nil
}

func populate([]byte)   {}
func largePages([]byte) {}

// syncData puts a file's bytes on the disk.
func syncData(f *os.File) error { return f.Sync() }

// LookDisk looks at the file system of a folder that exists.
func LookDisk(dir string) (Disk, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return Disk{}, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return Disk{
		Type: "this system's", Trusted: true, Free: uint64(st.Bavail) * uint64(st.Bsize),
		Survives: "survives kill -9, a crash of the program and a reboot; a power cut may take the last seconds",
	}, nil
}

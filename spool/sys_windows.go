package spool

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// mappable: segments are written with WriteFile. See sys_linux.go.
const mappable = false

// createMapped fails: a file can't be removed while it is mapped, and a run's
// folder goes while somebody may look at its counters. They are kept in memory
// here, so one process both writes and delivers a run.
func createMapped(string, int64) (*os.File, []byte, error) { return nil, nil, errors.ErrUnsupported }
func mapFile(*os.File, int64) ([]byte, error)              { return nil, errors.ErrUnsupported }
func duplicate(*os.File) (*os.File, error)                 { return nil, errors.ErrUnsupported } // a folder with open files stays
func unmapFile([]byte)                                     {}
func populate([]byte)                                      {}
func largePages([]byte)                                    {}

// syncData puts a file's bytes on the disk.
func syncData(f *os.File) error { return f.Sync() }

// SyncDir puts the names in a folder on the disk: here they go with the files.
func SyncDir(string) error { return nil }

// lockFile takes an exclusive (or shared) lock without waiting; it is held by
// the open file. The byte that is locked lies behind all that anybody writes.
func lockFile(f *os.File, shared bool) (bool, error) {
	flags := uint32(windows.LOCKFILE_FAIL_IMMEDIATELY)
	if !shared {
		flags |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &windows.Overlapped{OffsetHigh: 1 << 30})
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION), errors.Is(err, windows.ERROR_IO_PENDING):
		return false, nil
	}
	return false, &os.PathError{Op: "lock", Path: f.Name(), Err: err}
}

// LookDisk looks at the volume of a folder that exists.
func LookDisk(dir string) (Disk, error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return Disk{}, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return Disk{}, &os.PathError{Op: "GetDiskFreeSpaceEx", Path: dir, Err: err}
	}
	return Disk{
		Type: "this system's", Trusted: true, Free: free,
		Survives: "survives the death of the process and a reboot; a power cut may take the last seconds",
	}, nil
}

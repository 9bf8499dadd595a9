//go:build !linux

package spool

import (
	"errors"
	"os"
)

var errSystem = errors.New("the spool on disk needs Linux; records are kept in memory here and a kill loses them")

func createMapped(string, int64) (*os.File, []byte, error) { return nil, nil, errSystem }
func syncData(*os.File) error                              { return errSystem }
func SyncDir(string) error                                 { return errSystem }
func mapFile(*os.File, int64) ([]byte, error)              { return nil, errSystem }
func unmapFile([]byte)                                     {}
func populate([]byte)                                      {}
func lockFile(f *os.File, shared bool) (bool, error)       { return false, errSystem }

// Disk says what a folder's file system is and what it survives.
type Disk struct {
	Type     string
	Survives string
	Trusted  bool
	Free     uint64
}

// LookDisk looks at the file system of a folder.
func LookDisk(string) (Disk, error) {
	return Disk{Type: "this system", Survives: errSystem.Error()}, nil
}

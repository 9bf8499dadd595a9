//go:build !linux && !darwin && !freebsd && !dragonfly && !windows

package spool

import (
	"errors"
	"os"
)

var errSystem = errors.New("the spool on disk is not to be had on this system; records are kept in memory here and a kill loses them")

const mappable = false

func createMapped(string, int64) (*os.File, []byte, error) { return nil, nil, errSystem }
func mapFile(*os.File, int64) ([]byte, error)              { return nil, errSystem }
func duplicate(*os.File) (*os.File, error)                 { return nil, errSystem }
func unmapFile([]byte)                                     {}
func populate([]byte)                                      {}
func largePages([]byte)                                    {}
func lockFile(*os.File, bool) (bool, error)                { return false, errSystem }
func syncData(*os.File) error                              { return errSystem }

// SyncDir puts the names in a folder on the disk.
func SyncDir(string) error { return errSystem }

// LookDisk looks at the file system of a folder.
func LookDisk(string) (Disk, error) {
	return Disk{Type: "this system", Survives: errSystem.Error()}, nil
}

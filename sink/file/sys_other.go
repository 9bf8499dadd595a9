//go:build !unix

package file

import (
	"io/fs"
	"os"
)

// inodeOf is 0 where files have no numbers: they are known by their path.
func inodeOf(fs.FileInfo) uint64 { return 0 }

// linked can't be found out.
func linked(fs.FileInfo) bool { return true }

// lock does nothing where there are no locks that a rename leaves alone.
func lock(*os.File) error { return nil }

// closeToRename: a file that is open can't be renamed.
const closeToRename = true

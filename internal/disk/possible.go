package disk

import (
	"fmt"
	"os"
	"path/filepath"
)

// Possible reports whether files could be made in a folder, or the folder made,
// without trying.
func Possible(dir string) bool { return Folder(dir) == nil }

// Folder says why files could not be made in a folder, or the folder not made; nil if
// nothing speaks against it. It tries nothing.
func Folder(dir string) error {
	for {
		st, err := os.Stat(dir)
		switch {
		case err == nil && !st.IsDir():
			return fmt.Errorf("%s is no folder", dir)
		case err == nil:
			return mayMake(dir)
		case dir == filepath.Dir(dir):
			return err
		}
		dir = filepath.Dir(dir)
	}
}

// File says why a file could not be opened for writing, or not made with its folder;
// nil if nothing speaks against it. It tries nothing.
func File(path string) error {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return Folder(filepath.Dir(path))
	case st.IsDir():
		return fmt.Errorf("%s is a folder", path)
	}
	return mayWrite(path)
}

// MayWrite reports whether a file may be written.
func MayWrite(file string) bool { return mayWrite(file) == nil }

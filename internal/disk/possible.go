package disk

import (
	"os"
	"path/filepath"
)

// Possible reports whether files could be made in a folder, or the folder made,
// without trying.
func Possible(dir string) bool {
	for {
		st, err := os.Stat(dir)
		if err == nil {
			return st.IsDir() && mayMake(dir)
		}
		if dir == filepath.Dir(dir) {
			return false
		}
		dir = filepath.Dir(dir)
	}
}

package disk

import "path/filepath"

// Canonical is path, absolute and without symbolic links, also where the file or
// some of its folders are not there yet.
func Canonical(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = filepath.Clean(path)
	}
	missing := ""
	for dir := abs; ; dir = filepath.Dir(dir) {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(real, missing)
		}
		if dir == filepath.Dir(dir) {
			return abs
		}
		missing = filepath.Join(filepath.Base(dir), missing)
	}
}

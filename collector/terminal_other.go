//go:build !linux

package collector

import "os"

// terminal takes every character device but the null device for one.
func terminal(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0 && f.Name() != os.DevNull
}

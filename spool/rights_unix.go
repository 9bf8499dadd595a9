//go:build unix

package spool

import (
	"fmt"
	"os"
	"syscall"
)

// checkRights refuses a folder that others can write, or that belongs to
// somebody who is neither this user nor root: its owner could make records up.
func checkRights(dir string) error {
	st, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if st.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s can be written by others (mode %04o): chmod go-w %s", dir, st.Mode().Perm(), dir)
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok && sys.Uid != 0 && int(sys.Uid) != os.Getuid() {
		return fmt.Errorf("%s belongs to user %d, not to this one (%d)", dir, sys.Uid, os.Getuid())
	}
	return nil
}

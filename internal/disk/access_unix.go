//go:build unix

package disk

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// mayMake says why files may not be made in a folder.
func mayMake(dir string) error { return access(dir, unix.W_OK|unix.X_OK) }

// mayWrite says why a file may not be written. It does not open it: to close it would
// take the process's other locks on it away.
func mayWrite(file string) error { return access(file, unix.W_OK) }

func access(path string, mode uint32) error {
	if err := unix.Access(path, mode); err != nil {
		return fmt.Errorf("user %d can't write %s: %w", unix.Getuid(), path, err)
	}
	return nil
}

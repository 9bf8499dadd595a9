//go:build unix

package disk

import "golang.org/x/sys/unix"

// mayMake reports whether files may be made in a folder.
func mayMake(dir string) bool { return unix.Access(dir, unix.W_OK|unix.X_OK) == nil }

// MayWrite reports whether a file may be written. It does not open it: to close it
// would take the process's other locks on it away.
func MayWrite(file string) bool { return unix.Access(file, unix.W_OK) == nil }

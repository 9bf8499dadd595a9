// Package disk puts things on the disk, where a power cut does not reach them.
package disk

import "os"

// SyncData puts what was written to f on the disk, and of the rest what it takes
// to read it again.
func SyncData(f *os.File) error { return syncData(f) }

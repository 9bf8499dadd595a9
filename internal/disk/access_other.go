//go:build !unix

package disk

// mayMake reports whether files may be made in a folder; here only trying tells.
func mayMake(string) bool { return true }

// MayWrite reports whether a file may be written; here only trying tells.
func MayWrite(string) bool { return true }

//go:build !unix

package disk

// mayMake says why files may not be made in a folder; here only trying tells.
func mayMake(string) error { return nil }

// mayWrite says why a file may not be written; here only trying tells.
func mayWrite(string) error { return nil }

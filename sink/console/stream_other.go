//go:build !unix

package console

import (
	"io"
	"os"
)

func stream(f *os.File) io.Writer {
	if f == nil {
		return io.Discard
	}
	return f
}

// Patient is out: here a stream that nobody takes anything from makes writers wait.
func Patient(out io.Writer) io.Writer { return out }

func ownPatient(out io.Writer) io.Writer { return out }

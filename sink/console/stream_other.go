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

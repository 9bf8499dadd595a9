//go:build unix && !linux

package console

import (
	"errors"
	"io"
)

// wholePiece is what a pipe takes whole that takes something, in bytes: POSIX promises so
// much.
const wholePiece = 512

func openAgain(int) (io.Writer, error) { return nil, errors.ErrUnsupported }

var dontWait func(fd int, b []byte) (int, error) // nil: ask first

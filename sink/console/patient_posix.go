//go:build unix && !linux

package console

import (
	"errors"
	"io"
)

func openAgain(int) (io.Writer, error) { return nil, errors.ErrUnsupported }

var dontWait func(fd int, b []byte) (int, error) // nil: ask first

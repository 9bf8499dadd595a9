//go:build !unix

package control

import (
	"context"
	"os"
	"time"
)

type place struct{ socket string }

func listen() (*listener, place, error) { return nil, place{}, ErrUnsupported }

func (place) remove() {}
func (place) sweep()  {}

// listener is none.
type listener struct{}

func (*listener) Accept() (*os.File, error) { return nil, ErrUnsupported }
func (*listener) Close() error              { return nil }

func dial(context.Context, string, time.Duration) (*os.File, error) { return nil, ErrUnsupported }

//go:build !unix

package control

import "net"

type place struct{ socket string }

func listen() (net.Listener, place, error) { return nil, place{}, ErrUnsupported }

func (place) remove() {}
func (place) sweep()  {}

//go:build unix

// Package peer tells of the other side of a connection.
package peer

import (
	"net"
	"syscall"
)

// Alive reports whether the other side still holds a connection on which it never
// sends anything. Without the look, the first record after it has gone would be
// lost without an error.
func Alive(c net.Conn) bool {
	s, ok := c.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	gone := false
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		n, err := syscall.Read(int(fd), b[:]) // it does not block: the runtime's sockets never do
		gone = n == 0 && err == nil || err != nil && err != syscall.EAGAIN && err != syscall.EINTR
		return true
	})
	return err == nil && !gone
}

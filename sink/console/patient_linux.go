package console

import (
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// wholePiece is what a pipe takes whole that takes something, in bytes.
const wholePiece = 4096

// openAgain opens what a descriptor leads to once more, with flags of its own.
func openAgain(fd int) (io.Writer, error) {
	again, err := syscall.Open(fmt.Sprintf("/proc/self/fd/%d", fd), syscall.O_WRONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err // somebody else's terminal, or no /proc
	}
	return &alone{os.NewFile(uintptr(again), "stream"), again}, nil
}

// dontWait writes to a socket, as a service of systemd has for its output.
func dontWait(fd int, b []byte) (int, error) {
	return unix.SendmsgN(fd, b, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

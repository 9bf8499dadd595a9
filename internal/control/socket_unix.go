//go:build unix

package control

import (
	"context"
	"os"
	"syscall"
	"time"
)

// The package net is half a megabyte in a program that has no other use for it, so
// Unix sockets are made here; an os.File reads and writes them, with deadlines.

// listener is a socket that clients connect to.
type listener struct {
	f    *os.File
	path string
}

// backlog is how many clients wait for Accept at most.
const backlog = 64

func listenAt(path string) (*listener, error) {
	fd, err := socket()
	if err != nil {
		return nil, err
	}
	if err = syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err == nil {
		if err = syscall.Listen(fd, backlog); err != nil {
			_ = os.Remove(path)
		}
	}
	if err != nil {
		syscall.Close(fd)
		return nil, &os.PathError{Op: "listen", Path: path, Err: err}
	}
	return &listener{os.NewFile(uintptr(fd), path), path}, nil
}

// socket makes one that does not block and that children do not get.
func socket() (fd int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if fd, err = syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0); err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	return fd, ready(fd)
}

// ready closes fd when it fails.
func ready(fd int) error {
	syscall.CloseOnExec(fd)
	if err := syscall.SetNonblock(fd, true); err != nil {
		syscall.Close(fd)
		return os.NewSyscallError("setnonblock", err)
	}
	return nil
}

// Accept waits for a client. After Close the error is os.ErrClosed.
func (l *listener) Accept() (*os.File, error) {
	raw, err := l.f.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	var failed error
	err = raw.Read(func(at uintptr) (done bool) {
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		fd, _, failed = syscall.Accept(int(at))
		switch failed {
		case syscall.EAGAIN:
			return false
		case nil:
			failed = ready(fd)
		case syscall.EINTR, syscall.ECONNABORTED:
		}
		return true
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), l.path), nil
}

// Close ends Accept and removes the socket.
func (l *listener) Close() error {
	_ = os.Remove(l.path)
	return l.f.Close()
}

// dial connects. It waits where more clients are there than can wait.
func dial(ctx context.Context, path string, most time.Duration) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for {
		fd, err := socket()
		if err != nil {
			return nil, err
		}
		if err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: path}); err == nil {
			return os.NewFile(uintptr(fd), path), nil
		}
		syscall.Close(fd)
		if err != syscall.EAGAIN && err != syscall.EINTR {
			return nil, &os.PathError{Op: "connect", Path: path, Err: err}
		}
		select {
		case <-ctx.Done():
			return nil, &os.PathError{Op: "connect", Path: path, Err: ctx.Err()}
		case <-time.After(5 * time.Millisecond):
		}
	}
}

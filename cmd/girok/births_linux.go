package main

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// births tells when folders of runs come into those of services. For one goroutine.
type births struct {
	f  *os.File // nil: there is no more inotify to be had
	fd int      // of f
}

// listenForBirths has heard called, from a goroutine of its own, until close.
func listenForBirths(heard func()) births {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return births{}
	}
	f := os.NewFile(uintptr(fd), "inotify")
	go func() {
		var events [4096]byte // whatever they say: look
		for {
			if _, err := f.Read(events[:]); err != nil {
				return
			}
			heard()
		}
	}()
	return births{f, fd}
}

// watch watches the folders of services, also those that were removed and made anew
// since the last time. It reports whether it can watch them all.
func (b births) watch(dirs []string) bool {
	for _, dir := range dirs {
		if b.f == nil {
			return false
		}
		if _, err := unix.InotifyAddWatch(b.fd, filepath.Join(dir, "runs"), unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_ONLYDIR); err != nil {
			return false
		}
	}
	return true
}

func (b births) close() {
	if b.f != nil {
		b.f.Close()
	}
}

package spool

import (
	"encoding/binary"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const canRing = true

// ring is heard by who listens to a file. Nothing of it goes to the disk.
func ring(path string) {
	if fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0); err == nil {
		_ = unix.Close(fd)
	}
}

// bells are what this process listens to. It has one inotify instance at most, since
// all processes of a user together have few: 128.
var bells struct {
	mu   sync.Mutex
	f    *os.File // nil while nobody listens
	fd   int      // of f
	ears map[int32][]*func()
}

// listen has heard called when somebody closes a file that was open for writing, and
// when the file is removed.
func listen(path string, heard func()) (stop func(), err error) {
	bells.mu.Lock()
	defer bells.mu.Unlock()
	if bells.f == nil {
		fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
		if err != nil {
			return nil, err
		}
		bells.f, bells.fd, bells.ears = os.NewFile(uintptr(fd), "inotify"), fd, map[int32][]*func(){}
		go hear(bells.f)
	}
	wd, err := unix.InotifyAddWatch(bells.fd, path, unix.IN_CLOSE_WRITE)
	if err != nil {
		stopHearing()
		return nil, err
	}
	ear, id := &heard, int32(wd)
	bells.ears[id] = append(bells.ears[id], ear)
	return func() { unlisten(id, ear) }, nil
}

func unlisten(id int32, ear *func()) {
	bells.mu.Lock()
	defer bells.mu.Unlock()
	if i := slices.Index(bells.ears[id], ear); i >= 0 { // else the file is gone, and with it the watch
		if bells.ears[id] = slices.Delete(bells.ears[id], i, i+1); len(bells.ears[id]) == 0 {
			delete(bells.ears, id)
			_, _ = unix.InotifyRmWatch(bells.fd, uint32(id))
		}
	}
	stopHearing()
}

// stopHearing ends hear when nobody listens any more. The caller holds mu.
func stopHearing() {
	if bells.f != nil && len(bells.ears) == 0 {
		bells.f.Close()
		bells.f = nil
	}
}

// bellRest is for how long who was woken by bells hears no more of them: many writers
// do not wake it more often than one.
const bellRest = 50 * time.Millisecond

// hear calls who listens, until f is closed.
func hear(f *os.File) {
	var buf [4096]byte
	for {
		n, err := f.Read(buf[:])
		if err != nil {
			return
		}
		for _, ear := range rung(f, buf[:n]) {
			(*ear)()
		}
		time.Sleep(bellRest)
	}
}

// rung finds who listens to the files of some events.
func rung(f *os.File, events []byte) (ears []*func()) {
	bells.mu.Lock()
	defer bells.mu.Unlock()
	if bells.f != f {
		return nil
	}
	for len(events) >= unix.SizeofInotifyEvent { // which have no names: the files are watched, not folders
		id, mask := int32(binary.NativeEndian.Uint32(events)), binary.NativeEndian.Uint32(events[4:])
		events = events[unix.SizeofInotifyEvent:]
		ears = append(ears, bells.ears[id]...)
		if mask&unix.IN_IGNORED != 0 { // it is removed
			delete(bells.ears, id)
		}
		if mask&unix.IN_Q_OVERFLOW != 0 {
			for _, more := range bells.ears {
				ears = append(ears, more...)
			}
		}
	}
	return ears
}

package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/sink"
)

// hidden is what the name of a file begins with that is not whole yet: what reads
// the folder passes it by.
const hidden = ".girok-"

// leftAfter is when a file that was not finished is nobody's any more.
const leftAfter = 24 * time.Hour

// look makes a folder, if it may, and once removes what was never finished.
func (s *store) look(f *folder) error {
	st, err := os.Stat(f.dir)
	switch {
	case err == nil && !st.IsDir():
		return &sink.Refused{Err: fmt.Errorf("%s is not a folder", f.dir), Remedy: "move it away, or give the handler another path or table"}
	case errors.Is(err, fs.ErrNotExist) && !s.config.Create:
		return &sink.Refused{Err: err, Remedy: "create: true makes the folder, or make it"}
	case errors.Is(err, fs.ErrNotExist):
		err = makeAll(f.dir)
	}
	if err == nil && !f.ready {
		f.ready = true
		f.sweep()
	}
	return err
}

// makeAll makes a folder and those above it, and puts them on the disk.
func makeAll(dir string) error {
	above := filepath.Dir(dir)
	if _, err := os.Stat(above); errors.Is(err, fs.ErrNotExist) && above != dir {
		if err := makeAll(above); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(above)
}

// sweep removes files that were begun by a process that died, and whose batch did
// not come again.
func (f *folder) sweep() {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return // told when a batch can't be written
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), hidden) {
			continue
		}
		if st, err := e.Info(); err == nil && time.Since(st.ModTime()) > leftAfter {
			_ = os.Remove(filepath.Join(f.dir, e.Name()))
		}
	}
}

// publish gives a file that is whole its name.
func publish(f made) error {
	crash.At(crash.Sent)
	if err := os.Rename(f.path, f.as); err != nil {
		return err
	}
	return syncDir(filepath.Dir(f.as))
}

// syncDir puts the names in a folder on the disk, where folders can be synced.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

// failed decides what waits for somebody: a folder that can't be written. All else
// (a full disk, too many open files, a folder that has just gone) is tried again.
func failed(err error) error {
	var refused *sink.Refused
	var reject *sink.Reject
	switch {
	case err == nil, errors.As(err, &refused), errors.As(err, &reject):
		return err
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return &sink.Refused{Err: err, Remedy: "give the user that delivers the right to make and rename files there"}
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.ENAMETOOLONG):
		return &sink.Refused{Err: err, Remedy: "give the handler the path of a folder that can be made"}
	}
	return err
}

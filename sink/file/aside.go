package file

import (
	"fmt"
	"io/fs"
	"os"
	"runtime"
)

// identity tells one file from another, whatever they are called.
type identity struct{ device, inode uint64 }

// moved reports whether the path does not lead to the file that is open: somebody
// has put that aside. The caller holds mu, and a file is open.
func (h *Handler) moved() bool {
	_, open, err := h.out.stat()
	if err != nil {
		return false
	}
	now, err := at(h.o.Path)
	return err != nil || now != open
}

// regular reports whether the path leads to a file that can be put aside, or to
// nothing.
func (h *Handler) regular() bool {
	info, err := os.Stat(h.o.Path)
	return err != nil || info.Mode().IsRegular()
}

// turn puts the file aside with rename and opens its path anew. Lines that are
// written at the same time go to one of the two. When another process is doing the
// same, or has done it, nothing is renamed. After an error the old file stays in
// use. The caller holds mu, and the file is open.
func (h *Handler) turn(rename func() error) (renamed bool, err error) {
	if !h.out.lock() {
		return false, nil // one of the next records finds the new file
	}
	if h.moved() {
		h.tellShared(0)
		return false, h.reopen()
	}
	if closeToRename {
		if err := h.shut(); err != nil {
			return false, err
		}
	}
	if err := rename(); err != nil {
		if h.opened {
			h.out.unlock()
		}
		return false, err
	}
	return true, h.reopen()
}

// alone calls f while nobody puts the file aside, in this process or another; false
// if somebody is at it, or if there is no file.
func (h *Handler) alone(f func()) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.opened || !h.out.lock() {
		return false
	}
	f()
	h.out.unlock()
	return true
}

// writes reports whether a path leads to the file that is open.
func (h *Handler) writes(path string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.opened {
		return false
	}
	_, open, err := h.out.stat()
	now, aerr := at(path)
	return err == nil && aerr == nil && now == open
}

// tellShared tells once that another process puts the file aside too. The caller
// holds mu.
func (h *Handler) tellShared(pid int) {
	if h.o.shared != nil && !h.told {
		h.told = true
		h.o.shared(pid)
	}
}

// unturned is the error of a file that stays in use.
func unturned(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the file can't be put aside, and is written on: %w", err)
}

// replace renames a file; what has the new name goes before. A file that is not there
// is none to rename.
//
// It goes before, and not by the rename: ext4 begins to write a file to the disk that
// takes the place of another, which takes milliseconds where files are put aside faster
// than the system writes them.
func replace(from, to string) error {
	if _, err := os.Stat(from); err != nil {
		return nil
	}
	info, err := os.Lstat(to)
	switch {
	case err != nil:
		return os.Rename(from, to)
	case info.IsDir():
		return &fs.PathError{Op: "rename", Path: to, Err: fs.ErrExist}
	case info.Mode().IsRegular() && info.Size() >= slowToFree && runtime.GOOS != "windows":
		if old, err := os.Open(to); err == nil {
			defer func() { go old.Close() }() // the call that puts a file aside does not wait for it
		}
	}
	if err := remove(to); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// slowToFree is how large a file is that takes the file system a millisecond and more
// to free, in bytes.
const slowToFree = 4 << 20

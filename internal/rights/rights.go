// Package rights makes the files and folders of a spool. They are this user's alone,
// 0700 and 0600; or, in a folder that is shared with a group, that group's too, 2770
// and 0660: what is made in a shared folder is shared, whatever the umask.
package rights

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	ownDir    = 0o700
	ownFile   = 0o600
	groupDir  = os.ModeSetgid | 0o770
	groupFile = 0o660
)

// Mkdir makes a folder.
func Mkdir(path string) error {
	if err := os.Mkdir(path, ownDir); err != nil {
		return err
	}
	if Group(filepath.Dir(path)) == 0 {
		return nil
	}
	return os.Chmod(path, groupDir)
}

// MkdirAll makes a folder and those above it, if they are not there.
func MkdirAll(path string) error {
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		return nil
	}
	if up := filepath.Dir(path); up != path {
		if err := MkdirAll(up); err != nil {
			return err
		}
	}
	err := Mkdir(path)
	if errors.Is(err, fs.ErrExist) {
		if st, serr := os.Stat(path); serr == nil && st.IsDir() {
			return nil // somebody else was faster
		}
	}
	return err
}

// OpenFile is os.OpenFile for a file that may be made.
func OpenFile(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag|os.O_CREATE, ownFile)
	if err != nil || Group(filepath.Dir(path)) == 0 {
		return f, err
	}
	st, err := f.Stat()
	if err == nil && st.Mode().Perm()&groupFile != groupFile {
		err = f.Chmod(groupFile)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// WriteFile is os.WriteFile.
func WriteFile(path string, b []byte) error {
	f, err := OpenFile(path, os.O_WRONLY|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}

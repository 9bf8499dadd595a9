package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

const (
	maxFileBytes   = 4 << 20 // of a configuration
	maxSecretBytes = 1 << 20 // of a file that ${file:…} names
)

// source is where a node was written.
type source struct {
	name string // as problems show it
	path string // absolute, on the operating system's disk; "" if not from there
	fsys fs.FS  // for LoadFS, else nil; name is the path in it
}

func diskSource(name string) *source {
	abs, err := filepath.Abs(name)
	if err != nil {
		abs = name
	}
	return &source{name: name, path: abs}
}

// read gives the bytes of the file.
func (s *source) read() ([]byte, error) {
	if s.fsys != nil {
		f, err := s.fsys.Open(s.name)
		return readLimited(f, err, maxFileBytes)
	}
	f, err := os.Open(s.path)
	return readLimited(f, err, maxFileBytes)
}

// sibling is a file named in s, relative to the folder of s.
func (s *source) sibling(name string) *source {
	if s.fsys != nil {
		return &source{name: path.Join(path.Dir(s.name), name), fsys: s.fsys}
	}
	if filepath.IsAbs(name) {
		return diskSource(name)
	}
	return diskSource(filepath.Join(filepath.Dir(s.name), name))
}

// Abs gives a path of a configuration relative to dir, the folder of its file;
// an absolute path, and an empty one, stay as they are.
func Abs(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// same reports whether two sources are one file.
func (s *source) same(o *source) bool {
	if s.fsys != nil || o.fsys != nil {
		return s.name == o.name
	}
	return s.path == o.path
}

// absolute gives the place of a file that ${file:…} names: relative to the
// folder of the configuration; "" if that is inside an fs.FS.
func (s *source) absolute(name string) string {
	switch {
	case filepath.IsAbs(name):
		return name
	case s.fsys != nil:
		return ""
	case s.path != "":
		return filepath.Join(filepath.Dir(s.path), name)
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		return name
	}
	return abs
}

// readReferenced gives the content of a file that ${file:…} names; one line end
// at its end is cut off.
func (s *source) readReferenced(name string) (string, error) {
	var f fs.File
	var err error
	if abs := s.absolute(name); abs != "" {
		f, err = os.Open(abs)
	} else {
		f, err = s.fsys.Open(path.Join(path.Dir(s.name), name))
	}
	data, err := readLimited(f, err, maxSecretBytes)
	if err != nil {
		return "", fmt.Errorf("${file:%s}: %w", name, reason(err))
	}
	text := strings.TrimSuffix(string(data), "\n")
	return strings.TrimSuffix(text, "\r"), nil
}

// readLimited reads and closes f, which may have failed to open with err.
func readLimited(f fs.File, err error, limit int64) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, fmt.Errorf("larger than %s", Size(limit))
	}
	return data, err
}

// reason takes the repeated path out of an error of the file system.
func reason(err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

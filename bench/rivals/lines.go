//go:build linux

package rivals

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// lineCounter counts the lines of a file that grows.
type lineCounter struct {
	path string
	at   int64 // up to where it has counted
	n    int
}

func (c *lineCounter) count() (int, error) {
	f, err := os.Open(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil // phuslu makes it with the first record
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, c.at, 1<<62))
	c.at += int64(len(b))
	c.n += bytes.Count(b, []byte{'\n'})
	return c.n, err
}

// fileNumbers reads the numbers of the lines that are whole.
func fileNumbers(dir string) (map[int]int, error) {
	b, err := os.ReadFile(filepath.Join(dir, File))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	got := map[int]int{}
	for line := range bytes.Lines(b) {
		var r struct {
			Order *int `json:"order"`
		}
		if json.Unmarshal(line, &r) == nil && r.Order != nil {
			got[*r.Order]++
		}
	}
	return got, err
}

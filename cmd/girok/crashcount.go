package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/girok/girok"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// crashCount is what a store has of one goroutine of one life.
type crashCount struct{ rows, distinct, last int64 }

// cantCount says that girok has no way to read a store.
type cantCount struct{ ask string }

func (e *cantCount) Error() string { return e.ask }

// countRows counts the rows of each goroutine.
func countRows(ctx context.Context, c girok.CheckedHandler, h *crashHandler) (map[crashKey]crashCount, error) {
	if name := c.Kind.Name(); name == "file" || name == "files" {
		return countLines(h.table)
	}
	query := "select crash_life, crash_writer, count(*), count(distinct crash_n), max(crash_n) from " + c.Config.Target() + " group by crash_life, crash_writer"
	ctx = record.Quiet(ctx)
	s, err := c.Kind.Open(ctx, c.Env, c.Config)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	q, ok := s.(sink.Queryer)
	if !ok {
		return nil, &cantCount{query}
	}
	rows, err := q.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	all, err := sink.ReadAll(ctx, rows)
	if err != nil {
		return nil, err
	}
	counts := map[crashKey]crashCount{}
	for _, row := range all {
		var k crashKey
		var n crashCount
		if _, err := fmt.Sscan(fmt.Sprintln(row...), &k.life, &k.writer, &n.rows, &n.distinct, &n.last); err != nil {
			return nil, fmt.Errorf("%v: %w", row, err)
		}
		counts[k] = n
	}
	return counts, nil
}

// countLines counts those in a file, and in those that were put aside beside it, or
// in all files of a folder.
func countLines(place string) (map[crashKey]crashCount, error) {
	seen := map[crashKey]map[int64]bool{}
	counts := map[crashKey]crashCount{}
	paths, err := filepath.Glob(place + "*")
	for _, p := range paths {
		if err == nil {
			err = filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") { // a hidden one is not whole
					return err
				}
				return eachLine(path, func(k crashKey, at int64) {
					if seen[k] == nil {
						seen[k] = map[int64]bool{}
					}
					n := counts[k]
					n.rows++
					if !seen[k][at] {
						seen[k][at] = true
						n.distinct++
					}
					n.last = max(n.last, at)
					counts[k] = n
				})
			})
		}
	}
	return counts, err
}

// eachLine reads the numbers in the lines of a file of JSON.
func eachLine(path string, f func(crashKey, int64)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	in := io.Reader(file)
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(file); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var l struct {
			Life   *int64 `json:"crash_life"`
			Writer int64  `json:"crash_writer"`
			N      int64  `json:"crash_n"`
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil || l.Life == nil {
			return fmt.Errorf("%s: this line is not a record of the test: %q", path, lines.Bytes())
		}
		f(crashKey{*l.Life, l.Writer}, l.N)
	}
	return lines.Err()
}

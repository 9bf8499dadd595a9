//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/girok/girok"
)

const fileYAML = `version: 1
formatters:
  json: {class: json}
handlers:
  out: {class: file, filename: %q, formatter: json}
root: {level: INFO, handlers: [out]}
`

// fileLine measures calls that write a line of JSON to a file. Fair: the same
// calls, one write of about the same line to a file of the same file system,
// opened for appending, each; both files are emptied after each turn, so that
// neither is the larger one.
func fileLine(workers int) func(b *bench) ([]row, error) {
	limit, what := 0.75, "slog call to a JSON file, 5 attributes"
	if workers == 2 {
		limit, what = 0.52, what+", two goroutines"
	}
	return func(b *bench) ([]row, error) {
		dir, err := b.folder()
		if err != nil {
			return nil, err
		}
		control, err := slogFile(filepath.Join(dir, "slog.jsonl"))
		if err != nil {
			return nil, err
		}
		defer control.close()
		ours, err := girokFile(dir)
		if err != nil {
			return nil, err
		}
		defer ours.close()
		var arms []arm
		for _, f := range []*jsonFile{control, ours} {
			arms = append(arms, arm{name: f.path, loop: f.loop, settle: f.check})
		}
		allocs := allocations(ours.loop)
		if err := ours.check(); err != nil {
			return nil, err
		}
		r, err := compete(arms, plan{rounds: b.turns(31), slices: 4, calls: b.amount(5_000), chunk: 250, workers: workers})
		if err != nil {
			return nil, err
		}
		out := r.row(1, what, "slog.JSONHandler → *os.File, O_APPEND", limit)
		// The bar is of wall time: not to wait for each other's lock is what two goroutines gain.
		out.bar, out.met = fmt.Sprintf("≤ %.2f, wall", limit), met(r.ratios(1, wall).median <= limit)
		out.cpu = fmt.Sprintf("calling threads %.3f: %.0f ns; %d allocations", r.ratios(1, caller).median, r.absolute(1, caller).median, allocs)
		return []row{out}, nil
	}
}

// jsonFile is a logger and the file that it writes.
type jsonFile struct {
	path  string
	log   *slog.Logger
	close func() error
	made  atomic.Int64
}

func slogFile(path string) (*jsonFile, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	return &jsonFile{path: path, log: slog.New(slog.NewJSONHandler(f, nil)), close: f.Close}, nil
}

func girokFile(dir string) (*jsonFile, error) {
	path, cfg := filepath.Join(dir, "girok.jsonl"), filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(cfg, fmt.Appendf(nil, fileYAML, path), 0o600); err != nil {
		return nil, err
	}
	logs, err := girok.Open(cfg)
	if err != nil {
		return nil, err
	}
	return &jsonFile{path: path, log: logs.Logger("shop.orders"), close: logs.Close}, nil
}

func (f *jsonFile) loop(n int) {
	five(f.log, n)
	f.made.Add(int64(n))
}

// check looks whether every call has left a line that is what it should be, and
// empties the file.
func (f *jsonFile) check() error {
	b, err := os.ReadFile(f.path)
	if err != nil {
		return err
	}
	if got, want := bytes.Count(b, []byte{'\n'}), int(f.made.Swap(0)); got != want {
		return fmt.Errorf("%s has %d lines after %d calls", f.path, got, want)
	}
	const every = 100
	i := 0
	for line := range bytes.Lines(b) {
		if i++; i%every == 1 {
			if err := checkLine(line); err != nil {
				return err
			}
		}
	}
	return os.Truncate(f.path, 0)
}

func checkLine(line []byte) error {
	var got struct {
		Time, Level, Msg, User string
		Order                  *int
		Amount                 float64
		Gift                   bool
		Took                   int64
	}
	if err := json.Unmarshal(line, &got); err != nil {
		return fmt.Errorf("%w: %s", err, line)
	}
	if got.Time == "" || got.Level != "INFO" || got.Msg != message || got.User != "kim.minji@example.org" || got.Order == nil ||
		got.Amount != 129.95 || !got.Gift || got.Took != 1_500_000 {
		return fmt.Errorf("not what was logged: %s", line)
	}
	return nil
}

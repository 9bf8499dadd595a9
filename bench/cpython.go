//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/girok/girok"
)

//go:embed cpython/calls.py
var callsInPython string

// inPython are configurations that CPython's logging and girok both read, and how
// they are called.
var inPython = []struct {
	shape, what, yaml string
	calls, chunk      int
	limit             float64
	loop              func(log *slog.Logger, n int)
}{
	{"json", "JSON to a file, 5 attributes", `
formatters: {f: {"()": pythonjsonlogger.jsonlogger.JsonFormatter, format: "%%(asctime)s %%(levelname)s %%(name)s %%(message)s"}}
handlers: {h: {class: logging.FileHandler, filename: %q, formatter: f}}
root: {level: INFO, handlers: [h]}`, 10_000, 100, 1.0 / 10, five},
	{"text", "text to a file that is put aside at 10 MB", `
formatters: {f: {format: "%%(asctime)s | %%(levelname)s - %%(message)s"}}
handlers: {h: {class: logging.handlers.RotatingFileHandler, filename: %q, maxBytes: 10000000, backupCount: 3, formatter: f}}
root: {level: INFO, handlers: [h]}`, 10_000, 100, 1.0 / 6, none},
	{"tree", "text to a file, by a handler four loggers up", `
formatters: {f: {format: "%%(asctime)s | %%(levelname)s - %%(message)s"}}
handlers: {h: {class: logging.FileHandler, filename: %q, formatter: f}}
loggers: {shop.orders.checkout.card: {}, shop.orders.checkout: {}, shop.orders: {}, shop: {}}
root: {level: INFO, handlers: [h]}`, 10_000, 100, 1.0 / 6, none},
	{"disabled", "a call below the level", `
handlers: {h: {class: logging.FileHandler, filename: %q}}
root: {level: INFO, handlers: [h]}`, 200_000, 5000, 1.0 / 4, quiet},
}

func quiet(log *slog.Logger, n int) {
	ctx := context.Background()
	for range n {
		log.LogAttrs(ctx, slog.LevelDebug, message)
	}
}

// cpythonLine measures the same configuration, and the same calls, in CPython and in
// girok, in turns. Fair: the lines are the same but for the types that JSON has of a
// duration, the files lie on one disk, and each side tells the time of its own calls,
// so that nothing of how they are told to go on is in it. What each wrote is counted.
func cpythonLine(b *bench) ([]row, error) {
	var rows []row
	for _, c := range inPython {
		dir, err := b.folder()
		if err != nil {
			return nil, err
		}
		theirs := filepath.Join(dir, "python.log")
		py, err := startPython(dir, "version: 1\n"+fmt.Sprintf(c.yaml, theirs), c.shape, c.chunk)
		if err != nil {
			return nil, err
		}
		r, version, err := b.besidePython(py, dir, c.yaml, c.shape, c.calls, c.chunk, c.loop)
		if err = errors.Join(err, py.stop()); err != nil {
			return nil, fmt.Errorf("%s: %w", c.shape, err)
		}
		w := r.ratios(1, wall)
		rows = append(rows, row{
			what: c.what, control: "CPython " + version + ", the same configuration", ratio: w.String(), absolute: r.times(1, 0),
			bar: fmt.Sprintf("≤ 1/%.0f, wall", 1/c.limit), met: met(w.median <= c.limit),
		})
	}
	return rows, nil
}

// besidePython is the rounds of one configuration; arm 0 is CPython.
func (b *bench) besidePython(py *python, dir, yaml, shape string, calls, chunk int, loop func(*slog.Logger, int)) (r results, version string, err error) {
	ours := filepath.Join(dir, "girok.log")
	logs, err := girok.OpenBytes("bench", []byte("version: 1\n"+fmt.Sprintf(yaml, ours)))
	if err != nil {
		return nil, "", err
	}
	defer logs.Close()
	name := "shop"
	if shape == "tree" {
		name = "shop.orders.checkout.card"
	}
	log := logs.Logger(name)
	arms := []arm{{name: "girok", loop: func(n int) { loop(log, n) }}}
	rounds := b.turns(15)
	r = make(results, 2)
	for round := -1; round < rounds; round++ {
		their, err := py.calls(calls)
		if err != nil {
			return nil, "", err
		}
		our, err := arms[0].slice(plan{calls: calls, chunk: chunk, workers: 1})
		if err != nil {
			return nil, "", err
		}
		if round >= 0 {
			r[0], r[1] = append(r[0], their), append(r[1], our)
		}
	}
	want := 0
	if shape != "disabled" {
		want = (rounds + 1) * calls
	}
	for _, path := range []string{ours, filepath.Join(dir, "python.log")} {
		n, err := countLines(path)
		if err != nil || n != want {
			return nil, "", errors.Join(err, fmt.Errorf("%s has %d lines after %d calls", path, n, want))
		}
	}
	return r, py.version, nil
}

// countLines counts the lines of a file and of those that were put aside of it.
func countLines(path string) (n int, err error) {
	names, err := filepath.Glob(path + "*")
	for _, name := range names {
		b, rerr := os.ReadFile(name)
		n += bytes.Count(b, []byte{'\n'})
		err = errors.Join(err, rerr)
	}
	return n, err
}

// python is a CPython that logs when it is told.
type python struct {
	version string
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	errs    bytes.Buffer
}

func startPython(dir, yaml, shape string, chunk int) (*python, error) {
	const program = "python3"
	version, err := exec.Command(program, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	p := &python{version: strings.TrimSpace(strings.TrimPrefix(string(version), "Python "))}
	config := filepath.Join(dir, "python.yaml")
	if err := os.WriteFile(config, []byte(yaml), 0o600); err != nil {
		return nil, err
	}
	p.cmd = exec.Command(program, "-c", callsInPython, config, shape, fmt.Sprint(chunk))
	p.cmd.Stderr = &p.errs
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	return p, p.cmd.Start()
}

// calls lets it make n calls.
func (p *python) calls(n int) (sample, error) {
	s := sample{calls: n}
	if _, err := fmt.Fprintln(p.in, n); err != nil {
		return s, err
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return s, fmt.Errorf("%w; it needs PyYAML and python-json-logger 2.0.7: %s", err, p.errs.Bytes())
	}
	if err := json.Unmarshal(line, &s.chunks); err != nil {
		return s, err
	}
	for _, ns := range s.chunks {
		s.wall += time.Duration(ns * float64(n) / float64(len(s.chunks)))
	}
	return s, nil
}

func (p *python) stop() error { return errors.Join(p.in.Close(), p.cmd.Wait()) }

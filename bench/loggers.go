//go:build linux

package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/girok/girok"
	"github.com/rs/zerolog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"gopkg.in/natefinch/lumberjack.v2"
)

// contest is one thing that loggers are asked to do.
type contest struct {
	name, yaml string // girok's configuration
	// slog, zap and zerolog open theirs.
	slog    func(path string) (slog.Handler, io.Closer, error)
	zap     func(path string) (zapcore.Core, io.Closer, error)
	zerolog func(path string) (io.Writer, io.Closer, error)
	null    bool // to the null device
	rotates bool
}

const rotateAt = 10 << 20

// contests are them, each as the logger's documentation has it, without buffers that
// a kill would lose. Those without a way of their own to put files aside have
// lumberjack, as is usual with them.
func contests() []contest {
	file := func(path string) (*os.File, error) {
		return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	}
	aside := func(path string) *lumberjack.Logger {
		return &lumberjack.Logger{Filename: path, MaxSize: rotateAt >> 20, MaxBackups: 3}
	}
	zapConfig := zap.NewProductionEncoderConfig()
	zapConfig.EncodeTime, zapConfig.EncodeDuration = zapcore.RFC3339NanoTimeEncoder, zapcore.NanosDurationEncoder
	jsonSlog := func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) }
	jsonZap := func(w io.Writer) zapcore.Core {
		return zapcore.NewCore(zapcore.NewJSONEncoder(zapConfig), zapcore.AddSync(w), zap.InfoLevel)
	}
	textZap := func(w io.Writer) zapcore.Core {
		return zapcore.NewCore(zapcore.NewConsoleEncoder(zapConfig), zapcore.AddSync(w), zap.InfoLevel)
	}
	textZerolog := func(w io.Writer) io.Writer {
		return zerolog.ConsoleWriter{Out: w, NoColor: true, TimeFormat: time.RFC3339Nano}
	}
	list := []contest{
		{name: "JSON to a file", yaml: "formatters: {f: {class: json}}\nhandlers: {h: {class: file, filename: %q, formatter: f}}"},
		{name: "text to a file", yaml: "formatters: {f: {class: logfmt}}\nhandlers: {h: {class: file, filename: %q, formatter: f}}"},
		{name: "console, to the null device", yaml: "formatters: {f: {class: console}}\nhandlers: {h: {class: file, filename: %q, formatter: f}}", null: true},
		{name: "JSON to a file that is put aside at 10 MB", yaml: "formatters: {f: {class: json}}\nhandlers: {h: {class: logging.handlers.RotatingFileHandler, filename: %q, maxBytes: 10485760, backupCount: 3, formatter: f}}", rotates: true},
	}
	for i := range list {
		c := &list[i]
		text := strings.HasPrefix(c.name, "text") || c.null
		open := func(path string) (io.WriteCloser, error) { return file(path) }
		if c.rotates {
			open = func(path string) (io.WriteCloser, error) { return aside(path), nil }
		}
		c.slog = func(path string) (slog.Handler, io.Closer, error) {
			w, err := open(path)
			if text {
				return slog.NewTextHandler(w, nil), w, err
			}
			return jsonSlog(w), w, err
		}
		c.zap = func(path string) (zapcore.Core, io.Closer, error) {
			w, err := open(path)
			if text {
				return textZap(w), w, err
			}
			return jsonZap(w), w, err
		}
		c.zerolog = func(path string) (io.Writer, io.Closer, error) {
			w, err := open(path)
			if text {
				return textZerolog(w), w, err
			}
			return w, w, err
		}
	}
	return list
}

// loggersLine sets girok beside other loggers at what they all do: a record that is in
// the file when the call returns. Each has its own front end and the same five fields;
// girok's, and slog's, is slog's. All lines have the logger's name, bound once where that
// is how it is done. Arm 0, the control, is slog with its own handler. Where files are
// put aside each does so in each round, and the figure is the mean, which has that in it.
func loggersLine(b *bench) ([]row, error) {
	var rows []row
	var table strings.Builder
	table.WriteString("### Beside other loggers\nA call with five fields and the logger's name, in the file when it returns; ns, and the ratio to slog with its own handler in the same rounds.\n\n| | slog | girok | zap | zerolog |\n|---|---|---|---|---|\n")
	for _, c := range contests() {
		r, err := b.contest(&c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		fmt.Fprintf(&table, "| %s |", c.name)
		of := wall
		if c.rotates {
			of = mean
		}
		best := 0.0
		for i := range r {
			v := r.ratios(i, of).median
			fmt.Fprintf(&table, " %.0f (%.2f) |", r.absolute(i, of).median, v)
			if i != 1 && (best == 0 || v < best) {
				best = v
			}
		}
		table.WriteString("\n")
		out := r.row(1, "slog call, 5 attributes: "+c.name, "slog's own handler", 0)
		if c.rotates {
			ours := r.ratios(1, of)
			out.ratio = ours.String()
			out.bar, out.met = fmt.Sprintf("mean, not slower than the best of the others (%.3f)", best), met(ours.median <= best)
		}
		rows = append(rows, out)
	}
	b.sections = append(b.sections, table.String())
	return rows, nil
}

func (b *bench) contest(c *contest) (results, error) {
	dir, err := b.folder()
	if err != nil {
		return nil, err
	}
	path := func(name string) string {
		if c.null {
			return os.DevNull
		}
		return filepath.Join(dir, name)
	}
	h, closer, err := c.slog(path("slog"))
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	logs, err := girok.OpenBytes("bench", []byte("version: 1\n"+fmt.Sprintf(c.yaml, path("girok"))+"\nroot: {level: INFO, handlers: [h]}\n"))
	if err != nil {
		return nil, err
	}
	defer logs.Close()
	core, closer, err := c.zap(path("zap"))
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	w, closer, err := c.zerolog(path("zerolog"))
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	const name = "shop.orders"
	control, ours := slog.New(h).With("logger", name), logs.Logger(name)
	arms := []arm{
		{name: "slog", loop: func(n int) { five(control, n) }},
		{name: "girok", loop: func(n int) { five(ours, n) }},
		{name: "zap", loop: zapLoop(zap.New(core).Named(name))},
		{name: "zerolog", loop: zerologLoop(zerologTo(w).With().Str("logger", name).Logger())},
	}
	rounds, calls := b.turns(45), b.amount(4000)
	if c.rotates {
		rounds, calls = b.turns(15), b.amount(16_000) // of some 170 bytes, four times a round
	}
	r, err := compete(arms, plan{rounds: rounds, slices: 4, calls: calls, chunk: 250, workers: 1})
	if err != nil || c.null {
		return r, err
	}
	for _, a := range arms { // each call has left its line, in the files that are left
		n, err := countLines(path(a.name))
		if want := (rounds + 1) * 4 * calls; err != nil || n != want && !c.rotates || n == 0 {
			return nil, fmt.Errorf("%s: %d lines after %d calls: %w", a.name, n, want, err)
		}
	}
	return r, nil
}

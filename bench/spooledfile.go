//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/deliver"
	"github.com/girok/girok/format"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/file"
	"github.com/girok/girok/spool"
)

const spooledFileYAML = `version: 1
service: bench
spool: {dir: spool, max_bytes: 1GiB, require: true}
formatters:
  json: {class: json}
handlers:
  out: {class: file, spooled: true, filename: %q, formatter: json}
root: {level: INFO, handlers: [out]}
`

// spooledFileLine measures the whole way of a record into a file of JSON lines: call,
// spool, deliver, format, write. The figure is CPU time of the whole process.
//
// The control is the sum of its parts, each measured alone in the same round: the
// same calls into a spool that nobody reads; the reader over the frames that they
// left; the formatter over those frames, in memory; write(2) of the lines, as much
// at a time as the sink gives to one. What the whole costs more is to cut
// batches, the journal with its syncs, the note, and that two threads work on the
// same memory. Every line is counted.
//
// The second row leaves slog and the tree out: an encoder, the spool, deliver and
// the sink, with records of 200 B.
func spooledFileLine(b *bench) ([]row, error) {
	n := b.amount(400_000)
	rounds := b.turns(15)
	var ratios, whole, sums, bare []float64
	parts := make([][]float64, 4)
	for range rounds {
		w, err := b.wholeFile(n)
		if err != nil {
			return nil, err
		}
		p, err := b.fileParts(n)
		if err != nil {
			return nil, err
		}
		e, err := b.bareFile(n)
		if err != nil {
			return nil, err
		}
		sum := 0.0
		for i := range p {
			parts[i] = append(parts[i], p[i])
			sum += p[i]
		}
		ratios, whole, sums, bare = append(ratios, w/sum), append(whole, w), append(sums, sum), append(bare, e)
	}
	r, e := spreadOf(ratios), spreadOf(bare)
	median := func(i int) float64 { return spreadOf(parts[i]).median }
	return []row{{
		what: "slog call with 5 attributes to a spooled file of JSON lines, the whole way", control: "call + read + format + write, each alone",
		ratio: r.String(), absolute: fmt.Sprintf("%.0f ns of CPU a record (parts %.0f)", spreadOf(whole).median, spreadOf(sums).median),
		cpu: fmt.Sprintf("the ratio is of the process's CPU; call %.0f, read %.0f, format %.0f, write %.0f ns", median(0), median(1), median(2), median(3)),
		bar: "≤ 1.15", met: met(r.median <= 1.15),
	}, {
		what: "the same from an encoder, records of 200 B", control: "none", ratio: "",
		absolute: fmt.Sprintf("%.0f ns of CPU a record (%.0f–%.0f)", e.median, e.low, e.high),
		bar:      "≤ 700 ns", met: met(e.median <= 700),
	}}, nil
}

// cpuOf is the CPU time of the process in f, in ns for each of n.
func cpuOf(n int, f func() error) (float64, error) {
	runtime.GC()
	before := processCPU()
	err := f()
	return float64(processCPU()-before) / float64(n), err
}

// warm is how many records go before those that are measured.
const warm = 20_000

// wholeFile logs n records and waits until their lines are in the file.
func (b *bench) wholeFile(n int) (float64, error) {
	dir, err := b.folder()
	if err != nil {
		return 0, err
	}
	path, cfg := filepath.Join(dir, "out.jsonl"), filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(cfg, fmt.Appendf(nil, spooledFileYAML, path), 0o600); err != nil {
		return 0, err
	}
	logs, err := girok.Open(cfg)
	if err != nil {
		return 0, err
	}
	log := logs.Logger("shop.orders")
	flush := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		return logs.Flush(ctx)
	}
	five(log, warm)
	if err := flush(); err != nil {
		return 0, err
	}
	ns, err := cpuOf(n, func() error {
		five(log, n)
		return flush()
	})
	if err = errors.Join(err, logs.Close()); err == nil && logs.Lost() > 0 {
		err = fmt.Errorf("%d records were lost", logs.Lost())
	}
	if err != nil {
		return 0, err
	}
	f := &jsonFile{path: path}
	f.made.Store(int64(warm + n))
	return ns, errors.Join(f.check(), b.remove(dir))
}

// fileParts measures the parts: call, read, format, write.
func (b *bench) fileParts(n int) (ns [4]float64, err error) {
	dir, err := b.folder()
	if err != nil {
		return ns, err
	}
	logs, err := openSpooled(dir, message, true)
	if err != nil {
		return ns, err
	}
	log := logs.Logger("shop.orders")
	five(log, warm)
	if err := logs.settle(); err != nil {
		return ns, err
	}
	if ns[0], err = cpuOf(n, func() error { five(log, n); return nil }); err != nil {
		return ns, err
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if err := logs.Shutdown(over); err != nil { // the run stays: its destination is shut
		return ns, err
	}
	runs, err := spool.List(filepath.Join(dir, "spool", "bench"))
	if err != nil || len(runs) != 1 {
		return ns, fmt.Errorf("%d runs, %w", len(runs), err)
	}
	if ns[1], err = cpuOf(n, func() error { return eachFrame(runs[0], n, func([]byte) {}) }); err != nil {
		return ns, err
	}
	var frames [][]byte
	if err := eachFrame(runs[0], n, func(p []byte) { frames = append(frames, append([]byte(nil), p...)) }); err != nil {
		return ns, err
	}
	var lines []byte
	for pass := range 2 { // the first makes room
		lines = lines[:0]
		if ns[2], err = cpuOf(n, func() error {
			lines, err = formatAll(lines, frames)
			return err
		}); err != nil {
			return ns, fmt.Errorf("pass %d: %w", pass, err)
		}
	}
	if ns[3], err = b.writeAll(filepath.Join(dir, "control.jsonl"), lines, n); err != nil {
		return ns, err
	}
	return ns, b.remove(dir)
}

// eachFrame reads the first n frames of a run.
func eachFrame(run *spool.Run, n int, f func(payload []byte)) error {
	r := run.Reader(0)
	defer r.Close()
	for n > 0 {
		ref, st := r.Next()
		if st != spool.Frame {
			return fmt.Errorf("%d frames are missing", n)
		}
		f(ref.Payload)
		n--
	}
	return nil
}

func formatAll(dst []byte, frames [][]byte) ([]byte, error) {
	var f format.Formatter = format.NewJSON(format.JSONOptions{})
	v := new(record.View)
	for _, p := range frames {
		if err := v.Parse(p); err != nil {
			return dst, err
		}
		dst = append(f.Append(dst, v), '\n')
	}
	return dst, nil
}

// writeAll appends lines to a file, as much at a time as the sink does.
func (b *bench) writeAll(path string, lines []byte, n int) (float64, error) {
	const size = 1 << 20
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return cpuOf(n, func() error {
		for len(lines) > 0 {
			k := min(size, len(lines))
			if _, err := f.Write(lines[:k]); err != nil {
				return err
			}
			lines = lines[k:]
		}
		return nil
	})
}

// bareFile does without slog and the tree: encoder, spool, deliver, sink. What the
// records hold, their time too, is given to the encoder.
func (b *bench) bareFile(n int) (float64, error) {
	dir, err := b.folder()
	if err != nil {
		return 0, err
	}
	path := filepath.Join(dir, "out.jsonl")
	keys := fmt.Appendf(nil, `{"class":"file","spooled":true,"filename":%q,"formatter":{"class":"json"}}`, path)
	var d *deliver.Deliverer
	s, err := spool.Open(spool.Options{
		Dir: dir, MaxBytes: 1 << 30, Wake: func() { d.Wake() },
		Config: spool.RunConfig{Service: "bench", Handlers: []spool.HandlerConfig{{Bit: 0, Name: "out", Class: "file", Keys: keys}}},
	})
	if err != nil || s.Degraded() {
		return 0, fmt.Errorf("no spool can be made in %s: %w", dir, err)
	}
	d = deliver.New(deliver.Options{Spool: s, Kinds: []sink.Kind{file.Kind}})
	d.Start()
	attrs := []slog.Attr{
		slog.String("user", "kim.minji@example.org"), slog.Int("order", 0), slog.Float64("amount", 129.95),
		slog.Bool("gift", true), slog.Duration("took", 1500*time.Microsecond),
		slog.String("path", "/v1/orders/checkout/confirmed/by/card/and/sent/to/the/customer/now"),
	}
	appendN := func(n int) (err error) {
		h := record.Header{Mask: 1, Level: record.Info, Logger: "shop.orders", Message: message, Time: time.Now()}
		for i := range n {
			h.Time = h.Time.Add(5 * time.Microsecond)
			attrs[1].Value = slog.IntValue(i)
			e := record.NewEncoder(nil)
			e.Begin(&h)
			for i := range attrs {
				e.Attr(attrs[i])
			}
			p := e.Finish()
			if i == 0 && (len(p) < payloadSize || len(p) > payloadSize+8) {
				return fmt.Errorf("a record has %d bytes", len(p))
			}
			_, err = s.Writer().Append(p)
			e.Release()
			if err != nil {
				return err
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		return d.Flush(ctx)
	}
	if err := appendN(warm); err != nil {
		return 0, err
	}
	ns, err := cpuOf(n, func() error { return appendN(n) })
	s.Seal()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	d.Close(ctx)
	s.Release()
	if err != nil {
		return 0, err
	}
	f := &jsonFile{path: path}
	f.made.Store(int64(warm + n))
	return ns, errors.Join(f.check(), b.remove(dir))
}

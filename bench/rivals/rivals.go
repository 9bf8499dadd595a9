//go:build linux

// Package rivals is loggers of other people and girok, each set up as it is
// meant to be used where calls must be fast: with its own buffered writer, if it
// has one, to a file. All write the same record with the same fields, one line
// of JSON each, the time as RFC 3339 with nanoseconds.
package rivals

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	plog "github.com/phuslu/log"
	"github.com/rs/zerolog"
	"github.com/rs/zerolog/diode"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Rival is one logger that is open.
type Rival struct {
	// Log logs record i. It is safe for concurrent use.
	Log func(i int)
	// Flush writes what is buffered, if there is a way to ask for it. A lazy
	// logger has none, and writes after a while.
	Flush func() error
	Lazy  bool
	// Close ends it in order.
	Close func() error
	// Lossy: it gives records up when they come faster than it writes.
	Lossy bool
	// Arrived is how many records are in the file by now.
	Arrived func() (int, error)
}

// Kind is a logger that can be opened in a folder.
type Kind struct {
	Name, About string
	Open        func(dir string) (*Rival, error)
	// Numbers are the numbers i of the records that a program has left that was
	// killed there.
	Numbers func(dir string) (map[int]int, error)
	// Weight is a program under bench/weight that uses it.
	Weight string
}

// Kinds is all of them.
var Kinds = []Kind{
	{"slog", "JSONHandler, bufio of 256 KiB flushed every second", openSlog, fileNumbers, "weight/slog"},
	{"zap", "BufferedWriteSyncer: 256 KiB, 30 s", openZap, fileNumbers, "weight/zap"},
	{"zerolog", "bufio of 256 KiB flushed every second", openZerolog, fileNumbers, "weight/zerolog"},
	{"zerolog-diode", "diode of 1,000, polled every 10 ms, as its README has it", openDiode, fileNumbers, "weight/zerolog"},
	{"phuslu", "AsyncWriter of 4,096 and FileWriter", openPhuslu, fileNumbers, "weight/phuslu"},
	{"girok", "spooled, delivered into a JSON file", openSpooled, spooledNumbers, "weight/girok"},
	{"girok-direct", "a JSON file written in the call, one write a record", openDirect, fileNumbers, "weight/girok"},
}

const message = "order placed"

// File is where the records of a rival go, in its folder.
const File = "out.jsonl"

func openFile(dir string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, File), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
}

// onFile is a rival whose records are lines of the file.
func onFile(dir string, r *Rival) *Rival {
	c := lineCounter{path: filepath.Join(dir, File)}
	r.Arrived = c.count
	return r
}

// logWith logs through slog.
func logWith(l *slog.Logger) func(i int) {
	ctx := context.Background()
	return func(i int) {
		l.LogAttrs(ctx, slog.LevelInfo, message,
			slog.String("user", "kim.minji@example.org"), slog.Int("order", i), slog.Float64("amount", 129.95),
			slog.Bool("gift", true), slog.Duration("took", 1500*time.Microsecond))
	}
}

// buffered is a writer as programs make it that have no better one: a buffer
// under a lock, and a goroutine that flushes it.
type buffered struct {
	mu   sync.Mutex
	buf  *bufio.Writer
	file *os.File
	stop chan struct{}
}

func openBuffered(dir string) (*buffered, error) {
	f, err := openFile(dir)
	if err != nil {
		return nil, err
	}
	b := &buffered{buf: bufio.NewWriterSize(f, 256<<10), file: f, stop: make(chan struct{})}
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = b.flush() // the next write or close has the error too
			case <-b.stop:
				return
			}
		}
	}()
	return b, nil
}

func (b *buffered) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffered) flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Flush()
}

func (b *buffered) close() error {
	close(b.stop)
	if err := b.flush(); err != nil {
		return err
	}
	return b.file.Close()
}

func openSlog(dir string) (*Rival, error) {
	b, err := openBuffered(dir)
	if err != nil {
		return nil, err
	}
	return onFile(dir, &Rival{Log: logWith(slog.New(slog.NewJSONHandler(b, nil))), Flush: b.flush, Close: b.close}), nil
}

func openZap(dir string) (*Rival, error) {
	f, err := openFile(dir)
	if err != nil {
		return nil, err
	}
	c := zap.NewProductionEncoderConfig()
	c.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	c.EncodeDuration = zapcore.NanosDurationEncoder
	// Without the file's Sync: a flush shall write, not wait for the disk.
	w := &zapcore.BufferedWriteSyncer{WS: zapcore.AddSync(struct{ io.Writer }{f})}
	z := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(c), w, zap.InfoLevel))
	log := func(i int) {
		z.Info(message, zap.String("user", "kim.minji@example.org"), zap.Int("order", i), zap.Float64("amount", 129.95),
			zap.Bool("gift", true), zap.Duration("took", 1500*time.Microsecond))
	}
	return onFile(dir, &Rival{Log: log, Flush: w.Sync, Close: func() error {
		if err := w.Stop(); err != nil {
			return err
		}
		return f.Close()
	}}), nil
}

func zerologTo(w io.Writer) func(i int) {
	zerolog.TimeFieldFormat = time.RFC3339Nano
	z := zerolog.New(w).With().Timestamp().Logger()
	return func(i int) {
		z.Info().Str("user", "kim.minji@example.org").Int("order", i).Float64("amount", 129.95).
			Bool("gift", true).Dur("took", 1500*time.Microsecond).Msg(message)
	}
}

func openZerolog(dir string) (*Rival, error) {
	b, err := openBuffered(dir)
	if err != nil {
		return nil, err
	}
	return onFile(dir, &Rival{Log: zerologTo(b), Flush: b.flush, Close: b.close}), nil
}

func openDiode(dir string) (*Rival, error) {
	f, err := openFile(dir)
	if err != nil {
		return nil, err
	}
	w := diode.NewWriter(f, 1000, 10*time.Millisecond, nil)
	return onFile(dir, &Rival{Log: zerologTo(w), Flush: nothing, Lazy: true, Lossy: true, Close: w.Close}), nil
}

func openPhuslu(dir string) (*Rival, error) {
	w := &plog.AsyncWriter{ChannelSize: 4096, Writer: &plog.FileWriter{Filename: filepath.Join(dir, File)}}
	p := plog.Logger{Level: plog.InfoLevel, TimeFormat: time.RFC3339Nano, Writer: w}
	log := func(i int) {
		p.Info().Str("user", "kim.minji@example.org").Int("order", i).Float64("amount", 129.95).
			Bool("gift", true).Dur("took", 1500*time.Microsecond).Msg(message)
	}
	return onFile(dir, &Rival{Log: log, Flush: nothing, Lazy: true, Close: w.Close}), nil
}

func nothing() error { return nil }

// Named finds a kind.
func Named(name string) (Kind, error) {
	for _, k := range Kinds {
		if k.Name == name {
			return k, nil
		}
	}
	return Kind{}, fmt.Errorf("no logger is named %s", name)
}

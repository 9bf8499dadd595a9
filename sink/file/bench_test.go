package file

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/girok/girok/format"
	"github.com/girok/girok/record"
)

// The two benchmarks are fair to each other: the same calls through slog, the
// same file system, one write a record, the same line but for the key logger,
// and both take the program counter, which slog always does.

// direct is what the tree does for a handler that writes in the call: encode
// the record once, and give the view of the frame to the handler.
type direct struct{ h *Handler }

type frame struct {
	encoder *record.Encoder
	view    record.View
}

var frames = sync.Pool{New: func() any { return &frame{encoder: record.NewEncoder(nil)} }}

func (d direct) Enabled(context.Context, slog.Level) bool { return true }
func (d direct) WithAttrs([]slog.Attr) slog.Handler       { return d }
func (d direct) WithGroup(string) slog.Handler            { return d }

func (d direct) Handle(_ context.Context, r slog.Record) error {
	f := frames.Get().(*frame)
	defer frames.Put(f)
	e := f.encoder
	e.Begin(&record.Header{Level: record.FromSlog(r.Level), Time: r.Time, Logger: "shop.orders", Message: r.Message})
	r.Attrs(func(a slog.Attr) bool { e.Attr(a); return true })
	if err := f.view.Parse(e.Finish()); err != nil {
		return err
	}
	return d.h.Handle(&f.view)
}

func newDirect(tb testing.TB, path string, f format.Formatter) direct {
	tb.Helper()
	h := New(Options{Path: path, Format: f})
	if err := h.Open(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { h.Close() })
	return direct{h}
}

// handlers makes the two rivals.
func handlers(b *testing.B) map[string]slog.Handler {
	f, err := os.OpenFile(filepath.Join(b.TempDir(), "slog"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	return map[string]slog.Handler{
		"slog":   slog.NewJSONHandler(f, nil),
		"direct": newDirect(b, filepath.Join(b.TempDir(), "direct"), format.NewJSON(format.JSONOptions{})),
	}
}

func five(log *slog.Logger) {
	log.LogAttrs(context.Background(), slog.LevelInfo, "order placed",
		slog.String("user", "kim"), slog.Int("items", 3), slog.Float64("score", 0.9312),
		slog.Bool("gift", true), slog.Duration("took", 1500*time.Microsecond))
}

func benchmark(b *testing.B, name string) {
	h := handlers(b)[name]
	log := slog.New(h)
	b.Run("1", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			five(log)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				five(log)
			}
		})
	})
}

func BenchmarkDirectJSON(b *testing.B) { benchmark(b, "direct") }
func BenchmarkSlogJSON(b *testing.B)   { benchmark(b, "slog") }

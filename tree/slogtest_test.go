package tree

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/girok/girok/format"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink/file"
)

// jsonFile is a handler that writes JSON to a new file.
func jsonFile(tb testing.TB) (*Handler, string) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "log")
	f := file.New(file.Options{Path: path, Format: format.NewJSON(format.JSONOptions{Location: time.UTC})})
	if err := f.Open(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	return &Handler{Name: "file", Accepts: Takes(record.Log), Direct: f}, path
}

func read(tb testing.TB, path string) []byte {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// parsed is JSON lines as slogtest wants them.
func parsed(t *testing.T, lines []byte) (list []map[string]any) {
	t.Helper()
	for line := range bytes.Lines(lines) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		delete(m, "logger")
		list = append(list, m)
	}
	return list
}

// asJSON is what was appended, as a file would have it.
func asJSON(t *testing.T, spool *frames) (out []byte) {
	t.Helper()
	j := format.NewJSON(format.JSONOptions{Location: time.UTC})
	for _, v := range spool.views(t) {
		out = append(j.Append(out, v), '\n')
	}
	return out
}

// slog's own rules, on the way without a frame (a file alone) and on the way with
// one; both write the same bytes.
func TestSlogtest(t *testing.T) {
	for _, name := range []string{"", "shop.orders"} {
		straight, path := jsonFile(t)
		one := New(Config{Loggers: []LoggerConfig{logger("", 10, straight)}})
		if one.Node(name).plan.Load().only == nil {
			t.Error("a file alone takes frames")
		}
		slogtest.Run(t, func(t *testing.T) slog.Handler {
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
			return one.Node(name).Handler()
		}, func(t *testing.T) map[string]any { return parsed(t, read(t, path))[0] })

		both, path2 := jsonFile(t)
		spool := &frames{}
		two := New(Config{Appender: spool, Loggers: []LoggerConfig{logger("", 10, both, spooledAt(0, 0))}})
		if err := slogtest.TestHandler(two.Node(name).Handler(), func() []map[string]any { return parsed(t, asJSON(t, spool)) }); err != nil {
			t.Error(err)
		}
		if got, want := read(t, path2), asJSON(t, spool); !bytes.Equal(got, want) {
			t.Errorf("the file has\n%sthe spool\n%s", got, want)
		}
	}
}

// A group that is open takes a frame, also where a file is alone; so does a
// second handler. The lines are the same.
func TestStraightAndFramed(t *testing.T) {
	now := time.Now()
	var outs [2][]byte
	for i := range outs {
		h, path := jsonFile(t)
		hs := []*Handler{h, {Name: "null", Accepts: Takes(record.Log), Direct: &lines{}}}[:i+1]
		tr := New(Config{Loggers: []LoggerConfig{logger("", 10, hs...)}})
		base := tr.Node("a").Handler()
		for _, h := range []slog.Handler{
			base, base.WithAttrs([]slog.Attr{slog.Int("b", 1), slog.Any("n", nil)}), base.WithGroup("g"),
			base.WithGroup("g").WithAttrs([]slog.Attr{slog.Int("b", 1)}),
		} {
			r := slog.NewRecord(now, slog.LevelWarn, "msg\n", 0)
			r.AddAttrs(slog.String("s", "é\xff"), slog.Group("in", slog.Int("x", 1)), slog.Attr{}, slog.Duration("d", 5))
			for range 2 {
				if err := h.Handle(t.Context(), r); err != nil {
					t.Error(err)
				}
			}
		}
		outs[i] = read(t, path)
	}
	if !bytes.Equal(outs[0], outs[1]) || bytes.Count(outs[0], []byte("\n")) != 8 {
		t.Errorf("got\n%s\nand\n%s", outs[0], outs[1])
	}
}

// ways counts by which way logs come.
type ways struct{ straight, framed int }

func (w *ways) Handle(*record.View) error { w.framed++; return nil }

func (w *ways) HandleCall(*record.Call) (bool, error) { w.straight++; return true, nil }

// Logs go without a frame where one direct handler alone takes them, by their level,
// and nothing is added to them.
func TestStraightByLevel(t *testing.T) {
	row := &Handler{Name: "rows", Accepts: Takes(record.Row), Bit: 3}
	for name, tt := range map[string]struct {
		level            record.Level // of the direct handler
		others           []*Handler
		stack            record.Level
		straight, framed int
	}{
		"alone":                      {level: 0, straight: 5},
		"with a level":               {level: record.Error, straight: 2},
		"with a stack":               {level: record.Info, stack: record.Error, straight: 2, framed: 2},
		"beside a spooled one":       {level: 0, others: []*Handler{spooledAt(0, record.Error)}, straight: 3, framed: 2},
		"beside one that takes rows": {level: 0, others: []*Handler{row}, straight: 5},
	} {
		w := &ways{}
		hs := append(tt.others, &Handler{Name: "w", Level: tt.level, Accepts: Takes(record.Log), Direct: w})
		tr := New(Config{Appender: &frames{}, Stack: tt.stack, Loggers: []LoggerConfig{logger("", record.Debug, hs...)}})
		log := slog.New(tr.Node("x").Handler())
		for _, l := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError, 12} {
			log.Log(t.Context(), l, "m")
		}
		if w.straight != tt.straight || w.framed != tt.framed {
			t.Errorf("%s: %d straight, %d in frames; want %d, %d", name, w.straight, w.framed, tt.straight, tt.framed)
		}
	}
}

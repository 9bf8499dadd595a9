package file

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/girok/girok/format"
	"github.com/girok/girok/record"
)

// call is a call with this text.
func call(text string, attrs ...slog.Attr) *record.Call {
	c := record.NewCall()
	c.Level, c.Logger, c.Record = record.Info, "shop", slog.NewRecord(time.Unix(1709646306, 0), slog.LevelInfo, text, 0)
	c.Record.AddAttrs(attrs...)
	return c
}

// A call and its frame give the same line.
func TestHandleCall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "log")
	h := New(Options{Path: path, Format: format.NewJSON(format.JSONOptions{Location: time.UTC})})
	defer h.Close()
	n := slog.Int("n", 1)
	if ok, err := h.HandleCall(call("m", n)); !ok || err != nil { // it opens the file, and makes its folder
		t.Fatal(ok, err)
	}
	if err := h.Handle(message(t, "m", n)); err != nil {
		t.Fatal(err)
	}
	line := `{"time":"2024-03-05T13:45:06Z","level":"INFO","logger":"shop","msg":"m","n":1}` + "\n"
	wantFile(t, path, line+line)
}

// Where a frame is wanted, nothing is written.
func TestHandleCallWantsAFrame(t *testing.T) {
	var root *record.Bound
	tests := map[string]struct {
		format format.Formatter
		bound  *record.Bound
		msg    string
	}{
		"attributes":   {format.Default(time.UTC), nil, "m"},
		"source":       {format.NewJSON(format.JSONOptions{Source: true}), nil, "m"},
		"open group":   {format.NewJSON(format.JSONOptions{}), root.WithGroup("g"), "m"},
		"long message": {format.NewJSON(format.JSONOptions{}), nil, strings.Repeat("x", record.MaxString+1)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			h := New(Options{Path: path, Format: tt.format})
			defer h.Close()
			c := call(tt.msg)
			c.Bound = tt.bound
			if ok, err := h.HandleCall(c); ok || err != nil || h.Failed() != 0 {
				t.Error(ok, err)
			}
			if _, err := os.Stat(path); err == nil {
				t.Error("it made the file")
			}
		})
	}
}

func TestHandleCallFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h := New(Options{Path: filepath.Join(dir, "file", "log"), Format: format.NewJSON(format.JSONOptions{})})
	for range 2 {
		// ok: a frame would not help.
		if ok, err := h.HandleCall(call("m")); !ok || err == nil {
			t.Error(ok, err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "file")); err != nil {
		t.Fatal(err)
	}
	if ok, err := h.HandleCall(call("m")); !ok || err != nil || h.Failed() != 2 {
		t.Error("it does not heal:", ok, err, h.Failed())
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if ok, err := h.HandleCall(call("m")); !ok || !errors.Is(err, os.ErrClosed) || h.Failed() != 3 {
		t.Errorf("after Close: %v %v", ok, err)
	}
}

// Calls and frames of many goroutines do not mix within lines.
func TestHandleCallTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	h := New(Options{Path: path, Format: format.NewJSON(format.JSONOptions{Location: time.UTC})})
	long := slog.String("s", strings.Repeat("x", 9000))
	var wg sync.WaitGroup
	for i := range 8 {
		v := message(t, "m", long)
		wg.Go(func() {
			for range 200 {
				var err error
				if i%2 == 0 {
					err = h.Handle(v)
				} else {
					c := call("m", long)
					_, err = h.HandleCall(c)
					c.Release()
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(b, []byte("\n"))
	if len(lines) != 1601 {
		t.Errorf("%d lines", len(lines)-1)
	}
	for _, l := range lines[:len(lines)-1] {
		if !bytes.Equal(l, lines[0]) {
			t.Fatalf("a line is mixed: %.100s", l)
		}
	}
}

func TestHandleCallAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool forget")
	}
	h := New(Options{Path: filepath.Join(t.TempDir(), "log"), Format: format.NewJSON(format.JSONOptions{})})
	defer h.Close()
	c := call("m", slog.String("user", "kim"), slog.Int("n", 3), slog.Float64("f", 1.5), slog.Bool("b", true), slog.Duration("d", 9))
	if n := testing.AllocsPerRun(200, func() { _, _ = h.HandleCall(c) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

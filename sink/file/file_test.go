package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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

// message is a record with this text.
func message(tb testing.TB, text string, attrs ...slog.Attr) *record.View {
	tb.Helper()
	e := record.NewEncoder(nil)
	defer e.Release()
	e.Begin(&record.Header{Level: record.Info, Time: time.Unix(1709646306, 0), Logger: "shop", Message: text})
	for _, a := range attrs {
		e.Attr(a)
	}
	v := new(record.View)
	if err := v.Parse(bytes.Clone(e.Finish())); err != nil {
		tb.Fatal(err)
	}
	return v
}

// plain writes the message only.
func plain(tb testing.TB) format.Formatter {
	tb.Helper()
	f, err := format.New("%(message)s", "", time.UTC)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func handle(tb testing.TB, h *Handler, texts ...string) {
	tb.Helper()
	for _, s := range texts {
		if err := h.Handle(message(tb, s)); err != nil {
			tb.Fatal(err)
		}
	}
}

func wantFile(tb testing.TB, path, want string) {
	tb.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	if string(got) != want {
		tb.Errorf("%s has %q, want %q", filepath.Base(path), got, want)
	}
}

func TestModes(t *testing.T) {
	tests := []struct {
		name     string
		before   string
		truncate bool
		open     bool
		want     string
	}{
		{"append", "old\n", false, true, "old\na\nb\n"},
		{"append, delayed", "old\n", false, false, "old\na\nb\n"},
		{"truncate", "old\n", true, true, "a\nb\n"},
		{"truncate, delayed", "old\n", true, false, "a\nb\n"},
		{"append to half a line", "old", false, true, "old\na\nb\n"},
		{"new", "", false, true, "a\nb\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			if tt.before != "" {
				if err := os.WriteFile(path, []byte(tt.before), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			h := New(Options{Path: path, Format: plain(t), Truncate: tt.truncate})
			if tt.open {
				if err := h.Open(); err != nil {
					t.Fatal(err)
				}
				if tt.truncate {
					wantFile(t, path, "")
				}
			} else if tt.before != "" {
				wantFile(t, path, tt.before)
			}
			handle(t, h, "a", "b")
			wantFile(t, path, tt.want)
			if err := h.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMode0644(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	h := New(Options{Path: path, Format: plain(t)})
	handle(t, h, "a")
	defer h.Close()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm()&0o133 != 0 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestMissingFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "log")
	h := New(Options{Path: path, Format: plain(t), NoMkdir: true})
	if err := h.Open(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
	if err := h.Handle(message(t, "lost")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if h.Failed() != 1 {
		t.Errorf("%d failed", h.Failed())
	}
	// The handler heals by itself once the folder is there.
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	handle(t, h, "a")
	wantFile(t, path, "a\n")
	h.Close()

	made := filepath.Join(t.TempDir(), "x", "y", "log")
	h = New(Options{Path: made, Format: plain(t)})
	handle(t, h, "a")
	wantFile(t, made, "a\n")
	h.Close()
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	h := New(Options{Path: path, Format: plain(t), Truncate: true})
	handle(t, h, "a")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	handle(t, h, "b")
	if err := h.Reopen(); err != nil {
		t.Fatal(err)
	}
	handle(t, h, "c")
	if err := h.Reopen(); err != nil { // mode w must not empty the file again
		t.Fatal(err)
	}
	handle(t, h, "d")
	wantFile(t, path+".1", "a\nb\n")
	wantFile(t, path, "c\nd\n")

	// The folder goes, and the file in it: records still go to the old file, and
	// a Reopen makes both anew.
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	handle(t, h, "e")
	if err := h.Reopen(); err != nil {
		t.Fatal(err)
	}
	handle(t, h, "f")
	wantFile(t, path, "f\n")
	h.Close()
}

func TestReopenThatFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sub", "log")
	h := New(Options{Path: path, Format: plain(t)})
	handle(t, h, "a")
	if err := os.Rename(filepath.Dir(path), filepath.Join(dir, "moved")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "sub"), nil, 0o644); err != nil { // a file where the folder was
		t.Fatal(err)
	}
	if err := h.Reopen(); err == nil {
		t.Error("no error")
	}
	handle(t, h, "b")
	wantFile(t, filepath.Join(dir, "moved", "log"), "a\nb\n")
	h.Close()
}

func TestClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	h := New(Options{Path: path, Format: plain(t)})
	handle(t, h, "a")
	for range 2 {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := h.Handle(message(t, "b")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if err := h.Reopen(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
	wantFile(t, path, "a\n")
	never := New(Options{Path: filepath.Join(t.TempDir(), "never"), Format: plain(t)})
	if err := never.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(never.o.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a handler that was never used made its file")
	}
}

// TestTogether writes from many goroutines while the file is reopened under
// them, and then closed: each record is in one of the files, once and whole, or
// its call has failed.
func TestTogether(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	h := New(Options{Path: path, Format: format.NewJSON(format.JSONOptions{})})
	const writers, each = 4, 500
	var wg sync.WaitGroup
	var mu sync.Mutex
	written := map[string]bool{}
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d-%d", w, i)
				err := h.Handle(message(t, id, slog.String("fill", strings.Repeat("x", i%300))))
				if err != nil && !errors.Is(err, os.ErrClosed) {
					t.Error(err)
				}
				mu.Lock()
				written[id] = err == nil
				mu.Unlock()
			}
		})
	}
	for i := range 20 {
		_ = os.Rename(path, fmt.Sprintf("%s.%d", path, i))
		if err := h.Reopen(); err != nil {
			t.Error(err)
		}
	}
	for { // close somewhere near the end
		mu.Lock()
		n := len(written)
		mu.Unlock()
		if n > writers*each*9/10 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	seen := readAll(t, dir)
	for id, ok := range written {
		if want := 0; ok {
			want = 1
			if seen[id] != want {
				t.Errorf("record %s: %d times", id, seen[id])
			}
		} else if seen[id] != want {
			t.Errorf("record %s failed and is there", id)
		}
	}
}

// readAll counts the messages of all files of a folder.
func readAll(t *testing.T, dir string) map[string]int {
	t.Helper()
	seen := map[string]int{}
	files, err := filepath.Glob(filepath.Join(dir, "log*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(b) {
			var m struct{ Msg string }
			if err := json.Unmarshal(line, &m); err != nil {
				t.Fatalf("%s: %q: %v", name, line, err)
			}
			seen[m.Msg]++
		}
	}
	return seen
}

func TestNothingAllocated(t *testing.T) {
	h := New(Options{Path: filepath.Join(t.TempDir(), "log"), Format: format.NewJSON(format.JSONOptions{})})
	defer h.Close()
	v := message(t, "order placed", slog.String("user", "kim"), slog.Float64("score", 0.93))
	if n := testing.AllocsPerRun(200, func() {
		if err := h.Handle(v); err != nil {
			t.Fatal(err)
		}
	}); n >= 1 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
}

package girok

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/config"
)

func ExampleOpenConfig() {
	logs, err := OpenConfig(Config{
		Formatters: map[string]Keys{"short": {"format": "%(levelname)s %(message)s %(user)s"}},
		Handlers:   map[string]Keys{"out": {"class": "console", "stream": "ext://sys.stdout", "formatter": "short"}},
		Root:       &Logger{Level: slog.LevelInfo, Handlers: []string{"out"}},
	})
	if err != nil {
		panic(err) // every mistake at once
	}
	defer logs.Close()
	logs.Logger("shop").Info("sold", "user", "kim")
	// Output: INFO sold kim
}

// What a program says in Go is what it would say in YAML.
func TestOpenConfig(t *testing.T) {
	noSpool(t)
	dir := t.TempDir()
	b := &box{}
	no := false
	c := Config{
		Service: "shop",
		Handlers: map[string]Keys{
			"box": {"class": "box", "level": slog.LevelWarn, "batch": map[string]any{"age": 3 * time.Millisecond, "records": 5}},
			"f":   {"class": "file", "filename": filepath.Join(dir, "f")},
		},
		Loggers: map[string]Logger{"a": {Level: slog.LevelDebug, Handlers: []string{"f"}, Propagate: &no}},
		Root:    &Logger{Level: slog.LevelInfo, Handlers: []string{"box"}},
		Redact:  Keys{"keys": []string{"password"}},
		Spool:   Keys{"dir": dir, "max_bytes": "64MiB"},
	}
	logs, err := OpenConfig(c, b.kind())
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	logs.Logger("a").Debug("to the file", "password", "x")
	logs.Logger("b").Info("to nobody")
	logs.Logger("b").Warn("to the box")
	c.Root.Level = slog.LevelError
	if err := logs.ReloadConfig(c); err != nil {
		t.Fatal(err)
	}
	logs.Logger("b").Warn("to nobody")
	if err := logs.Close(); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "f"))
	if err != nil || !strings.HasSuffix(string(text), "DEBUG a: to the file password=***\n") {
		t.Errorf("%q (%v)", text, err)
	}
	if len(b.rows) != 1 || !strings.HasSuffix(b.rows[0], "to the box") {
		t.Errorf("%q", b.rows)
	}
}

func TestOpenConfigMistakes(t *testing.T) {
	noSpool(t)
	_, err := OpenConfig(Config{
		Handlers: map[string]Keys{"f": {"class": "file", "filname": "x"}},
		Root:     &Logger{Handlers: []string{"g"}},
	})
	var ps config.Problems
	if !errors.As(err, &ps) || len(ps) < 2 || !strings.Contains(err.Error(), `handlers.f.filname: unknown key; did you mean "filename"?`) {
		t.Errorf("%v", err)
	}
	if _, err := OpenConfig(Config{Spool: Keys{"dir": make(chan int)}}); err == nil {
		t.Error("a channel is a folder")
	}
}

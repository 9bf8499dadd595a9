package girok

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// box is a destination in memory.
type box struct {
	gate chan struct{} // nil: open; else Write waits until it is closed
	err  error         // what Write returns

	mu    sync.Mutex
	rows  []string // level and message
	attrs []string // of each row, as JSON
}

type boxConfig struct {
	Batch    sink.Limits   `yaml:"batch" doc:"when a batch is cut"`
	Password config.Secret `yaml:"password" doc:"a secret"`
}

func (boxConfig) Endpoint(sink.Env) string { return "box" }
func (boxConfig) Target() string           { return "rows" }
func (c boxConfig) Limits() sink.Limits    { return c.Batch }
func (boxConfig) Guarantee() string        { return "at least once" }

// kind is class box, whose handlers write to b.
func (b *box) kind() sink.Kind {
	def := boxConfig{Batch: sink.Limits{Records: 1000, Bytes: 1 << 20, Age: config.Duration(5 * time.Millisecond)}}
	return sink.Define("box", "a box", sink.None, def, func(context.Context, sink.Env, boxConfig) (sink.Sink, error) { return b, nil })
}

func (b *box) Write(ctx context.Context, batch *sink.Batch) error {
	if b.gate != nil {
		select {
		case <-b.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var v record.View
	for i := range batch.Len() {
		if err := batch.At(i, &v); err != nil || b.err != nil {
			return errors.Join(err, b.err)
		}
		a := v.Attrs()
		b.rows, b.attrs = append(b.rows, v.Level.String()+" "+string(v.Message)), append(b.attrs, string(a.AppendJSON(nil)))
	}
	return nil
}

func (b *box) Close() error { return nil }

func (b *box) got() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.rows)
}

// boxed is a configuration with a box for all.
const boxed = `version: 1
service: shop
handlers: {box: {class: box}}
root: {level: INFO, handlers: [box]}
`

// writeConfig makes a configuration in a folder of its own.
func writeConfig(tb testing.TB, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// openText opens a configuration, and closes it when the test ends.
func openText(tb testing.TB, text string, opts ...Option) *Logs {
	tb.Helper()
	logs, err := Open(writeConfig(tb, text), opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { logs.Close() })
	return logs
}

// catchStderr takes what is opened on standard error from now on until the test
// ends; the function tells what came.
func catchStderr(tb testing.TB) func() string {
	tb.Helper()
	f, err := os.Create(filepath.Join(tb.TempDir(), "stderr"))
	if err != nil {
		tb.Fatal(err)
	}
	before := os.Stderr
	os.Stderr = f
	tb.Cleanup(func() { os.Stderr = before; f.Close() })
	return func() string { return readText(tb, f.Name()) }
}

func readText(tb testing.TB, path string) string {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// eachFile walks all files below a folder.
func eachFile(tb testing.TB, dir string, f func(path, text string)) {
	tb.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			f(path, readText(tb, path))
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// noSpool keeps the environment out of a test.
func noSpool(t *testing.T) {
	t.Helper()
	for _, name := range []string{"GIROK_SPOOL", "STATE_DIRECTORY", "GIROK_CONFIG"} {
		t.Setenv(name, "")
	}
	t.Setenv("XDG_STATE_HOME", filepath.Join(t.TempDir(), "state"))
}

func wantParts(t *testing.T, got string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(got, p) {
			t.Errorf("%q is missing in:\n%s", p, got)
		}
	}
}

// within is a context that ends soon.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

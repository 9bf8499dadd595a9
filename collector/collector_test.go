package collector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/source/stdin"
)

// store is a destination in memory that can be shut, and can refuse.
type store struct {
	open     chan struct{} // nil: it is
	refuses  atomic.Bool
	mu       sync.Mutex
	messages []string
}

type storeConfig struct {
	Batch sink.Limits `yaml:"batch"`
}

func (storeConfig) Endpoint(sink.Env) string { return "store" }
func (storeConfig) Target() string           { return "all" }
func (c storeConfig) Limits() sink.Limits    { return c.Batch }
func (storeConfig) Guarantee() string        { return "none" }

func (s *store) kind() sink.Kind {
	return sink.Define("store", "a test's", sink.None, storeConfig{
		Batch: sink.Limits{Records: 1000, Bytes: 1 << 20, Age: config.Duration(20 * time.Millisecond)},
	}, func(context.Context, sink.Env, storeConfig) (sink.Sink, error) { return s, nil })
}

func (s *store) Write(ctx context.Context, b *sink.Batch) error {
	if s.refuses.Load() {
		return &sink.Refused{Err: errors.New("no such place"), Remedy: "make it"}
	}
	if s.open != nil {
		select {
		case <-s.open:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var v record.View
	for i := range b.Len() {
		if err := b.At(i, &v); err != nil {
			return err
		}
		s.messages = append(s.messages, string(v.Message))
	}
	return nil
}

func (s *store) Close() error { return nil }

// wants checks that the lines 1 to n came, once each.
func (s *store) wants(t *testing.T, n int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.messages) != n {
		t.Errorf("%d records came, want %d", len(s.messages), n)
	}
	seen := map[string]bool{}
	for _, m := range s.messages {
		if seen[m] {
			t.Fatalf("%.20q came twice", m)
		}
		seen[m] = true
	}
}

func configFile(t *testing.T, more string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	text := "version: 1\nservice: test\nhandlers: {all: {class: store}}\nroot: {level: INFO, handlers: [all]}\n" + more
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func options(path string, s *store, in io.Reader, told io.Writer) Options {
	return Options{ConfigPath: path, Kinds: []girok.Option{s.kind(), stdin.Kind}, Stdin: in, Stderr: told, Drain: 20 * time.Second}
}

func lines(n, length int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d %s\n", i, strings.Repeat("x", length))
	}
	return b.String()
}

func TestRun(t *testing.T) {
	s := &store{}
	var told bytes.Buffer
	sum, err := Run(t.Context(), options(configFile(t, "spool: {dir: spool}"), s, strings.NewReader(lines(5000, 10)), &told))
	if err != nil {
		t.Fatal(err)
	}
	s.wants(t, 5000)
	if sum.Read != 5000 || sum.Spooled != 5000 || len(sum.Left) != 0 || sum.Lost != 0 || sum.Handlers[0].Records != 5000 {
		t.Errorf("%+v", sum)
	}
	var text strings.Builder
	_, _ = sum.WriteTo(&text)
	if !strings.HasPrefix(text.String(), "girok: read 5000 lines, 5000 records to the spool; all: delivered 5000; dead letters 0, lost 0 (") {
		t.Error(text.String())
	}
}

// A destination that is slower than the sender holds the sender back. Nothing is
// lost, although the spool has room for a third of it only.
func TestFullSpoolStopsTheReading(t *testing.T) {
	s := &store{open: make(chan struct{})}
	var told bytes.Buffer
	o := options(configFile(t, "spool: {dir: spool, max_bytes: 4MiB}"), s, strings.NewReader(lines(12_000, 1000)), &told)
	timer := time.AfterFunc(500*time.Millisecond, func() { close(s.open) })
	defer timer.Stop()
	sum, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	s.wants(t, 12_000)
	if sum.Lost != 0 || len(sum.Left) != 0 {
		t.Errorf("%+v", sum)
	}
}

// What a destination refuses waits, is told, and is delivered by the next start.
func TestWhatWaitsIsDeliveredByTheNextStart(t *testing.T) {
	s := &store{}
	s.refuses.Store(true)
	path := configFile(t, "spool: {dir: spool}")
	sum, err := Run(t.Context(), options(path, s, strings.NewReader(lines(100, 10)), io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	if len(sum.Left) != 1 || sum.Took > 15*time.Second {
		t.Fatalf("%+v", sum)
	}
	if text := Left(sum.Left[0]); !strings.Contains(text, "wait for all (refused: no such place; make it); they are safe in the spool") {
		t.Error(text)
	}
	s.refuses.Store(false)
	sum, err = Run(t.Context(), options(path, s, nil, io.Discard))
	if err != nil || len(sum.Left) != 0 || sum.Read != 0 {
		t.Fatalf("%+v %v", sum, err)
	}
	s.wants(t, 100)
}

// A stop keeps what was read.
func TestStop(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	s := &store{}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = io.WriteString(w, lines(1000, 10))
		time.Sleep(50 * time.Millisecond)
		cancel()
	}()
	begun := time.Now()
	sum, err := Run(ctx, options(configFile(t, "spool: {dir: spool}"), s, r, io.Discard))
	if err != nil || len(sum.Left) != 0 {
		t.Fatalf("%+v %v", sum, err)
	}
	s.wants(t, 1000)
	if d := time.Since(begun); d > time.Minute {
		t.Errorf("it took %s", d)
	}
}

// With Stay it delivers for others until it is stopped.
func TestStay(t *testing.T) {
	s := &store{}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	path := configFile(t, "spool: {dir: spool}")
	var told bytes.Buffer
	o := options(path, s, strings.NewReader("first\n"), &told)
	o.Stay = true
	done := make(chan *Summary, 1)
	go func() {
		sum, err := Run(ctx, o)
		if err != nil {
			t.Error(err)
		}
		done <- sum
	}()
	select {
	case <-done:
		t.Fatal("it ended with its source")
	case <-time.After(300 * time.Millisecond):
	}
	logs, err := girok.Open(path, s.kind(), girok.Option(stdin.Kind))
	if err != nil {
		t.Fatal(err)
	}
	logs.Logger("other").Info("second")
	if err := logs.Close(); err != nil {
		t.Fatal(err)
	}
	for range 1200 {
		s.mu.Lock()
		n := len(s.messages)
		s.mu.Unlock()
		if n == 2 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	cancel()
	sum := <-done
	s.wants(t, 2)
	if !strings.Contains(told.String(), "until it is stopped") || len(sum.Left) != 0 {
		t.Errorf("%q %+v", told.String(), sum)
	}
}

func TestMistakes(t *testing.T) {
	s := &store{}
	for name, more := range map[string]string{
		"key of a source": "sources: {in: {class: stdin, formt: text}}",
		"two of one kind": "sources: {a: {class: stdin}, b: {class: stdin}}",
		"class":           "sources: {a: {class: stdon}}",
		"no class":        "sources: {a: {logger: x}}",
	} {
		sum, err := Run(t.Context(), options(configFile(t, more), s, strings.NewReader(""), io.Discard))
		var ps config.Problems
		if sum != nil || !errors.As(err, &ps) || len(ps) != 1 || ps[0].Line != 5 {
			t.Errorf("%s: got %v %v", name, sum, err)
		}
	}
	sum, err := Run(t.Context(), options(configFile(t, "sources: {a: {class: stdin}}"), s, nil, io.Discard))
	if err == nil || !strings.Contains(err.Error(), "source a: stdin: the program has no standard input") || sum == nil {
		t.Errorf("got %v", err)
	}
}

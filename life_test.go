package girok

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

func TestFlush(t *testing.T) {
	noSpool(t)
	var b box
	logs := openText(t, boxed, b.kind())
	if err := logs.Flush(within(t, 5*time.Second)); err != nil { // of nothing
		t.Error(err)
	}
	for i := range 100 {
		logs.Logger("a.b").Info("m", "i", i)
		logs.Logger("a.b").Debug("below")
	}
	if err := logs.Flush(within(t, 5*time.Second), "box"); err != nil {
		t.Fatal(err)
	}
	if got := b.got(); len(got) != 100 || b.attrs[99] != `{"i":99}` {
		t.Errorf("%d rows", len(got))
	}
	s := logs.Stats().Handlers
	if len(s) != 1 || s[0].Handler != "box" || s[0].Target != "rows" || s[0].Records != 100 || s[0].State != spool.Delivering || s[0].Letters != 0 {
		t.Errorf("stats %+v", s)
	}
	if len(logs.Backlog()) != 0 || logs.Lost() != 0 || logs.Failed() != 0 {
		t.Errorf("backlog %+v, lost %d, failed %d", logs.Backlog(), logs.Lost(), logs.Failed())
	}
}

func TestFlushOfAStalledSink(t *testing.T) {
	noSpool(t)
	b := box{gate: make(chan struct{})}
	logs := openText(t, boxed, b.kind())
	logs.Logger("").Info("m")
	start := time.Now()
	err := logs.Flush(within(t, 100*time.Millisecond))
	var f *FlushError
	if !errors.As(err, &f) || f.Handler != "box" || f.Waiting == 0 || f.Oldest < 90*time.Millisecond || time.Since(start) > 30*time.Second {
		t.Fatalf("got %#v after %v", err, time.Since(start))
	}
	wantParts(t, f.Error(), "handler box", "wait for delivery")
	list := logs.Backlog()
	if len(list) != 1 || !list[0].Own || list[0].Memory || list[0].Bytes != f.Waiting {
		t.Errorf("backlog %+v, waiting %d", list, f.Waiting)
	}
	close(b.gate)
	if err := logs.Flush(within(t, time.Minute)); err != nil || len(b.got()) != 1 {
		t.Errorf("%v, rows %q", err, b.got())
	}
}

func TestFlushTellsTheCause(t *testing.T) {
	noSpool(t)
	b := box{err: &sink.Refused{Err: errors.New("wrong password"), Remedy: "change it"}}
	stderr := catchStderr(t)
	logs := openText(t, boxed, b.kind())
	logs.Logger("").Info("m")
	var f *FlushError
	if err := logs.Flush(within(t, time.Second)); !errors.As(err, &f) || !strings.Contains(f.Error(), "wrong password; change it") {
		t.Fatalf("got %v", err)
	}
	if s := logs.Stats().Handlers[0]; s.State == spool.Delivering || !strings.Contains(s.Cause, "wrong password") {
		t.Errorf("stats %+v", s)
	}
	wantParts(t, stderr(), "wrong password", "handler=box")
}

// What a stalled sink does not take in time stays in the spool, and the next
// start delivers it.
func TestCloseLeavesTheRest(t *testing.T) {
	tests := []struct {
		name  string
		close func(*Logs) error
		most  time.Duration
	}{
		{"Close", (*Logs).Close, shutdownTimeout + 30*time.Second},
		{"Shutdown", func(l *Logs) error { return l.Shutdown(within(t, 100*time.Millisecond)) }, shutdownTimeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			noSpool(t)
			b := box{gate: make(chan struct{})}
			path := writeConfig(t, boxed)
			logs, err := Open(path, b.kind())
			if err != nil {
				t.Fatal(err)
			}
			logs.Logger("").Info("from the first")
			start := time.Now()
			if err := tt.close(logs); err != nil || time.Since(start) > tt.most {
				t.Errorf("%v after %v", err, time.Since(start))
			}
			if len(b.got()) != 0 {
				t.Fatalf("rows %q", b.got())
			}
			close(b.gate)
			next, err := Open(path, b.kind())
			if err != nil {
				t.Fatal(err)
			}
			defer next.Close()
			for end := time.Now().Add(time.Minute); len(b.got()) == 0 && time.Now().Before(end); {
				time.Sleep(5 * time.Millisecond)
			}
			if got := b.got(); !slices.Equal(got, []string{"INFO from the first"}) {
				t.Errorf("rows %q", got)
			}
		})
	}
}

// Close delivers, ends for good, and logging after it is counted and harmless.
func TestAfterClose(t *testing.T) {
	noSpool(t)
	var b box
	stderr := catchStderr(t)
	path := writeConfig(t, strings.Replace(boxed, "handlers: [box]", "handlers: [box, f]", 1))
	text := strings.Replace(readText(t, path), "{box: {class: box}}", "{box: {class: box, batch: {age: 9s}}, f: {class: file, filename: f.log}}", 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(path))
	logs, err := Open(path, b.kind())
	if err != nil {
		t.Fatal(err)
	}
	logger := logs.Logger("x").With("k", 1)
	logger.Info("before")
	for range 2 {
		if err := logs.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := b.got(); !slices.Equal(got, []string{"INFO before"}) {
		t.Errorf("rows %q: an open batch is cut at Close", got)
	}
	logger.Error("after", "n", 1)
	logs.Logger("new").Error("after")
	logs.SetLevel("", slog.LevelDebug)
	if err := logs.Flush(within(t, time.Second)); err != nil {
		t.Error(err)
	}
	if logs.Lost() != 2 || logs.Failed() != 2 || len(logs.Backlog()) != 0 || len(logs.Stats().Handlers) != 1 {
		t.Errorf("lost %d, failed %d, backlog %v", logs.Lost(), logs.Failed(), logs.Backlog())
	}
	if got := readText(t, "f.log"); strings.Count(got, "\n") != 1 {
		t.Errorf("the file has %q", got)
	}
	if got := stderr(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "logging has ended") {
		t.Errorf("told: %s", got)
	}
	if runs, _ := filepath.Glob("spool/shop/runs/*"); len(runs) != 0 {
		t.Errorf("a delivered run stays: %q", runs)
	}
}

func TestCloseWhileLogging(t *testing.T) {
	noSpool(t)
	catchStderr(t)
	var b box
	logs := openText(t, boxed, b.kind())
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range 8 {
		wg.Go(func() {
			logger := logs.Logger(fmt.Sprint("g", i%3))
			<-start
			for n := range 2000 {
				logger.Info("m", "n", n)
			}
		})
		if i < 2 {
			wg.Go(func() { <-start; logs.SetLevel("g1", slog.LevelWarn); _ = logs.Stats(); _ = logs.Close() })
		}
	}
	close(start)
	wg.Wait()
	if err := logs.Close(); err != nil {
		t.Error(err)
	}
	if n := uint64(len(b.got())) + logs.Lost(); n > 16_000 {
		t.Errorf("%d rows and %d lost of 16,000", len(b.got()), logs.Lost())
	}
}

// Eight goroutines, nothing lost, nothing twice.
func TestTogether(t *testing.T) {
	noSpool(t)
	var b box
	logs := openText(t, boxed, b.kind())
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 500 {
				logs.Logger("x").With("g", i).Info(fmt.Sprint(i, n))
			}
		})
	}
	wg.Wait()
	if err := logs.Close(); err != nil {
		t.Error(err)
	}
	got := b.got()
	slices.Sort(got)
	if n := len(slices.Compact(got)); n != 4000 || len(b.got()) != 4000 {
		t.Errorf("%d rows, %d of them different", len(b.got()), n)
	}
}

func TestRecover(t *testing.T) {
	noSpool(t)
	var b box
	logs := openText(t, boxed, b.kind())
	cause := errors.New("the cause")
	func() {
		defer func() {
			if p := recover(); p != cause {
				t.Errorf("it goes on with %v", p)
			}
		}()
		defer logs.Recover()
		panic(cause)
	}()
	if got := b.got(); !slices.Equal(got, []string{"CRITICAL panic: the cause"}) {
		t.Fatalf("rows %q", got)
	}
	wantParts(t, b.attrs[0], `{"stack":"goroutine `, "TestRecover")
	func() { defer logs.Recover() }() // without a panic it does nothing
	if len(b.got()) != 1 {
		t.Errorf("rows %q", b.got())
	}
}

// slog's and log's own functions come through the default logger.
func TestSetDefault(t *testing.T) {
	noSpool(t)
	var b box
	logs := openText(t, boxed, b.kind())
	before, flags := slog.Default(), log.Flags()
	t.Cleanup(func() { slog.SetDefault(before); log.SetFlags(flags); log.SetOutput(os.Stderr) })
	slog.SetDefault(logs.Logger("root"))
	slog.Info("slog", "n", 1)
	slog.Debug("below")
	log.Print("log\n")
	slog.New(logs.SlogHandler("x").WithGroup("g")).Info("handler", "n", 2)
	if err := logs.Close(); err != nil {
		t.Fatal(err)
	}
	if got := b.got(); !slices.Equal(got, []string{"INFO slog", "INFO log", "INFO handler"}) || b.attrs[2] != `{"g":{"n":2}}` {
		t.Errorf("rows %q", got)
	}
	log.Print("after Close") // and nothing hangs
}

func TestSetLevel(t *testing.T) {
	noSpool(t)
	var b box
	logs := openText(t, boxed, b.kind())
	logger := logs.Logger("x.y")
	for _, level := range []slog.Level{-8, -7, -4, 0, 3, 4, 12, 13} {
		logs.SetLevel("x", level)
		for _, at := range []slog.Level{-10, -9, -8, -7, -5, -4, -1, 0, 1, 3, 4, 8, 12, 13} {
			if got := logger.Enabled(context.Background(), at); got != (at >= level) {
				t.Errorf("level %d: %d is enabled: %v", level, at, got)
			}
		}
	}
	if !logs.Logger("z").Enabled(context.Background(), 0) || logs.Logger("z").Enabled(context.Background(), -1) {
		t.Error("another logger's level changed")
	}
}

// A direct handler and a spooled one have the same lines.
func TestFileAndBoxAgree(t *testing.T) {
	noSpool(t)
	var b box
	path := writeConfig(t, "version: 1\nservice: s\nformatters: {j: {class: json}}\nhandlers: {box: {class: box}, f: {class: file, filename: f.log, formatter: j}}\nroot: {level: INFO, handlers: [box, f]}\n")
	t.Chdir(filepath.Dir(path))
	logs, err := Open(path, b.kind())
	if err != nil {
		t.Fatal(err)
	}
	logs.Logger("x").Warn("m", "b", 1.5, "e", errors.New("no"))
	if err := logs.Close(); err != nil {
		t.Fatal(err)
	}
	var line struct{ Level, Msg, E string }
	if err := json.Unmarshal(bytes.TrimSpace([]byte(readText(t, "f.log"))), &line); err != nil || line.Level != "WARN" || line.E != "no" {
		t.Errorf("%v %+v", err, line)
	}
	if got := b.got(); got[0] != "WARNING m" || b.attrs[0] != `{"b":1.5,"e":"no"}` {
		t.Errorf("row %q %q", got, b.attrs)
	}
}

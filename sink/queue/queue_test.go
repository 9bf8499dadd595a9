package queue

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/girok/girok/record"
)

// paper is a target that writes messages and attributes down.
type paper struct {
	gate chan struct{} // nil: open

	mu    sync.Mutex
	lines []string
	err   error
}

func (p *paper) take(v *record.View) error {
	if p.gate != nil {
		<-p.gate
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, string(v.Message)+string(v.Attrs().AppendMembers(nil)))
	return p.err
}

func (p *paper) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, " ")
}

// shout is a formatter.
func shout(dst []byte, v *record.View) []byte {
	return append(append(dst, v.Message...), '!')
}

func give(tb testing.TB, h *Handler, text string, attrs ...slog.Attr) error {
	tb.Helper()
	e := record.NewEncoder(nil)
	e.Begin(&record.Header{Level: record.Info, Time: time.Unix(1, 0), Message: text})
	for _, a := range attrs {
		e.Attr(a)
	}
	b := e.Finish()
	err := h.Handle(e.View())
	clear(b) // its memory is used again
	e.Release()
	return err
}

func newQueue(p *paper, size int, failed func(error)) *Handler {
	return New(Options{Size: size, Append: shout, Told: func(key []byte, _ *record.Value) bool { return string(key) == "exc_info" }, Targets: []func(*record.View) error{p.take}, Failed: failed})
}

func TestListener(t *testing.T) {
	p := &paper{}
	h := newQueue(p, 2, nil)
	for _, text := range []string{"a", "b"} {
		if err := give(t, h, text, slog.String("k", "v"), slog.String("exc_info", "boom")); err != nil {
			t.Fatal(err)
		}
	}
	if err := give(t, h, "c"); !errors.Is(err, ErrFull) {
		t.Errorf("a third one: %v", err)
	}
	if err := h.Flush(t.Context()); err != nil || p.String() != "" {
		t.Errorf("without a listener: %v, %q", err, p)
	}
	h.Start()
	h.Start()
	h.Stop()
	if want := `a!,"k":"v" b!,"k":"v"`; p.String() != want {
		t.Errorf("got %s, want %s", p, want)
	}
	if err := give(t, h, "later"); err != nil || h.Waiting() != 1 {
		t.Errorf("after the listener: %v, %d wait", err, h.Waiting())
	}
	if err := h.Close(); err == nil || !strings.Contains(err.Error(), "1 records were lost") {
		t.Errorf("at the end: %v", err)
	}
	if err := give(t, h, "too late"); err == nil {
		t.Error("a record after the end was taken")
	}
}

func TestFlush(t *testing.T) {
	p := &paper{gate: make(chan struct{})}
	h := newQueue(p, 0, nil)
	h.Start()
	if err := give(t, h, "a"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := h.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while a target hangs: %v", err)
	}
	close(p.gate)
	if err := h.Flush(t.Context()); err != nil || p.String() != "a!" {
		t.Errorf("got %v, %q", err, p)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}

func TestFailed(t *testing.T) {
	p := &paper{err: errors.New("boom")}
	var told []error
	h := newQueue(p, 0, func(err error) { told = append(told, err) })
	h.Start()
	for range 2 {
		if err := give(t, h, "a"); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Close(); err != nil || len(told) != 2 || told[0] != p.err {
		t.Errorf("got %v, told %v", err, told)
	}
}

func TestTogether(t *testing.T) {
	p := &paper{}
	h := newQueue(p, 0, nil)
	h.Start()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				if err := give(t, h, "x"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := h.Close(); err != nil || len(p.lines) != 400 {
		t.Errorf("got %v, %d lines", err, len(p.lines))
	}
}

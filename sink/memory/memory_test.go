package memory

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/girok/girok/record"
)

// paper is a target that writes messages down.
type paper struct {
	mu    sync.Mutex
	lines []string
	err   error
}

func (p *paper) take(v *record.View) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, string(v.Message))
	return p.err
}

func (p *paper) String() string { return strings.Join(p.lines, " ") }

// give gives a handler a record whose memory is used again afterwards.
func give(tb testing.TB, h *Handler, level record.Level, text string) error {
	tb.Helper()
	e := record.NewEncoder(nil)
	e.Begin(&record.Header{Level: level, Time: time.Unix(1, 0), Message: text})
	b := e.Finish()
	v := e.View()
	err := h.Handle(v)
	clear(b)
	e.Release()
	return err
}

func TestPassesOn(t *testing.T) {
	tests := []struct {
		name     string
		capacity int
		drop     bool
		records  string // in capitals: of level ERROR
		before   string // the end
		after    string
	}{
		{"full", 2, false, "a b c", "a b", "a b c"},
		{"bad", 10, false, "a B c", "a B", "a B c"},
		{"no capacity", 0, false, "a b", "a b", "a b"},
		{"dropped", 2, true, "a b c", "a b", "a b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &paper{}
			h := New(Options{Capacity: tt.capacity, FlushLevel: record.Error, Target: p.take, DropOnClose: tt.drop})
			for _, text := range strings.Fields(tt.records) {
				level := record.Info
				if strings.ToUpper(text) == text {
					level = record.Error
				}
				if err := give(t, h, level, text); err != nil {
					t.Fatal(err)
				}
			}
			if p.String() != tt.before {
				t.Errorf("got %q", p)
			}
			if err := h.Close(); err != nil || p.String() != tt.after || h.Held() != 0 {
				t.Errorf("at the end: %v, %q, %d held", err, p, h.Held())
			}
			if err := give(t, h, record.Info, "late"); err != nil || !strings.HasSuffix(p.String(), "late") {
				t.Errorf("after the end: %v, %q", err, p)
			}
		})
	}
}

// TestErrors: one record that fails does not keep the others.
func TestErrors(t *testing.T) {
	p := &paper{err: errors.New("boom")}
	h := New(Options{Capacity: 2, FlushLevel: record.Error, Target: p.take})
	if err := give(t, h, record.Info, "a"); err != nil {
		t.Fatal(err)
	}
	if err := give(t, h, record.Info, "b"); !errors.Is(err, p.err) || p.String() != "a b" {
		t.Errorf("got %v, %q", err, p)
	}
	p.err = nil
	if err := h.Flush(); err != nil || p.String() != "a b" {
		t.Errorf("again: %v, %q", err, p)
	}
}

func TestTogether(t *testing.T) {
	p := &paper{}
	h := New(Options{Capacity: 7, FlushLevel: record.Error, Target: p.take})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				if err := give(t, h, record.Info, "x"); err != nil {
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

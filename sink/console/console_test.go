package console

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/girok/girok/format"
	"github.com/girok/girok/record"
)

func message(tb testing.TB, text string) *record.View {
	tb.Helper()
	e := record.NewEncoder(nil)
	defer e.Release()
	e.Begin(&record.Header{Level: record.Info, Time: time.Unix(1709646306, 0), Logger: "shop", Message: text})
	v := new(record.View)
	if err := v.Parse(bytes.Clone(e.Finish())); err != nil {
		tb.Fatal(err)
	}
	return v
}

func plain(tb testing.TB) format.Formatter {
	tb.Helper()
	f, err := format.New("%(message)s", "", time.UTC)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

// script is a writer that does what its steps say, one a Write.
type script struct {
	steps []step
	out   []byte
	calls int
}

type step struct {
	n     int // -1: all
	err   error
	panic bool
}

func (s *script) Write(b []byte) (int, error) {
	s.calls++
	st := step{n: -1}
	if len(s.steps) > 0 {
		st, s.steps = s.steps[0], s.steps[1:]
	}
	if st.panic {
		panic("no")
	}
	if st.n < 0 || st.n > len(b) {
		st.n = len(b)
	}
	s.out = append(s.out, b[:st.n]...)
	return st.n, st.err
}

func TestWrites(t *testing.T) {
	boom := errors.New("boom")
	tests := []struct {
		name  string
		steps []step
		want  error
		out   string
		calls int
	}{
		{"whole", nil, nil, "hello\n", 1},
		{"fails", []step{{0, boom, false}}, boom, "", 1},
		{"nobody reads", []step{{0, syscall.EPIPE, false}}, syscall.EPIPE, "", 1},
		{"short without an error", []step{{2, nil, false}}, io.ErrShortWrite, "he", 1},
		{"not now, then in parts", []step{{0, syscall.EAGAIN, false}, {3, syscall.EAGAIN, false}}, nil, "hello\n", 3},
		{"interrupted", []step{{0, syscall.EINTR, false}}, nil, "hello\n", 2},
		{"panics", []step{{0, nil, true}}, errPanicked, "", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &script{steps: tt.steps}
			h := New(w, plain(t))
			err := h.Handle(message(t, "hello"))
			if !errors.Is(err, tt.want) || string(w.out) != tt.out || w.calls != tt.calls {
				t.Errorf("got %v, %q in %d calls", err, w.out, w.calls)
			}
			if want := uint64(0); tt.want != nil {
				want = 1
				if h.Failed() != want {
					t.Errorf("%d failed", h.Failed())
				}
			}
			want := tt.out + "next\n"
			if tt.out != "" && tt.want != nil {
				want = tt.out + "\nnext\n" // not behind half a line
			}
			if err := h.Handle(message(t, "next")); err != nil || string(w.out) != want {
				t.Errorf("after that: %v, %q", err, w.out)
			}
		})
	}
}

func TestClosed(t *testing.T) {
	var b bytes.Buffer
	h := New(&b, plain(t))
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if err := h.Handle(message(t, "x")); !errors.Is(err, os.ErrClosed) || b.Len() != 0 {
		t.Errorf("got %v, %q", err, b.String())
	}
}

func TestTogether(t *testing.T) {
	var b bytes.Buffer
	h := New(&b, format.Default(time.UTC))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				if err := h.Handle(message(t, "hello")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	want := strings.Repeat("2024-03-05 13:45:06,000 INFO shop: hello\n", 400)
	if b.String() != want {
		t.Errorf("lines mix: %q", b.String())
	}
}

func TestNothingAllocated(t *testing.T) {
	h := New(io.Discard, format.Default(nil))
	v := message(t, "hello")
	if n := testing.AllocsPerRun(200, func() { _ = h.Handle(v) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestStdoutIsTakenLate: programs and tests put another file there.
func TestStdoutIsTakenLate(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	old := os.Stdout
	os.Stdout = w
	h := New(Stdout(), plain(t))
	os.Stdout = old
	if err := h.Handle(message(t, "hello")); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if b, err := io.ReadAll(r); err != nil || string(b) != "hello\n" {
		t.Errorf("got %q, %v", b, err)
	}
}

// call is a call with this text.
func call(text string, attrs ...slog.Attr) *record.Call {
	c := record.NewCall()
	c.Level, c.Logger, c.Record = record.Info, "shop", slog.NewRecord(time.Unix(1709646306, 0), slog.LevelInfo, text, 0)
	c.Record.AddAttrs(attrs...)
	return c
}

// A call and its frame give the same line, behind one that was torn too.
func TestHandleCall(t *testing.T) {
	s := &script{steps: []step{{n: 2}, {n: -1}, {n: 1, err: errors.New("boom")}}}
	h := NewEnding(s, plain(t), "|\n")
	for i, want := range []bool{false, true, false, true} { // each is good
		if ok, err := h.HandleCall(call("m")); !ok || (err == nil) != want {
			t.Errorf("%d: %v, %v", i, ok, err)
		}
	}
	if err := h.Handle(message(t, "m")); err != nil {
		t.Error(err)
	}
	if got, want := string(s.out), "m|\nm|\nm\nm|\nm|\n"; got != want || h.Written() != 3 || h.Failed() != 2 {
		t.Errorf("got %q, want %q; %d written, %d failed", got, want, h.Written(), h.Failed())
	}
	if ok, err := New(s, format.Default(time.UTC)).HandleCall(call("m")); ok || err != nil {
		t.Errorf("a format that shows attributes takes no frame: %v, %v", ok, err)
	}
}

// loud is a value that logs when it is looked at.
type loud struct{ log *Handler }

func (l loud) LogValue() slog.Value {
	_, err := l.log.HandleCall(call("inner"))
	return slog.AnyValue(err)
}

func TestValueThatLogs(t *testing.T) {
	s := &script{}
	h := New(s, format.NewJSON(format.JSONOptions{Location: time.UTC}))
	if ok, err := h.HandleCall(call("outer", slog.Any("v", loud{h}))); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if got := string(s.out); strings.Index(got, "inner") > strings.Index(got, "outer") || strings.Count(got, "\n") != 2 {
		t.Errorf("got %s", got)
	}
}

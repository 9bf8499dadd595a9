package stdin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/source"
	"github.com/girok/girok/spool"
	"github.com/girok/girok/tree"
)

// tap keeps the messages that come through it.
type tap struct {
	mu       sync.Mutex
	messages []string
	loggers  map[string]int
	fail     func(n int) error // nil: never
	tries    int
}

func (s *tap) node(logger string) source.Emitter { return emitter{s, logger} }

type emitter struct {
	tap    *tap
	logger string
}

func (e emitter) Emit(en *tree.Entry) (bool, error) {
	s := e.tap
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries++
	if s.fail != nil {
		if err := s.fail(s.tries); err != nil {
			return false, err
		}
	}
	s.messages = append(s.messages, strings.Clone(en.Message))
	if s.loggers == nil {
		s.loggers = map[string]int{}
	}
	s.loggers[e.logger]++
	return true, nil
}

func start(t *testing.T, in io.Reader, s *tap) (source.Source, *source.Counts) {
	t.Helper()
	counts := &source.Counts{}
	src, err := Kind.Default().Open(source.Env{
		Name: "in", Node: s.node, Stdin: in, Log: slog.New(slog.DiscardHandler), Count: counts,
	})
	if err != nil {
		t.Fatal(err)
	}
	return src, counts
}

// The same lines come out, however the stream is cut into reads.
func TestLines(t *testing.T) {
	long := strings.Repeat("long ", 40_000)
	for _, test := range []struct {
		in   string
		want []string
	}{
		{"", nil},
		{"\n", []string{""}},
		{"a", []string{"a"}},
		{"a\nb\n", []string{"a", "b"}},
		{"a\r\n\r\nb\r", []string{"a", "", "b\r"}},
		{"a\n" + long + "\nb", []string{"a", long, "b"}},
		{long, []string{long}},
	} {
		for name, r := range map[string]io.Reader{
			"whole":      strings.NewReader(test.in),
			"by byte":    iotest.OneByteReader(strings.NewReader(test.in)),
			"data + EOF": iotest.DataErrReader(strings.NewReader(test.in)),
		} {
			s := &tap{}
			src, counts := start(t, r, s)
			if err := src.Run(context.Background()); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(s.messages, test.want) || counts.Read.Load() != uint64(len(test.want)) || counts.Spooled.Load() != counts.Read.Load() {
				t.Errorf("%s of %.20q: got %d lines, counted %d", name, test.in, len(s.messages), counts.Read.Load())
			}
		}
	}
}

// A line of any length takes bounded memory, is one record, and says how long it
// was.
func TestEndlessLine(t *testing.T) {
	const size = 5 << 20
	in := io.MultiReader(strings.NewReader("{\"a\":\""), bytes.NewReader(bytes.Repeat([]byte("x"), size)), strings.NewReader("\"}\nnext\n"))
	var got []string
	s := splitter{limit: maxLine, line: func(line []byte, n int) error {
		p := parser{config: testConfig("auto")}
		e, _ := p.parse(line, n, 1)
		got = append(got, fmt.Sprintf("%d %s", len(e.Message), attrsOf(t, e.Attrs)))
		return nil
	}}
	buf := make([]byte, chunkSize)
	for {
		n, err := in.Read(buf)
		if serr := s.split(buf[:n]); serr != nil {
			t.Fatal(serr)
		}
		if err != nil {
			break
		}
		if cap(s.rest) > 2*maxLine {
			t.Fatalf("%d bytes are held", cap(s.rest))
		}
	}
	want := []string{fmt.Sprintf(`%d {"line":1,"line_bytes":%d}`, maxLine, size+8), `4 {"line":1}`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if maxLine <= record.MaxString {
		t.Error("a record would not say that it is cut")
	}
}

// A full spool makes the sender wait and loses nothing.
func TestWaitsForTheSpool(t *testing.T) {
	s := &tap{fail: func(n int) error {
		if n%4 != 0 {
			return spool.ErrFull
		}
		return nil
	}}
	src, counts := start(t, strings.NewReader("a\nb\nc\n"), s)
	if err := src.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.messages, []string{"a", "b", "c"}) || counts.Waits.Load() != 9 || counts.Read.Load() != 3 {
		t.Errorf("got %q after %d waits", s.messages, counts.Waits.Load())
	}
}

func TestStops(t *testing.T) {
	t.Run("while the sender is silent", func(t *testing.T) {
		r, w := io.Pipe()
		defer w.Close()
		s := &tap{}
		src, _ := start(t, r, s)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- src.Run(ctx) }()
		if _, err := io.WriteString(w, "a\nhalf"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(s.messages, []string{"a", "half"}) {
			t.Errorf("got %q", s.messages)
		}
	})
	t.Run("while the spool is full", func(t *testing.T) {
		s := &tap{fail: func(int) error { return spool.ErrFull }}
		src, _ := start(t, strings.NewReader("a\nb\n"), s)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		if err := src.Run(ctx); !errors.Is(err, spool.ErrFull) || !strings.Contains(err.Error(), "line 1 and what follows are not kept") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("when the spool is closed", func(t *testing.T) {
		s := &tap{fail: func(int) error { return spool.ErrClosed }}
		src, _ := start(t, strings.NewReader("a\n"), s)
		if err := src.Run(context.Background()); !errors.Is(err, spool.ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("when reading fails", func(t *testing.T) {
		bad := errors.New("the cable")
		s := &tap{}
		src, _ := start(t, io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(bad)), s)
		if err := src.Run(context.Background()); !errors.Is(err, bad) {
			t.Errorf("got %v", err)
		}
		if !slices.Equal(s.messages, []string{"a", "b"}) {
			t.Errorf("got %q", s.messages)
		}
	})
}

// Lines may name loggers below that of the source, but not without limit.
func TestLoggers(t *testing.T) {
	var in strings.Builder
	for i := range maxNodes + 50 {
		fmt.Fprintf(&in, "{\"logger\":\"l%d\"}\n", i)
	}
	in.WriteString("text\n")
	s := &tap{}
	src, _ := start(t, strings.NewReader(in.String()), s)
	if err := src.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if s.loggers["stdin.l0"] != 1 || len(s.loggers) != maxNodes+1 || s.loggers["stdin"] != 51 {
		t.Errorf("%d loggers, %d records of the source's own", len(s.loggers), s.loggers["stdin"])
	}
}

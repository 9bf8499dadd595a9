package tree

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"github.com/girok/girok/record"
)

// carrying is an error with a stack of its own, as github.com/pkg/errors makes them.
type carrying struct{ pcs []pc }

type pc uintptr

func (carrying) Error() string       { return "carrying" }
func (c carrying) StackTrace() []pc  { return c.pcs }
func (*loops) Error() string         { return "loops" }
func (l *loops) Unwrap() error       { return l }
func (panicking) Error() string      { return "panicking" }
func (panicking) Unwrap() error      { panic("no") }
func (panicking) Callers() []uintptr { panic("no") }

type (
	loops     struct{}
	panicking struct{}
)

// failsAt makes an error that says where.
//
//go:noinline
func failsAt() error {
	pcs := make([]uintptr, 4)
	c := carrying{}
	for _, p := range pcs[:runtime.Callers(1, pcs)] {
		c.pcs = append(c.pcs, pc(p))
	}
	return c
}

// texts are the attributes of the newest record, as text.
func texts(t *testing.T, spool *frames) map[string]string {
	t.Helper()
	all := map[string]string{}
	vs := spool.views(t)
	var key []byte
	var val record.Value
	for a := vs[len(vs)-1].Attrs(); a.Next(&key, &val); {
		all[string(key)] = string(val.AppendText(nil))
	}
	return all
}

func TestStack(t *testing.T) {
	file, _ := jsonFile(t)
	spool := &frames{}
	cfg := Config{Appender: spool, Stack: record.Error, Loggers: []LoggerConfig{logger("", 10, file, spooledAt(0, 0))}}
	log := slog.New(New(cfg).Node("a").Handler())

	log.Warn("no")
	if got := texts(t, spool); got["stack"] != "" {
		t.Errorf("a warning has a stack: %v", got)
	}
	log.Error("yes", "n", 1)
	here := "tree.TestStack(...)\n\t"
	if got := texts(t, spool)["stack"]; got != "" { // frames of this very package are logging's own
		t.Logf("stack:\n%s", got)
		if strings.Contains(got, "slog.") || strings.Contains(got, "goexit") || strings.Contains(got, "Handle") || strings.HasSuffix(got, "\n") {
			t.Errorf("it shows what logging does, or an empty line")
		}
		if !strings.Contains(got, "testing.tRunner(...)\n\t") || strings.Contains(got, here) {
			t.Errorf("got %s", got)
		}
	} else {
		t.Error("no stack")
	}
	log.WithGroup("g").Error("in a group", "error", io.EOF)
	if got := texts(t, spool); !strings.Contains(got["stack"], "testing.") {
		t.Errorf("with a group: %v", got)
	}
	log.Error("given", "stack", "mine")
	if got := texts(t, spool)["stack"]; got != "mine" {
		t.Errorf("given: got %q", got)
	}
	log.Error("its own", "err", fmt.Errorf("outer: %w", failsAt()))
	if got := texts(t, spool)["stack"]; !strings.HasPrefix(got, "testing.tRunner") {
		t.Errorf("an error's own: %q", got)
	}
}

func TestCauses(t *testing.T) {
	inner := &fs.PathError{Op: "open", Path: "/x", Err: fs.ErrNotExist}
	tests := []struct {
		err  error
		want []cause
	}{
		{io.EOF, nil},
		{fmt.Errorf("load: %w", inner), []cause{{"*fs.PathError", "open /x: file does not exist", 0}, {"*errors.errorString", "file does not exist", 0}}},
		{errors.Join(io.EOF, fmt.Errorf("b: %w", inner.Err)), []cause{
			{"*errors.errorString", "EOF", 1}, {"*fmt.wrapError", "b: file does not exist", 1}, {"*errors.errorString", "file does not exist", 1},
		}},
		{panicking{}, nil},
	}
	for _, tt := range tests {
		spool := &frames{}
		tr := New(Config{Appender: spool, Stack: record.Error, Loggers: []LoggerConfig{logger("", 10, spooledAt(0, 0))}})
		slog.New(tr.Node("").Handler()).Error("m", "err", tt.err)
		var got []cause
		if text := texts(t, spool)["err.causes"]; text != "" {
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatal(err)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%v: got %v, want %v", tt.err, got, tt.want)
		}
	}
	n := 0
	eachCause(&loops{}, func(error, int) { n++ })
	if n != maxCauses+1 {
		t.Errorf("an error that wraps itself: %d causes", n)
	}
}

// What is redacted does not come back as a cause or a stack.
func TestCausesAreRedacted(t *testing.T) {
	spool := &frames{}
	tr := New(Config{
		Appender: spool, Stack: record.Error, Redact: record.NewRedactor([]string{"err", "stack"}, record.Mask),
		Loggers: []LoggerConfig{logger("", 10, spooledAt(0, 0))},
	})
	slog.New(tr.Node("").Handler()).Error("m", "err", fmt.Errorf("a: %w", io.EOF))
	if got := texts(t, spool); len(got) != 1 || got["err"] != "***" {
		t.Errorf("got %v", got)
	}
}

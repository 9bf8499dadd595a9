package tree

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/girok/girok/filter"
	"github.com/girok/girok/record"
)

// Only logs have levels: other kinds pass those of loggers and handlers, and
// come to the handlers that accept them.
func TestKinds(t *testing.T) {
	out, spool := &lines{}, &frames{}
	all := &Handler{Level: record.Critical, Accepts: Takes(record.Log, record.Event, record.Metric), Bit: 0}
	rows := &Handler{Level: record.Critical, Accepts: Takes(record.Row), Bit: 5}
	tr := New(Config{Appender: spool, LastResort: out, Loggers: []LoggerConfig{logger("", record.Critical, directTo(out, 0), all, rows)}})
	tests := []struct {
		kind   record.Kind
		level  record.Level
		mask   uint64
		direct int
	}{
		{record.Log, record.Error, 0, 0},
		{record.Log, record.Critical, 1, 1},
		{record.Event, record.NotSet, 1, 0},
		{record.Row, record.NotSet, 1 << 5, 0},
		{record.Metric, record.Debug, 1, 0},
		{record.Span, record.Critical, 0, 0},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.kind, tt.level), func(t *testing.T) {
			spool.got = nil
			spooled, err := tr.Node("x").Emit(&Entry{Kind: tt.kind, Level: tt.level, Time: time.Now(), Message: "m"})
			var mask uint64
			for _, v := range spool.views(t) {
				mask |= v.Mask
				if v.Kind != tt.kind || v.Level != tt.level {
					t.Errorf("it came as %v at %v", v.Kind, v.Level)
				}
			}
			if n := len(out.take()); mask != tt.mask || n != tt.direct || err != nil || spooled != (mask != 0) {
				t.Errorf("mask %b, %d lines, spooled %v, %v", mask, n, spooled, err)
			}
		})
	}
}

// Where nothing is configured the last resort takes logs and nothing else.
func TestKindsWithoutHandlers(t *testing.T) {
	last := &lines{}
	tr := New(Config{LastResort: last})
	for k := range record.KindNames() {
		if _, err := tr.Node("x").Emit(&Entry{Kind: record.Kind(k), Level: record.Error, Message: "m"}); err != nil {
			t.Error(err)
		}
	}
	if n := len(last.take()); n != 1 || tr.Unshown() != 4 {
		t.Errorf("%d lines, %d not shown", n, tr.Unshown())
	}
}

func TestEmit(t *testing.T) {
	out, spool := &lines{}, &frames{}
	tr := New(Config{
		Appender: spool, Redact: record.NewRedactor([]string{"token"}, record.Mask),
		Loggers: []LoggerConfig{logger("", 10, directTo(out, 0), spooledAt(1, 30))},
	})
	at := time.Unix(1_700_000_000, 7)
	entry := &Entry{Level: record.Error, Time: at, Message: "m", Source: "in", Attrs: []slog.Attr{slog.Int("n", 1), slog.String("token", "x")}}
	if spooled, err := tr.Node("a").Emit(entry); !spooled || err != nil {
		t.Errorf("spooled %v, %v", spooled, err)
	}
	v := spool.views(t)[0]
	if got := attrsOf(v); got != `{"n":1,"token":"***"}` || string(v.Source) != "in" || !v.Time().Equal(at) {
		t.Errorf("attributes %s, source %q, time %v", got, v.Source, v.Time())
	}
	entry.Level = record.Info // the spooled handler does not take it
	if spooled, err := tr.Node("a").Emit(entry); spooled || err != nil {
		t.Errorf("spooled %v, %v", spooled, err)
	}
	if got := out.take(); len(got) != 2 {
		t.Errorf("lines %q", got)
	}
	// What the spool does not take now, nobody gets: the sender gives it again.
	spool.full, entry.Level = true, record.Error
	if _, err := tr.Node("a").Emit(entry); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
	if got := out.take(); len(got) != 0 || len(spool.got) != 1 {
		t.Errorf("lines %q, %d frames", got, len(spool.got))
	}
}

func attrsOf(v *record.View) string {
	a := v.Attrs()
	return string(a.AppendJSON(nil))
}

// A spool that loses a record is no reason for others not to have it, and none
// to trouble the program.
func TestErrors(t *testing.T) {
	failed := map[string]error{}
	broken, out, spool := &lines{err: errors.New("disk")}, &lines{}, &frames{err: errFull}
	a, b := directTo(broken, 0), directTo(out, 0)
	a.Name = "broken"
	cfg := Config{Appender: spool, Failed: func(h string, err error) { failed[h] = err }}
	cfg.Loggers = []LoggerConfig{logger("", 10, a, b, spooledAt(0, 0))}
	h := New(cfg).Node("x").Handler()
	if err := h.Handle(context.Background(), slog.Record{Message: "m"}); err != nil {
		t.Errorf("Handle returned %v", err)
	}
	if got := out.take(); len(got) != 1 || len(failed) != 1 || failed["broken"] != broken.err {
		t.Errorf("lines %q, failed %v", got, failed)
	}
	cfg.Failed = nil
	slogger(New(cfg), "x").Info("nobody is told") // and nothing panics
}

func TestFilters(t *testing.T) {
	only := func(text string) []filter.Filter {
		return []filter.Filter{filter.Func(func(v *record.View) bool { return strings.Contains(string(v.Message), text) })}
	}
	out, spool := &lines{}, &frames{}
	d, s0, s1 := directTo(out, 0), spooledAt(0, 0), spooledAt(1, 0)
	d.Filters, s1.Filters = only("d"), only("s")
	tr := New(Config{Appender: spool, Loggers: []LoggerConfig{logger("", 10, d), logger("a", 0, s1), logger("a.b", 0, s0)}})
	tests := []struct {
		log, msg string
		mask     uint64
		direct   int
	}{
		{"a.b", "d and s", 3, 1},
		{"a.b", "d", 1, 1},
		{"a.b", "s", 3, 0},
		{"a.b", "x", 1, 0},
		{"a", "x", 0, 0},
		{"a", "s", 2, 0},
		{"", "d", 0, 1},
		{"", "x", 0, 0},
	}
	for _, tt := range tests {
		spool.got = nil
		slogger(tr, tt.log).Info(tt.msg)
		var mask uint64
		for _, v := range spool.views(t) {
			mask |= v.Mask
		}
		if n := len(out.take()); mask != tt.mask || n != tt.direct || len(spool.got) > 1 || mask == 0 && len(spool.got) > 0 {
			t.Errorf("%s %q: mask %b, %d lines, %d frames", tt.log, tt.msg, mask, n, len(spool.got))
		}
	}
}

// What delivery itself logs must not come back into a spooled handler.
func TestQuiet(t *testing.T) {
	out, spool := &lines{}, &frames{}
	tr := New(Config{Appender: spool, Loggers: []LoggerConfig{logger("", 10, directTo(out, 0), spooledAt(0, 0)), logger("s!", 0, spooledAt(1, 0))}})
	type key struct{}
	quiet := context.WithValue(record.Quiet(context.Background()), key{}, 1)
	slogger(tr, "a").InfoContext(quiet, "quiet")
	slogger(tr, "s").InfoContext(quiet, "nowhere")
	slogger(tr, "a").With("k", 1).WithGroup("g").ErrorContext(quiet, "quiet too", "n", 1)
	if got := out.take(); !slices.Equal(got, []string{"quiet", "quiet too"}) || len(spool.got) != 0 || tr.Unshown() != 0 {
		t.Errorf("lines %q, %d frames, %d not shown", got, len(spool.got), tr.Unshown())
	}
	slogger(tr, "a").InfoContext(context.WithValue(context.Background(), key{}, 1), "loud")
	if len(spool.got) != 1 {
		t.Errorf("%d frames", len(spool.got))
	}
}

// A call pays for its place in the code only when a handler on its way shows it.
func TestCaller(t *testing.T) {
	out, spool := &lines{}, &frames{}
	want, plain := spooledAt(0, 0), directTo(out, 0)
	want.Caller = true
	tr := New(Config{Appender: spool, Loggers: []LoggerConfig{logger("", 10, plain), logger("a", 0, want)}})
	slogger(tr, "a.b").Info("m")
	if v := spool.views(t)[0]; v.Flags&record.HasCaller == 0 || !strings.HasSuffix(out.caller, "tree/handler_test.go") {
		t.Errorf("flags %x, file %q", v.Flags, out.caller)
	}
	slogger(tr, "b").Info("m")
	if out.caller != "" {
		t.Errorf("a caller that nobody shows: %q", out.caller)
	}
	if err := tr.Node("a").Handler().Handle(context.Background(), slog.Record{Message: "without a PC"}); err != nil {
		t.Error(err)
	}
	if v := spool.views(t)[1]; v.Flags&record.HasCaller != 0 {
		t.Errorf("flags %x", v.Flags)
	}
}

// Loggers derived from one parent share what is bound without seeing each other.
func TestSiblings(t *testing.T) {
	spool := &frames{}
	tr := New(Config{Appender: spool, Loggers: []LoggerConfig{logger("", 10, spooledAt(0, 0))}})
	parent := slogger(tr, "x").With("p", 1)
	left, right := parent.With("l", 2), parent.With("r", 3)
	in := parent.WithGroup("g")
	in1, in2 := in.With("a", 4), in.With("b", 5)
	deeper := in1.WithGroup("h")
	tests := []struct {
		log  *slog.Logger
		want string
	}{
		{parent, `{"p":1,"k":0}`},
		{left, `{"p":1,"l":2,"k":0}`},
		{right, `{"p":1,"r":3,"k":0}`},
		{in, `{"p":1,"g":{"k":0}}`},
		{in1, `{"p":1,"g":{"a":4,"k":0}}`},
		{in2, `{"p":1,"g":{"b":5,"k":0}}`},
		{deeper, `{"p":1,"g":{"a":4,"h":{"k":0}}}`},
		{deeper.WithGroup("").With(), `{"p":1,"g":{"a":4,"h":{"k":0}}}`},
	}
	for range 2 {
		for _, tt := range tests {
			spool.got = nil
			tt.log.Info("m", "k", 0)
			if got := attrsOf(spool.views(t)[0]); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		}
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				in.With("z", 1).WithGroup("y").Info("m", "k", 0)
				deeper.Info("m", "k", 0)
			}
		})
	}
	wg.Wait()
	for _, v := range spool.views(t)[1:] {
		if got := attrsOf(v); got != tests[6].want && got != `{"p":1,"g":{"z":1,"y":{"k":0}}}` {
			t.Fatalf("got %s", got)
		}
	}
}

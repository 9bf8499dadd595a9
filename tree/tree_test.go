package tree

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/girok/girok/record"
)

// frames is an Appender that keeps what it gets.
type frames struct {
	mu   sync.Mutex
	got  [][]byte
	err  error
	full bool // TryAppend fails
}

func (f *frames) Append(p []byte) (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.got = append(f.got, bytes.Clone(p))
	return uint64(len(f.got)), f.err
}

func (f *frames) TryAppend(p []byte) (uint64, error) {
	if f.full {
		return 0, errFull
	}
	return f.Append(p)
}

var errFull = errors.New("full")

// views parses what was appended.
func (f *frames) views(t testing.TB) (list []*record.View) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.got {
		v := new(record.View)
		if err := v.Parse(p); err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	return list
}

// lines is a Direct that keeps the messages that it gets.
type lines struct {
	mu     sync.Mutex
	got    []string
	caller string // file of the last record
	err    error
}

func (l *lines) Handle(v *record.View) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got = append(l.got, string(v.Message))
	c, _ := v.Caller()
	l.caller = c.File
	return l.err
}

func (l *lines) take() (got []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	got, l.got = l.got, nil
	return got
}

func directTo(l *lines, level record.Level) *Handler {
	return &Handler{Name: "direct", Level: level, Accepts: Takes(record.Log), Direct: l}
}

func spooledAt(bit int, level record.Level) *Handler {
	return &Handler{Name: "spooled", Level: level, Accepts: Takes(record.Log), Bit: bit}
}

// logger is a logger's configuration in short; a name that ends in ! does not
// propagate.
func logger(name string, level record.Level, hs ...*Handler) LoggerConfig {
	short := strings.TrimSuffix(name, "!")
	return LoggerConfig{Name: short, Level: level, Handlers: hs, Propagate: short == name}
}

func slogger(t *Tree, name string) *slog.Logger { return slog.New(t.Node(name).Handler()) }

func TestEffectiveLevel(t *testing.T) {
	tests := []struct {
		name    string
		loggers []LoggerConfig
		of      string
		want    record.Level
	}{
		{"root at the start", nil, "", record.Warning},
		{"inherited from root", nil, "a.b", record.Warning},
		{"root NOTSET means everything", []LoggerConfig{logger("", record.NotSet)}, "a", record.NotSet},
		{"root's own", []LoggerConfig{logger("", record.Info)}, "a.b.c", record.Info},
		{"the parent's", []LoggerConfig{logger("a", record.Debug)}, "a.b", record.Debug},
		{"over a place-holder", []LoggerConfig{logger("a", record.Debug)}, "a.b.c.d", record.Debug},
		{"NOTSET inherits", []LoggerConfig{logger("a", record.Error), logger("a.b", record.NotSet)}, "a.b", record.Error},
		{"one's own", []LoggerConfig{logger("a", record.Error), logger("a.b", record.Info)}, "a.b", record.Info},
		{"between the names", []LoggerConfig{logger("a", 25)}, "a", 25},
		{"also without propagation", []LoggerConfig{logger("a", record.Debug), logger("a.b!", record.NotSet)}, "a.b", record.Debug},
		{"no prefix without a dot", []LoggerConfig{logger("a", record.Debug)}, "ab", record.Warning},
		{"empty parts", []LoggerConfig{logger("a.", record.Debug)}, "a..b", record.Debug},
		{"an empty first part", []LoggerConfig{logger("", record.Info)}, ".x", record.Info},
		{"root by its name", []LoggerConfig{logger("", record.Info)}, "root", record.Info},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := New(Config{Loggers: tt.loggers}).Node(tt.of).Level(); got != tt.want {
				t.Errorf("%q has %v, want %v", tt.of, got, tt.want)
			}
		})
	}
}

func TestPropagation(t *testing.T) {
	root, a, ab := &lines{}, &lines{}, &lines{}
	tests := []struct {
		name    string
		loggers []LoggerConfig
		log     string
		want    [3]int // records that root, a and ab get
	}{
		{"up to the root", []LoggerConfig{logger("", 10, directTo(root, 0)), logger("a", 0, directTo(a, 0)), logger("a.b", 0, directTo(ab, 0))}, "a.b", [3]int{1, 1, 1}},
		{"from a child that nobody configured", []LoggerConfig{logger("", 10, directTo(root, 0)), logger("a", 0, directTo(a, 0))}, "a.x.y", [3]int{1, 1, 0}},
		{"it ends where it says so", []LoggerConfig{logger("", 10, directTo(root, 0)), logger("a!", 10, directTo(a, 0)), logger("a.b", 0, directTo(ab, 0))}, "a.b", [3]int{0, 1, 1}},
		{"levels of ancestors are not looked at", []LoggerConfig{logger("", 50, directTo(root, 0)), logger("a", 50, directTo(a, 0)), logger("a.b", 10)}, "a.b", [3]int{1, 1, 0}},
		{"levels of handlers are", []LoggerConfig{logger("", 10, directTo(root, 30)), logger("a", 0, directTo(a, 20))}, "a", [3]int{0, 1, 0}},
		{"a direct handler twice on the way writes twice", []LoggerConfig{logger("", 10, directTo(root, 0)), logger("a", 0, directTo(root, 0))}, "a", [3]int{2, 0, 0}},
		{"not down", []LoggerConfig{logger("", 10), logger("a", 0, directTo(a, 0))}, "", [3]int{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			slogger(New(Config{Loggers: tt.loggers}), tt.log).Info("m")
			if got := [3]int{len(root.take()), len(a.take()), len(ab.take())}; got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// The same handler on a logger and its ancestor: a direct one writes twice, as
// in Python; a spooled one has one bit, so it gets the record once.
func TestHandlerTwiceOnTheWay(t *testing.T) {
	out, spool := &lines{}, &frames{}
	d, s := directTo(out, 0), spooledAt(3, 0)
	tr := New(Config{Appender: spool, Loggers: []LoggerConfig{logger("", 10, d, s), logger("a", 0, d, s)}})
	slogger(tr, "a").Info("m")
	if got := out.take(); len(got) != 2 {
		t.Errorf("the direct handler wrote %q", got)
	}
	vs := spool.views(t)
	if len(vs) != 1 || vs[0].Mask != 1<<3 || string(vs[0].Logger) != "a" {
		t.Errorf("%d frames: %+v", len(vs), vs)
	}
	if hs := tr.Node("a").Handlers(); !slices.Equal(hs, []*Handler{d, s, d, s}) {
		t.Errorf("the way has %d handlers", len(hs))
	}
}

func TestLastResort(t *testing.T) {
	tests := []struct {
		name    string
		loggers []LoggerConfig
		last    []string
		unshown uint64
	}{
		{"nothing configured", nil, []string{"warning", "error"}, 1},
		{"a level that lets more through", []LoggerConfig{logger("", 10)}, []string{"warning", "error"}, 2},
		{"no propagation and no handler", []LoggerConfig{logger("", 10, directTo(&lines{}, 0)), logger("a!", 0)}, []string{"warning", "error"}, 2},
		{"a handler with a level too high is a handler", []LoggerConfig{logger("", 10, directTo(&lines{}, 99))}, nil, 0},
		{"so is a spooled one", []LoggerConfig{logger("", 10, spooledAt(0, 99))}, nil, 0},
		{"and one for other kinds", []LoggerConfig{logger("", 10, &Handler{Accepts: Takes(record.Row), Direct: &lines{}})}, nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			last := &lines{}
			tr := New(Config{Loggers: tt.loggers, LastResort: last})
			log := slogger(tr, "a")
			log.Debug("debug")
			log.Info("info")
			log.Warn("warning")
			log.Error("error")
			if got := last.take(); !slices.Equal(got, tt.last) || tr.Unshown() != tt.unshown {
				t.Errorf("the last resort got %q, %d were not shown", got, tr.Unshown())
			}
		})
	}
	tr := New(Config{})
	slogger(tr, "a").Error("nobody at all")
	if tr.Unshown() != 1 {
		t.Errorf("without a last resort %d were not shown", tr.Unshown())
	}
}

// A logger that is asked for later takes its place between those that are there.
func TestPlaceHolders(t *testing.T) {
	tr := New(Config{Loggers: []LoggerConfig{logger("a.b.c", 0)}})
	deep := tr.Node("a.b.c.d")
	names := func() (list []string) {
		for _, l := range tr.Loggers() {
			list = append(list, l.Name)
		}
		return list
	}
	if got := names(); !slices.Equal(got, []string{"", "a.b.c", "a.b.c.d"}) {
		t.Errorf("loggers %q", got)
	}
	tr.SetLevel("a", record.Debug)
	if got := names(); !slices.Equal(got, []string{"", "a", "a.b.c", "a.b.c.d"}) || deep.Level() != record.Debug {
		t.Errorf("loggers %q, level %v", got, deep.Level())
	}
	tr.SetLevel("a.b", record.Error)
	tr.SetLevel("root", record.Info)
	if deep.Level() != record.Error || tr.Node("").Level() != record.Info || tr.Node("x").Level() != record.Info {
		t.Errorf("levels %v %v", deep.Level(), tr.Node("").Level())
	}
	tr.SetLevel("a.b", record.NotSet)
	if deep.Level() != record.Debug {
		t.Errorf("level %v after NOTSET", deep.Level())
	}
	if tr.Node("root") != tr.Node("") {
		t.Error("root and the empty name are two loggers")
	}
}

func TestSetLevelWhileLogging(t *testing.T) {
	out, spool := &lines{}, &frames{}
	tr := New(Config{Appender: spool, Loggers: []LoggerConfig{logger("", 10, directTo(out, 30), spooledAt(0, 0))}})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			log := slogger(tr, "a.b").With("k", 1)
			for range 500 {
				log.Info("info")
				log.Warn("warning")
			}
		})
	}
	for i := range 200 {
		tr.SetLevel([]string{"a", "a.b", ""}[i%3], []record.Level{record.Debug, record.Critical, record.NotSet}[i%7%3])
		tr.Node("a.c")
		tr.Loggers()
	}
	wg.Wait()
	tr.SetLevel("a.b", record.Error)
	if log := slogger(tr, "a.b"); log.Enabled(context.Background(), slog.LevelWarn) || !log.Enabled(context.Background(), slog.LevelError) {
		t.Error("the last level does not hold")
	}
	warnings := 0
	for _, v := range spool.views(t) {
		if v.Level == record.Warning {
			warnings++
		}
	}
	if got := out.take(); len(got) != warnings {
		t.Errorf("%d lines for %d warnings", len(got), warnings)
	}
}

package girok

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestReporter(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(newReporter(&out))
	log.Info("plain")
	log.Warn("quoted", "a", "two words", "empty", "", "line", "a\nb", "eq", "x=y")
	log.With("handler", "box").WithGroup("g").Error("bad", "error", errors.New("no"))
	want := "girok: plain\n" +
		"girok: warn: quoted a=\"two words\" empty=\"\" line=\"a\\nb\" eq=\"x=y\"\n" +
		"girok: error: bad handler=box error=no\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
}

// One cause is told once a minute, and then how often it was not. Counts and
// times are no causes of their own; handler, run and error are.
func TestReporterOncePerCause(t *testing.T) {
	var out bytes.Buffer
	r := newReporter(&out)
	log := slog.New(r)
	for i := range 50 {
		log.With("handler", "a").Error("bad", "error", "no", "so_far", i)
		log.With("handler", "b").Error("bad", "error", "no")
		log.Error("bad", "run", i%2)
	}
	if n := strings.Count(out.String(), "\n"); n != 4 {
		t.Errorf("%d lines:\n%s", n, &out)
	}
	for _, s := range r.said.cause {
		s.at = s.at.Add(-reportEvery)
	}
	out.Reset()
	log.Error("bad", "handler", "a", "error", "no")
	log.Error("bad", "handler", "a", "error", "no")
	if got := out.String(); got != "girok: error: bad handler=a error=no (and 49 times more since the last line)\n" {
		t.Errorf("got %s", got)
	}
	// Causes that are made up do not grow it for ever.
	for i := range 3 * maxSaid {
		log.Error(fmt.Sprint("cause ", i))
	}
	if n := len(r.said.cause); n > maxSaid {
		t.Errorf("it remembers %d causes", n)
	}
}

// Open("") is Python's unconfigured state.
func TestOpenWithoutConfig(t *testing.T) {
	noSpool(t)
	t.Chdir(t.TempDir())
	stderr := catchStderr(t)
	logs, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	log := logs.Logger("x")
	log.Info("below WARNING")
	log.Warn("warning", "n", 1)
	logs.SetLevel("", slog.LevelDebug)
	log.Info("enabled, but nobody shows it")
	log.Debug("nor this")
	log.Error("error")
	for range 2 {
		if err := logs.Close(); err != nil {
			t.Error(err)
		}
	}
	want := "warning\nerror\ngirok: warn: records were not shown: nothing is configured for them; give girok.Open a config.yaml records=3\n"
	if got := stderr(); got != want {
		t.Errorf("got\n%s", got)
	}
	if names := entries(t, "."); len(names) != 0 {
		t.Errorf("it made %v", names)
	}
}

func TestOpenFromTheEnvironment(t *testing.T) {
	noSpool(t)
	var b box
	t.Setenv("GIROK_CONFIG", writeConfig(t, boxed))
	logs, err := Open("", b.kind())
	if err != nil {
		t.Fatal(err)
	}
	logs.Logger("").Info("m")
	if err := logs.Close(); err != nil || len(b.got()) != 1 {
		t.Errorf("%v, rows %q", err, b.got())
	}
	t.Setenv("GIROK_CONFIG", "nowhere.yaml")
	if logs, err := Open(""); err == nil {
		logs.Close()
		t.Error("a file that is not there opens")
	}
}

// Records that a full spool lost are counted, told on standard error, and told
// by the logger girok.gap, which goes where the others go.
func TestGap(t *testing.T) {
	noSpool(t)
	stderr := catchStderr(t)
	b := box{gate: make(chan struct{})}
	logs := openText(t, boxed+"spool: {max_bytes: 2MiB}\n", b.kind())
	long := strings.Repeat("x", 10_000)
	const n = 1000 // 10 MB
	for range n {
		logs.Logger("x").Info("m", "long", long)
	}
	lost := logs.Lost()
	if lost == 0 || lost >= n {
		t.Fatalf("lost %d of %d", lost, n)
	}
	// In a full spool there may be no room for the gap either: then it is told later.
	before := logs.lostTold
	if told := logs.tellGap(); told != (logs.lostTold > before) {
		t.Errorf("told: %v, %d of %d", told, logs.lostTold, lost)
	}
	close(b.gate)
	if err := logs.Flush(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := logs.Close(); err != nil {
		t.Error(err)
	}
	rows, told := uint64(0), uint64(0)
	for i, row := range b.got() {
		if row == "INFO m" {
			rows++
			continue
		}
		var gap struct{ Records uint64 }
		if err := json.Unmarshal([]byte(b.attrs[i]), &gap); err != nil || row != "ERROR records were lost: the spool was full" {
			t.Errorf("row %q %s", row, b.attrs[i])
		}
		told += gap.Records
	}
	if rows+logs.Lost() != n || told != logs.Lost() {
		t.Errorf("%d rows and %d lost of %d; told of %d", rows, logs.Lost(), n, told)
	}
	// One line for each of two causes: older ones went, and none could go.
	if text := stderr(); strings.Count(text, "the oldest records went") != 1 || strings.Count(text, "nothing in it can go") > 1 {
		t.Errorf("told: %s", text)
	}
}

func TestAllocations(t *testing.T) {
	noSpool(t)
	t.Chdir(t.TempDir())
	var b box
	const file = "version: 1\nservice: s\nformatters: {j: {class: json}}\nhandlers: {f: {class: file, filename: f.log, formatter: j}, box: {class: box}}\nroot: {level: INFO, handlers: [f]}\n"
	const both = "[f, box]}\n"
	tests := map[string]struct {
		text string
		log  func(*Logs) *slog.Logger
	}{
		"a JSON file":    {file, func(l *Logs) *slog.Logger { return l.Logger("a.b") }},
		"bound":          {file, func(l *Logs) *slog.Logger { return l.Logger("a.b").With("s", "x", "n", 1) }},
		"an open group":  {file, func(l *Logs) *slog.Logger { return l.Logger("a.b").WithGroup("g") }},
		"a box":          {boxed, func(l *Logs) *slog.Logger { return l.Logger("a.b") }},
		"file and box":   {strings.Replace(file, "[f]}\n", both, 1), func(l *Logs) *slog.Logger { return l.Logger("a.b").With("k", 1) }},
		"redacted":       {file + "redact: {keys: [\"*password*\"]}\n", func(l *Logs) *slog.Logger { return l.Logger("a.b") }},
		"not enabled":    {strings.Replace(file, "INFO", "ERROR", 1), func(l *Logs) *slog.Logger { return l.Logger("a.b") }},
		"of a null file": {"version: 1\nhandlers: {n: {class: \"null\"}}\nroot: {level: INFO, handlers: [n]}\n", func(l *Logs) *slog.Logger { return l.Logger("") }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			// The deliverer would allocate too: it waits at the gate.
			b = box{gate: make(chan struct{})}
			defer close(b.gate)
			log := tt.log(openText(t, tt.text, b.kind()))
			run := func() {
				log.LogAttrs(t.Context(), slog.LevelInfo, "order placed", slog.String("user", "kim"), slog.Int("items", 3),
					slog.Float64("score", 0.9312), slog.Bool("gift", true), slog.Duration("took", 1500*time.Microsecond))
			}
			run()
			if n := testing.AllocsPerRun(500, run); n != 0 && !raced {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

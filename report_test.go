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

// One cause is told once a minute, and then how often it was not. Counts, times,
// runs and handlers are no causes of their own; errors are, but for their numbers.
func TestReporterOncePerCause(t *testing.T) {
	var out bytes.Buffer
	r := newReporter(&out)
	log := slog.New(r)
	for i := range 50 {
		log.With("handler", "a").Error("bad", "error", "no", "so_far", i)
		log.With("handler", "b").Error("bad", "error", "no", "run", i)
		log.Error("bad", "error", fmt.Sprintf("read 127.0.0.1:%d: reset", 4000+i))
	}
	if got := out.String(); got != "girok: error: bad handler=a error=no so_far=0\ngirok: error: bad error=\"read 127.0.0.1:4000: reset\"\n" {
		t.Errorf("got %s", got)
	}
	aMinuteLater(r)
	out.Reset()
	log.Error("bad", "handler", "a", "error", "no")
	log.Error("bad", "handler", "a", "error", "no")
	if got := out.String(); got != "girok: error: bad handler=a error=no (and 99 times more since the last line, of handlers b, a)\n" {
		t.Errorf("got %s", got)
	}
	// Causes that are made up do not grow it for ever.
	for i := range 3 * maxSaid {
		log.Error("cause " + strings.Repeat("x", i))
	}
	if n := len(r.said.cause); n > maxSaid {
		t.Errorf("it remembers %d causes", n)
	}
}

// What was held back is told when its minute is over, though nothing follows.
func TestReporterTellsLate(t *testing.T) {
	var out bytes.Buffer
	r := newReporter(&out)
	log := slog.New(r)
	told := func(want string) {
		t.Helper()
		if got := out.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		out.Reset()
	}
	for i := range 12 {
		log.Error("down", "handler", fmt.Sprint("h", i), "error", "no")
	}
	log.Info("up", "handler", "h0")
	log.Info("up", "handler", "h1")
	told("girok: error: down handler=h0 error=no\ngirok: up handler=h0\n")
	r.late()
	told("")
	aMinuteLater(r)
	r.late()
	told("girok: error: down handler=h11 error=no (and 10 times more since the last line, of handlers h1, h2, h3, h4, h5, h6, h7, h8 and others)\n" +
		"girok: up handler=h1\n")
	r.last()
	told("")
	log.Error("down", "handler", "h0", "error", "no") // within the minute of what was told late
	log.Info("up", "handler", "h0")
	log.Info("up", "handler", "h1")
	told("")
	r.last()
	told("girok: warn: held back, since a cause is told once a minute: 1 × [error: down handler=h0 error=no]; 2 × [up handler=h1]\n")
	aMinuteLater(r)
	if r.late(); len(r.said.cause) != 0 {
		t.Errorf("it remembers %d causes", len(r.said.cause))
	}
}

func aMinuteLater(r *reporter) {
	for _, s := range r.said.cause {
		s.at = s.at.Add(-reportEvery)
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
	// One line for each of two causes: older ones went, and none could go, since a
	// batch under way holds them. Which it is depends on where the batch was cut.
	lines, _, _ := strings.Cut(stderr(), "girok: warn: held back")
	went, stuck := strings.Count(lines, "the oldest records went"), strings.Count(lines, "nothing in it can go")
	if went+stuck == 0 || went > 1 || stuck > 1 {
		t.Errorf("told: %s", lines)
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
			// It counts what the background allocates meanwhile too, which a call that
			// allocates does in each of several rounds.
			n := testing.AllocsPerRun(500, run)
			for range 9 {
				n = min(n, testing.AllocsPerRun(500, run))
			}
			if n != 0 && !raced {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

package girok

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/girok/girok/internal/pydiff"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink/python"
	"github.com/girok/girok/tree"
)

var (
	pydiffRuns = flag.Int("pydiff", 400, "how many random cases TestAgainstPython plays")
	pydiffSeed = flag.Uint64("pydiff.seed", 1, "the first of them")
)

// TestAgainstPython plays random configurations and log calls with CPython and with
// girok, and wants the same bytes; and as many configurations with a mistake, which
// both have to refuse. What differs by design is not drawn: see TestDifferences. From
// 10,000 on each thing that can be drawn has to be, by a hundredth of the cases.
//
//	go test . -run TestAgainstPython -pydiff 10000
func TestAgainstPython(t *testing.T) {
	py, reader := pydiff.Start(t), pydiff.Start(t)
	if !strings.HasPrefix(py.Version, "3.11.") {
		t.Skip("NOT TESTED, needs CPython 3.11, whose rules of rotation girok has; GIROK_PYTHON may name one: that girok does what it does with random configurations")
	}
	noSpool(t)
	type both struct {
		seed uint64
		c    *pydiff.Case
		out  *pydiff.Outcome
		sent map[string][]string
		err  error
	}
	counts := pydiff.Counts{}
	ready := make(chan both, 16) // CPython is so far ahead
	done := make(chan struct{})
	defer close(done)
	seeds := *pydiffSeed
	go func() {
		defer close(ready)
		for i := range 2 * uint64(*pydiffRuns) {
			b := both{seed: seeds + i/2}
			if i%2 == 0 {
				b.c = pydiff.Draw(b.seed, counts)
			} else {
				b.c = pydiff.DrawMistake(b.seed, counts)
			}
			if len(b.c.Services) == 0 { // servers would look at the zone that the other goroutine sets
				b.out, b.err = py.Play(b.c)
			}
			select {
			case ready <- b:
			case <-done:
				return
			}
		}
	}()
	local := time.Local
	t.Cleanup(func() { time.Local = local })
	bad := 0
	for b := range ready {
		if b.out == nil && b.err == nil {
			b.out, b.sent, b.err = playPython(t, reader, b.c)
		}
		if b.err != nil {
			t.Fatalf("seed %d: %v", b.seed, b.err)
		}
		p := diffPlayer{t: t, c: b.c, want: b.out, wantSent: b.sent, reader: reader}
		diff := p.play()
		if diff != "" && len(b.c.Services) > 0 { // a call waits a second and no longer, whatever else the machine does
			diff = p.play()
		}
		if diff != "" {
			if bad++; bad <= 20 {
				t.Errorf("seed %d: %s\n%s%s", b.seed, diff, b.c.Config, p.told())
			}
		}
	}
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("drawn %6d: %s", counts[what], what)
		if least := *pydiffRuns / 100; least >= 100 && counts[what] < least {
			t.Errorf("drawn %d times, want at least %d: %s", counts[what], least, what)
		}
	}
	fmt.Printf("CPython %s: %d cases and %d mistakes, %d differ\n", py.Version, *pydiffRuns, *pydiffRuns, bad)
}

// playPython plays a case with CPython, with servers of its own, and gives what came
// to them by kind.
func playPython(t *testing.T, py *pydiff.Python, c *pydiff.Case) (*pydiff.Outcome, map[string][]string, error) {
	served := serveAll(t, c.Services)
	out, err := py.Play(withPorts(c, served))
	return out, served.end(), err
}

// withPorts is a case with the ports of servers in it.
func withPorts(c *pydiff.Case, r *receivers) *pydiff.Case {
	if len(c.Services) == 0 {
		return c
	}
	with := *c
	with.Config = string(r.ports([]byte(c.Config)))
	with.Steps = slices.Clone(c.Steps)
	for i := range with.Steps {
		with.Steps[i].Config = string(r.ports([]byte(c.Steps[i].Config)))
	}
	return &with
}

// end stops the servers and gives what came to them.
func (r *receivers) end() map[string][]string {
	for _, stop := range r.stop {
		stop()
	}
	r.talks.Wait()
	return r.got
}

// differences are all that are meant: what CPython does not do, or does to nobody's
// joy. Each must still be one.
var differences = []struct {
	why    string
	config string
	needs  []string // servers
	steps  []pydiff.Step
}{
	{
		why:    "a field that a record lacks: CPython loses the line, girok shows it and says <no user>",
		config: toStdout + `formatters: {f: {format: "%(message)s %(user)s"}}`,
		steps:  []pydiff.Step{call(30, "")},
	},
	{
		why:    "a field that does not fit its conversion: the same",
		config: toStdout + `formatters: {f: {format: "%(message)d"}}`,
		steps:  []pydiff.Step{call(30, "")},
	},
	{
		why:    "extra that is called like an attribute of a record: CPython raises KeyError to the caller, girok logs it, as extra.name",
		config: toStdout + `formatters: {f: {format: "%(message)s"}}`,
		steps:  []pydiff.Step{call(30, `{"name": "kim"}`)},
	},
	{
		why:    "{req.a} in a format: for CPython an attribute of an object, and it loses the line; for girok what the group or mapping req has under a",
		config: toStdout + `formatters: {f: {format: "{message} {req.a}", style: "{"}}`,
		steps:  []pydiff.Step{nested()},
	},
	{
		why:    "a format that fails at every record: CPython takes it, girok refuses it",
		config: toStdout + `formatters: {f: {format: "%(message)s %(lineno)q"}}`,
	},
	{
		why:    "a key that is nearly one that a formatter knows: CPython ignores it, girok refuses it",
		config: toStdout + `formatters: {f: {fromat: "%(levelname)s"}}`,
	},
	{
		why:    "a top key that is nearly one that there is: the same",
		config: "version: 1\nhandler: {}",
	},
	{
		why:    "rename_fields of JsonFormatter 2.0.7 with a field that is not there: CPython loses the line",
		config: toStdout + `formatters: {f: {(): pythonjsonlogger.jsonlogger.JsonFormatter, rename_fields: {user: who}}}`,
		steps:  []pydiff.Step{call(30, "")},
	},
	{
		why:    "json_ensure_ascii: null is false for CPython, and absent for girok",
		config: toStdout + `formatters: {f: {(): pythonjsonlogger.jsonlogger.JsonFormatter, json_ensure_ascii: null}}`,
		steps:  []pydiff.Step{call(30, `{"user": "한글"}`)},
	},
	{
		why:    "MemoryHandler under (): CPython leaves the target a text, and every record raises",
		config: "version: 1\nhandlers: {m: {(): logging.handlers.MemoryHandler, capacity: 1, target: out}, out: {class: logging.StreamHandler}}\nroot: {handlers: [m]}",
		steps:  []pydiff.Step{call(30, "")},
	},
	{
		why:    "SysLogHandler under (): CPython leaves the address a list, which its socket does not take",
		config: "version: 1\nhandlers: {m: {(): logging.handlers.SysLogHandler, address: [127.0.0.1, @SYSLOG_UDP_PORT@]}}\nroot: {handlers: [m]}",
		needs:  []string{"syslog_udp"},
		steps:  []pydiff.Step{call(30, "")},
	},
	{
		why:    "exc_info in what HTTPHandler sends: a tuple of Python's objects for CPython, the error's text for girok",
		config: "version: 1\nhandlers: {h: {class: logging.handlers.HTTPHandler, host: '127.0.0.1:@HTTP_PORT@', url: /}}\nroot: {handlers: [h]}",
		needs:  []string{"http"},
		steps:  []pydiff.Step{failing()},
	},
	{
		why:    "an error and a handler with JsonFormatter before a SocketHandler: CPython sends no exc_text, girok the error's text",
		config: "version: 1\nformatters: {j: {(): pythonjsonlogger.jsonlogger.JsonFormatter}}\nhandlers: {s: {class: logging.handlers.SocketHandler, formatter: j, host: 127.0.0.1, port: @TCP_PORT@}}\nroot: {handlers: [s]}",
		needs:  []string{"pickle_tcp"},
		steps:  []pydiff.Step{failing()},
	},
	{
		why: "asctime of a handler that is not the last one before a SocketHandler: CPython sends it, girok that of the last one",
		config: "version: 1\nformatters: {t: {format: '%(asctime)s'}}\nhandlers: {a: {class: logging.StreamHandler, formatter: t}, b: {class: logging.StreamHandler},\n" +
			"  s: {class: logging.handlers.SocketHandler, host: 127.0.0.1, port: @TCP_PORT@}}\nroot: {handlers: [a, b, s]}",
		needs: []string{"pickle_tcp"},
		steps: []pydiff.Step{call(30, "")},
	},
	{
		why:    "a url of HTTPHandler with a space: CPython fails at every record, girok refuses it",
		config: "version: 1\nhandlers: {h: {class: logging.handlers.HTTPHandler, host: localhost, url: /a b}}\nroot: {handlers: [h]}",
		steps:  []pydiff.Step{call(30, "")},
	},
	{
		why:    "an incremental configuration: girok passes on what a MemoryHandler holds, CPython does not touch it",
		config: toFile + "  m: {class: logging.handlers.MemoryHandler, capacity: 9, target: f}\n  f: {class: logging.handlers.TimedRotatingFileHandler, when: S, filename: app.log}\nroot: {handlers: [m, f]}",
		steps:  []pydiff.Step{call(30, ""), {Op: "configure", Time: 1_000_000_001e9, Config: "version: 1\nincremental: true"}, callAt(1_000_000_010e9), callAt(1_000_000_020e9)},
	},
	{
		why:    "a second configuration, and a logger that keeps a file of mode x: CPython raises at its next record, girok goes on writing",
		config: toFile + "  f: {class: logging.FileHandler, mode: x, filename: app.log}\nroot: {handlers: [f]}",
		steps:  []pydiff.Step{{Op: "configure", Time: 1_000_000_000e9, Config: "version: 1\ndisable_existing_loggers: false"}, call(30, "")},
	},
	{
		why:    "a second configuration, and a logger that keeps a RotatingFileHandler of mode w without maxBytes: CPython empties the file at its next record, girok goes on writing",
		config: toFile + "  f: {class: logging.handlers.RotatingFileHandler, mode: w, filename: app.log}\nroot: {handlers: [f]}",
		steps:  []pydiff.Step{call(30, ""), {Op: "configure", Time: 1_000_000_000e9, Config: "version: 1\ndisable_existing_loggers: false"}, call(30, "")},
	},
	{
		why:    "a second configuration without disable_existing_loggers: for girok it is all there is, for CPython loggers that it does not name are silent",
		config: toStdout + `formatters: {f: {format: "%(message)s"}}`,
		steps: []pydiff.Step{
			{Op: "get", Logger: "shop", Time: 1_000_000_000e9}, {Op: "configure", Time: 1_000_000_000e9, Config: toStdout + `formatters: {f: {format: "%(levelname)s"}}`},
			{Op: "log", Time: 1_000_000_000e9, Logger: "shop", Level: 30, Msg: "order placed", File: "a", Func: "f"},
		},
	},
	{
		why:    "WatchedFileHandler with delay and mode w: CPython opens the file anew with the second record, and loses the first",
		config: toFile + "  f: {class: logging.handlers.WatchedFileHandler, delay: true, mode: w, filename: app.log}\nroot: {handlers: [f]}",
		steps:  []pydiff.Step{call(30, ""), call(30, "")},
	},
	{
		why:    "atTime as a text: CPython fails, girok takes it for the time of day that it says",
		config: toFile + "  f: {class: logging.handlers.TimedRotatingFileHandler, when: midnight, atTime: '12:30', filename: app.log}\nroot: {handlers: [f]}",
	},
}

const (
	toStdout = "version: 1\nhandlers: {out: {class: logging.StreamHandler, stream: ext://sys.stdout, formatter: f}}\nroot: {handlers: [out]}\n"
	toFile   = "version: 1\nhandlers:\n"
)

// call is a call of the root logger; extra is a map of texts, as JSON.
func call(level int, extra string) pydiff.Step {
	s := pydiff.Step{Op: "log", Time: 1_000_000_000e9, Level: level, Msg: "order placed", File: "shop/orders.py", Line: 7, Func: "place", Process: 1, ProcessName: "MainProcess", ThreadName: "MainThread"}
	if extra != "" {
		s.Extra = json.RawMessage(extra)
		var m map[string]string
		if err := json.Unmarshal(s.Extra, &m); err != nil {
			panic(err) // of a constant
		}
		for k, v := range m {
			s.Fields = append(s.Fields, pydiff.Field{Name: k, Value: v})
		}
	}
	return s
}

// nested is a call with a mapping.
func nested() pydiff.Step {
	const mapping = `{"a": 1}`
	s := call(30, "")
	s.Extra, s.Fields = json.RawMessage(`{"req": `+mapping+`}`), []pydiff.Field{{Name: "req", Value: json.RawMessage(mapping)}}
	return s
}

func failing() pydiff.Step {
	s := call(40, "")
	s.Exc = &pydiff.Exc{Type: "ValueError", Message: "boom"}
	return s
}

func callAt(ns int64) pydiff.Step {
	s := call(30, "")
	s.Time = ns
	return s
}

func TestDifferences(t *testing.T) {
	py := pydiff.Start(t)
	noSpool(t)
	local := time.Local
	t.Cleanup(func() { time.Local = local })
	for _, d := range differences {
		t.Run(d.why, func(t *testing.T) {
			c := &pydiff.Case{Services: d.needs, Zone: "UTC", Start: 1_000_000_000e9, Config: d.config, Steps: d.steps, Files: map[string]string{}, Look: []string{""}}
			out, sent, err := playPython(t, py, c)
			if err != nil {
				t.Fatal(err)
			}
			p := diffPlayer{t: t, c: c, want: out, wantSent: sent, reader: py}
			diff := p.play()
			if diff == "" {
				t.Error("there is none any more: take it off the list, and let the generator draw it")
			}
			t.Log(diff)
		})
	}
}

// diffPlayer plays a case with girok.
type diffPlayer struct {
	t    *testing.T
	c    *pydiff.Case
	want *pydiff.Outcome
	now  time.Time
	logs *Logs

	wantSent map[string][]string // what came to the servers of CPython
	reader   *pydiff.Python      // of pickles

	listeners []Listener // stopped, but for what is left to them by each call
}

// play says how what comes out differs from what CPython made of the case.
func (p *diffPlayer) play() string {
	t := p.t
	zone, err := time.LoadLocation(p.c.Zone)
	if err != nil {
		t.Fatal(err)
	}
	time.Local = zone
	dir, back := p.folder()
	defer back()
	p.now = time.Unix(0, p.c.Start)
	for name, text := range p.c.Files {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p.setTimes(true)
	stdout, stderr := p.streams(dir)
	defer func(o, e *os.File) { os.Stdout, os.Stderr = o, e }(os.Stdout, os.Stderr)
	os.Stdout, os.Stderr = stdout, stderr
	refused := map[int]error{}
	served := serveAll(t, p.c.Services)
	sent := sync.OnceValue(served.end)
	defer sent()
	c := withPorts(p.c, served)
	p.logs, err = OpenBytes("config.yaml", []byte(c.Config), clock(func() time.Time { return p.now }), began(p.now), python.Kinds)
	if diff := p.sameRefusal(-1, err); diff != "" || err != nil {
		if p.logs != nil {
			p.logs.Close()
		}
		return diff
	}
	p.hold()
	p.setTimes(false)
	for i := range c.Steps {
		s := &c.Steps[i]
		p.now = time.Unix(0, s.Time)
		if err := p.step(s); err != nil {
			refused[i] = err
		}
		p.setTimes(false)
	}
	states := p.states()
	late := slices.ContainsFunc(p.want.Failed, func(f pydiff.Failure) bool { return f.Step == len(c.Steps) }) // of what was held
	if err := p.logs.Close(); err != nil && !late {
		return "Close: " + err.Error()
	}
	for i, s := range p.c.Steps {
		if s.Op == "configure" {
			if diff := p.sameRefusal(i, refused[i]); diff != "" {
				return diff
			}
		}
	}
	if diff := p.sameBytes(stdout, stderr); diff != "" {
		return diff
	}
	if diff := p.sameSent(sent()); diff != "" {
		return diff
	}
	for _, name := range p.c.Look {
		if got, want := states[name], p.want.States[name]; !reflect.DeepEqual(got, want) {
			return fmt.Sprintf("logger %q:\n got %+v\nwant %+v", name, got, want)
		}
	}
	return ""
}

// date is the line of a mail that says when it was written.
var date = regexp.MustCompile(`(?m)^Date: .*\r\n`)

// sameSent wants the same to have come to the servers.
func (p *diffPlayer) sameSent(got map[string][]string) string {
	full := func(texts []string) []string { // CPython connects before there is anything to send
		return slices.DeleteFunc(texts, func(s string) bool { return s == "" })
	}
	for kind, want := range p.wantSent {
		have, want := full(got[kind]), full(want)
		if slices.Contains(p.c.Services, "syslog_tcp") || slices.Contains(p.c.Services, "syslog_unix_stream") { // however many connections it came by
			have, want = []string{strings.Join(have, "")}, []string{strings.Join(want, "")}
		}
		if len(have) != len(want) {
			return fmt.Sprintf("%s: got %d, want %d:\n got %.1000q\nwant %.1000q", kind, len(have), len(want), have, want)
		}
		if kind == "pickle" {
			have, want = p.unpickled(have), p.unpickled(want)
		}
		for i := range want {
			a, b := date.ReplaceAllString(have[i], ""), date.ReplaceAllString(want[i], "")
			if a != b {
				return differ(fmt.Sprintf("%s %d", kind, i), []byte(a), []byte(b))
			}
		}
	}
	if len(got) > len(p.wantSent) {
		return fmt.Sprintf("only girok has sent %.500q", got)
	}
	return ""
}

func (p *diffPlayer) unpickled(texts []string) []string {
	q := struct {
		Pickles [][]byte `json:"pickles"`
	}{}
	for _, text := range texts {
		q.Pickles = append(q.Pickles, []byte(text))
	}
	var a struct{ Records []string }
	if err := p.reader.Ask(q, &a); err != nil {
		p.t.Fatal(err)
	}
	return a.Records
}

// states are what loggers are like.
func (p *diffPlayer) states() map[string]pydiff.State {
	all := map[string]pydiff.State{}
	for _, name := range p.c.Look {
		n := p.logs.Node(name)
		set := n.Settings()
		st := pydiff.State{
			Level: int(set.Level), Effective: int(n.Level()), Disabled: n.Disabled(), Propagate: set.Propagate || name == "",
			Handlers: []string{}, Levels: []int{}, Filters: min(len(set.Filters), 1), Enabled: []int{},
		}
		for _, h := range set.Handlers {
			st.Handlers, st.Levels = append(st.Handlers, h.Name), append(st.Levels, int(h.Level))
		}
		for _, l := range []int{5, 10, 20, 25, 30, 40, 50, 60} {
			if n.Enabled(record.Level(l)) {
				st.Enabled = append(st.Enabled, l)
			}
		}
		all[name] = st
	}
	return all
}

// told is what CPython says of a case beside its output.
func (p *diffPlayer) told() string {
	var b strings.Builder
	for _, t := range p.want.Raised {
		fmt.Fprintf(&b, "raised in step %d: %q\n", t.Step, t.Texts)
	}
	for _, f := range p.want.Failed {
		fmt.Fprintf(&b, "failed in step %d: %s: %s: %s\n", f.Step, f.Handler, f.Type, f.Text)
	}
	for i, s := range p.c.Steps {
		fmt.Fprintf(&b, "step %d: %s %s %d %.60q %s %s %.200s%s\n", i, s.Op, s.Logger, s.Level, s.Msg, time.Unix(0, s.Time).UTC().Format(time.RFC3339), s.File, s.Extra, s.Config)
	}
	return b.String()
}

// folder makes an empty folder the working one.
func (p *diffPlayer) folder() (dir string, back func()) {
	before, err := os.Getwd()
	if err != nil {
		p.t.Fatal(err)
	}
	dir, err = os.MkdirTemp("", "girok-pydiff")
	if err != nil {
		p.t.Fatal(err)
	}
	work := filepath.Join(dir, "w")
	if err := os.Mkdir(work, 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Chdir(work); err != nil {
		p.t.Fatal(err)
	}
	return dir, func() {
		if err := os.Chdir(before); err != nil {
			p.t.Fatal(err)
		}
		os.RemoveAll(dir)
	}
}

func (p *diffPlayer) streams(dir string) (stdout, stderr *os.File) {
	open := func(name string) *os.File {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644)
		if err != nil {
			p.t.Fatal(err)
		}
		return f
	}
	return open("stdout"), open("stderr")
}

// setTimes gives files that were written by the real clock the time of the case.
func (p *diffPlayer) setTimes(all bool) {
	eachFile(p.t, ".", func(path, _ string) {
		st, err := os.Stat(path)
		if err == nil && (all || time.Since(st.ModTime()) < time.Hour) {
			err = os.Chtimes(path, p.now, p.now)
		}
		if err != nil {
			p.t.Fatal(err)
		}
	})
}

func (p *diffPlayer) step(s *pydiff.Step) error {
	switch s.Op {
	case "configure":
		err := p.logs.ReloadBytes("config.yaml", []byte(s.Config))
		p.hold()
		return err
	case "get":
		p.logs.Logger(s.Logger)
		return nil
	case "set_level":
		p.logs.tree.SetLevel(s.Logger, record.Level(s.Level))
		return nil
	case "disable":
		p.logs.tree.Disable(record.Level(s.Level))
		return nil
	}
	msg, err := s.Msg, error(nil)
	if len(s.Merged) > 0 {
		var args []slog.Attr
		for _, f := range s.Merged {
			args = append(args, slog.Any(f.Name, f.Value))
		}
		if msg, err = merged(s.Msg, args); err != nil {
			p.t.Fatal(err)
		}
	}
	attrs := []slog.Attr{slog.Group("LogRecord", "process", s.Process, "processName", s.ProcessName, "thread", s.Thread, "threadName", s.ThreadName)}
	if s.Exc != nil {
		attrs = append(attrs, slog.Any("exc_info", &pyError{s.Exc.Module, s.Exc.Type, s.Exc.Message}))
	}
	if s.Stack != "" {
		attrs = append(attrs, slog.String("stack_info", s.Stack))
	}
	for _, f := range s.Fields {
		attrs = append(attrs, slog.Any(f.Name, f.Value))
	}
	_, err = p.logs.Node(s.Logger).Emit(&tree.Entry{
		Kind: record.Log, Level: record.Level(s.Level), Time: p.now, Message: msg, Attrs: attrs,
		Caller: record.Caller{File: s.File, Function: s.Func, Line: s.Line},
	})
	for _, l := range p.listeners {
		l.Start()
		l.Stop()
	}
	return err
}

// hold stops the listeners of a configuration. Those of before go on with what loggers
// leave them that keep their handlers.
func (p *diffPlayer) hold() {
	for _, h := range p.logs.blue.Load().sorted() {
		if l := p.logs.Listener(h.name); l != nil && !slices.Contains(p.listeners, l) {
			l.Stop()
			p.listeners = append(p.listeners, l)
		}
	}
}

// sameRefusal wants a configuration to be refused by both or by none.
func (p *diffPlayer) sameRefusal(step int, err error) string {
	i := slices.IndexFunc(p.want.Refused, func(t pydiff.Trouble) bool { return t.Step == step })
	switch {
	case i < 0 && err != nil:
		return fmt.Sprintf("step %d: only girok refuses the configuration: %v", step, err)
	case i >= 0 && err == nil:
		return fmt.Sprintf("step %d: only CPython refuses the configuration: %q", step, p.want.Refused[i].Texts)
	}
	return ""
}

// toldOperator finds what girok tells the operator on standard error.
var toldOperator = regexp.MustCompile(`girok: (info|warn|error): .*\n`)

// misfit finds what a line says of a field that CPython loses the line for.
var misfit = regexp.MustCompile(`<no [^>]*>|<\S+ is not [%:][^>]*`)

func (p *diffPlayer) sameBytes(stdout, stderr *os.File) string {
	got := map[string][]byte{"stdout": []byte(readText(p.t, stdout.Name()))}
	got["stderr"] = toldOperator.ReplaceAll([]byte(readText(p.t, stderr.Name())), nil)
	eachFile(p.t, ".", func(path, text string) { got["file "+path] = []byte(text) })
	want := map[string][]byte{"stdout": p.want.Stdout, "stderr": p.want.Stderr}
	for name, text := range p.want.Files {
		want["file "+name] = text
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		have, ok := got[name]
		if !ok && strings.HasPrefix(name, "file ") {
			return name + " is missing"
		}
		if p.c.Misfits {
			have = withoutMisfits(have)
		}
		if !bytes.Equal(have, want[name]) {
			return differ(name, have, want[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok && strings.HasPrefix(name, "file ") {
			return name + " should not be there"
		}
	}
	if len(p.want.Raised) > 0 {
		return fmt.Sprintf("CPython raises %q", p.want.Raised[0].Texts)
	}
	return ""
}

// withoutMisfits takes out the lines that CPython does not write.
func withoutMisfits(text []byte) (left []byte) {
	for line := range bytes.Lines(text) {
		if !misfit.Match(line) {
			left = append(left, line...)
		}
	}
	return left
}

// differ shows two texts around the first byte that is not the same.
func differ(name string, got, want []byte) string {
	at := 0
	for at < len(got) && at < len(want) && got[at] == want[at] {
		at++
	}
	from := max(0, at-80)
	return fmt.Sprintf("%s, from byte %d (differs at %d):\n got %.300q\nwant %.300q", name, from, at, got[from:], want[from:])
}

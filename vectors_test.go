package girok

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/encodings"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink/python"
	"github.com/girok/girok/tree"
)

// The cases in testdata/vectors.tar.gz hold what CPython's logging wrote for a
// config.yaml and a list of log calls; README.md in it says what is what. A case is
// met when the bytes are those of its reference or of one of its variants.
// GIROK_VECTORS may name a folder with other cases, unpacked, to be played instead.
//
// testdata/vectors-later.txt lists those that are not met, and why. One that is
// listed and met is an error: the list only gets shorter. A case is skipped when it
// asks for what no program in Go can do; the case itself shows that.
func TestVectors(t *testing.T) {
	awaitOthers()
	cases, later := vectorCases(t), map[string]string{}
	for l := range record.Level(100) { // names that another test has given
		if name, ok := record.AddedName(l); ok {
			t.Cleanup(func() { record.AddLevelName(l, name) })
			before, known := map[record.Level]string{0: "NOTSET", record.Debug: "DEBUG", record.Info: "INFO", record.Warning: "WARNING", record.Error: "ERROR", record.Critical: "CRITICAL"}[l]
			if !known {
				before = fmt.Sprint("Level ", int(l))
			}
			record.AddLevelName(l, before)
		}
	}
	if os.Getenv("GIROK_VECTORS") == "" {
		later = laterCases(t)
	}
	var passed, failed, skipped int
	failures, reasons := map[string]int{}, map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		c := cases[name]
		why, listed := later[name]
		delete(later, name)
		t.Run(name, func(t *testing.T) {
			diff := c.play(t)
			switch reason, ok := strings.CutPrefix(diff, cannotBe); {
			case ok:
				skipped++
				reasons[reason]++
				t.Skip(reason)
			case diff == "":
				passed++
				if listed {
					t.Errorf("it is met now; take it out of testdata/vectors-later.txt (%s)", why)
				}
				return
			default:
				failed++
				for _, tag := range c.keys(t).Tags {
					failures[tag]++
				}
				if !listed {
					t.Error(diff)
				}
			}
		})
	}
	for name := range later {
		t.Errorf("testdata/vectors-later.txt: there is no case %s", name)
	}
	for _, tag := range slices.Sorted(maps.Keys(failures)) {
		fmt.Printf("failed with tag %-16s %3d\n", tag, failures[tag])
	}
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		fmt.Printf("skipped %3d: %s\n", reasons[reason], reason)
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped)
}

// cannotBe begins what play says of a case that no program in Go can be made to
// play.
const cannotBe = "can't be: "

func cannot(format string, args ...any) error { return fmt.Errorf(cannotBe+format, args...) }

// laterCases reads the list of cases that are not met: a reason, and below it, set
// in, the names.
func laterCases(tb testing.TB) map[string]string {
	tb.Helper()
	list, why := map[string]string{}, ""
	for line := range strings.Lines(readText(tb, "testdata/vectors-later.txt")) {
		name := strings.TrimSpace(line)
		switch {
		case name == "":
		case strings.HasPrefix(line, "  "):
			list[name] = why
		default:
			why = name
		}
	}
	return list
}

// vector is one case: its files by name.
type vector map[string][]byte

func vectorCases(tb testing.TB) map[string]vector {
	tb.Helper()
	cases := map[string]vector{}
	add := func(name string, read func() ([]byte, error)) {
		parts := strings.SplitN(path.Clean(name), "/", 2)
		if len(parts) < 2 {
			return
		}
		b, err := read()
		if err != nil {
			tb.Fatal(err)
		}
		if cases[parts[0]] == nil {
			cases[parts[0]] = vector{}
		}
		cases[parts[0]][parts[1]] = b
	}
	if dir := os.Getenv("GIROK_VECTORS"); dir != "" {
		eachEntry(tb, dir, func(file string, _ os.FileInfo) {
			rel, _ := filepath.Rel(dir, file)
			add(filepath.ToSlash(rel), func() ([]byte, error) { return os.ReadFile(file) })
		})
	} else {
		eachPacked(tb, "testdata/vectors.tar.gz", add)
	}
	for name, c := range cases {
		if c["case.json"] == nil {
			delete(cases, name) // what else lies there
		}
	}
	if len(cases) == 0 {
		tb.Fatal("there are no cases")
	}
	return cases
}

// eachPacked gives the files of an archive, whose names begin with one folder.
func eachPacked(tb testing.TB, archive string, add func(name string, read func() ([]byte, error))) {
	tb.Helper()
	f, err := os.Open(archive)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			tb.Fatal(err)
		}
		if _, name, ok := strings.Cut(path.Clean(h.Name), "/"); ok && h.Typeflag == tar.TypeReg {
			add(name, func() ([]byte, error) { return io.ReadAll(r) })
		}
	}
}

// caseKeys is case.json.
type caseKeys struct {
	Reference string
	TZ        string
	Start     int64 `json:"start_time_ns"`
	Config    string
	Services  []string
	Tags      []string
	Files     []struct {
		Path  string
		MTime int64 `json:"mtime_ns"`
	}
}

// logStep is one step of records.json.
type logStep struct {
	Op, Logger, Handler, Config, From, To, Path string
	Level, Msg, Args, Extra, Name               json.RawMessage
	Loggers                                     []string
	ExcInfo                                     *pyError `json:"exc_info"`
	ExcText                                     *string  `json:"exc_text"`
	StackInfo                                   *string  `json:"stack_info"`
	Time                                        *int64   `json:"time_ns"`
	Pathname, Func                              string
	Lineno                                      int
	Process, Thread                             int64
	ProcessName, ThreadName                     string
	TaskName                                    *string
}

// pyError is an error of Python's; its text is that of a traceback without frames.
type pyError struct{ Module, Type, Message string }

func (e *pyError) Error() string {
	s := e.Type
	if e.Module != "" && e.Module != "builtins" {
		s = e.Module + "." + s
	}
	switch {
	case e.Message == "":
		return s
	case e.Type == "KeyError":
		return s + ": '" + e.Message + "'"
	}
	return s + ": " + e.Message
}

// played is what came out of a case.
type played struct {
	out    map[string]string // stdout, stderr, files/…, http/…
	err    error             // of the first configuration
	failed map[int]error     // of a step, by its number
	states []any
	logged int // steps that log

	configures map[int]bool // the steps that do
}

// awaitOthers waits for what earlier tests have begun and is about to end: it tells the
// time, whose zone changes here.
func awaitOthers() {
	const still = 3 // the test, who runs it, and who waits for signals
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > still && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// play runs a case in a folder of its own, and says how what came out differs from
// the reference; "" if from one of its variants, or from itself, in nothing.
func (c vector) play(t *testing.T) string {
	k := c.keys(t)
	zone, err := time.LoadLocation(k.TZ)
	if err != nil {
		t.Fatal(err)
	}
	local := time.Local
	t.Cleanup(func() { time.Local = local })
	time.Local = zone
	noSpool(t)
	dir := t.TempDir()
	t.Chdir(dir)
	c.layFiles(t, k)

	p := &player{t: t, c: c, k: k, now: time.Unix(0, k.Start), configures: map[int]bool{}, served: serveAll(t, k.Services)}
	got, err := p.run()
	if err != nil {
		return err.Error()
	}
	eachEntry(t, dir, func(path string, _ os.FileInfo) {
		rel, _ := filepath.Rel(dir, path)
		got.out["files/"+filepath.ToSlash(rel)] = readText(t, path)
	})
	first := ""
	for i, want := range c.references() {
		diff := got.compare(want)
		switch {
		case diff == "":
			return ""
		case got.always(want["handler_errors.json"], want["step_errors.json"]):
			return cannotBe + "CPython takes the configuration and fails with every record: here it is a mistake of the file, or has the obvious meaning"
		}
		if i == 0 {
			first = diff
		}
	}
	return first
}

func (c vector) keys(tb testing.TB) *caseKeys {
	k := new(caseKeys)
	mustJSON(tb, c["case.json"], k)
	return k
}

func (c vector) layFiles(t *testing.T, k *caseKeys) {
	for _, name := range slices.Sorted(maps.Keys(c)) {
		rel, ok := strings.CutPrefix(name, "files/")
		if !ok {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(rel), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(rel, c[name], 0o644); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(0, k.Start)
		for _, f := range k.Files {
			if f.Path == rel && f.MTime != 0 {
				at = time.Unix(0, f.MTime)
			}
		}
		if err := os.Chtimes(rel, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

// references are the outcomes that count: that of the reference, and what its
// variants have in place of it.
func (c vector) references() []map[string][]byte {
	base := map[string][]byte{}
	variants := map[string]map[string][]byte{}
	for name, b := range c {
		if rel, ok := strings.CutPrefix(name, "expected/"); ok {
			base[rel] = b
		} else if rest, ok := strings.CutPrefix(name, "variants/"); ok {
			v, rel, _ := strings.Cut(rest, "/")
			if variants[v] == nil {
				variants[v] = map[string][]byte{}
			}
			variants[v][rel] = b
		}
	}
	list := []map[string][]byte{base}
	for _, v := range slices.Sorted(maps.Keys(variants)) {
		list = append(list, variants[v])
	}
	return list
}

// player plays the steps of a case.
type player struct {
	t    *testing.T
	c    vector
	k    *caseKeys
	now  time.Time
	logs *Logs

	served     *receivers
	failed     map[int]error // steps whose error came to the caller
	configures map[int]bool
	states     []any // what the state steps saw
}

// text is a configuration with the ports of the servers in it.
func (p *player) text(name string) []byte { return p.served.ports(p.c[name]) }

func (p *player) run() (*played, error) {
	stdout, err := os.Create(filepath.Join(p.t.TempDir(), "stdout"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer stdout.Close()
	before := os.Stdout
	os.Stdout = stdout
	defer func() { os.Stdout = before }()
	stderr := catchStderr(p.t)

	got := &played{out: map[string]string{}, logged: bytes.Count(p.c["records.json"], []byte(`"op": "log"`))}
	text := []byte("version: 1")
	if p.k.Config != "" {
		text = p.text(p.k.Config)
	}
	p.logs, got.err = OpenBytes("config.yaml", text, clock(func() time.Time { return p.now }), python.Kinds, encodings.All, encodings.Names)
	if got.err != nil {
		return got, nil
	}
	for name := range p.logs.blue.Load().handlers {
		if l := p.logs.Listener(name); l != nil {
			l.Stop() // Python's is not started by itself
		}
	}
	p.setTimes()
	err = p.steps(stdout)
	_ = p.logs.Close() // its error is for the operator; what it did is seen
	p.served.collect(got.out)
	got.failed, got.states, got.configures = p.failed, p.states, p.configures
	got.out["stdout"] = readText(p.t, stdout.Name())
	for line := range strings.Lines(stderr()) {
		if !strings.HasPrefix(line, "girok: ") { // what it tells the operator
			got.out["stderr"] += line
		}
	}
	return got, err
}

func (p *player) steps(stdout *os.File) error {
	var steps []logStep
	mustJSON(p.t, p.c["records.json"], &steps)
	var lost []struct{ Step any }
	if b := p.c["expected/handler_errors.json"]; b != nil {
		mustJSON(p.t, b, &lost)
	}
	for i := range steps {
		s := &steps[i]
		if s.Time != nil {
			p.now = time.Unix(0, *s.Time)
		}
		at, err := stdout.Seek(0, io.SeekEnd)
		if err != nil {
			p.t.Fatal(err)
		}
		if s.Op == "configure" {
			p.configures[i] = true
		}
		switch err := p.step(s); {
		case err == nil:
		case strings.HasPrefix(err.Error(), cannotBe):
			return err
		default:
			if p.failed == nil {
				p.failed = map[int]error{}
			}
			p.failed[i] = err
		}
		p.setTimes()
		for _, l := range lost {
			if l.Step == float64(i) {
				p.takeOut(stdout, at)
			}
		}
	}
	return nil
}

// takeOut takes a line out that CPython loses because a field is missing or does not
// fit: girok shows it, and says so in it.
func (p *player) takeOut(stdout *os.File, at int64) {
	line := []byte(readText(p.t, stdout.Name())[at:])
	if !bytes.Contains(line, []byte("<no ")) && !bytes.Contains(line, []byte(" is not ")) {
		return
	}
	if err := stdout.Truncate(at); err != nil {
		p.t.Fatal(err)
	}
	if _, err := stdout.Seek(at, io.SeekStart); err != nil {
		p.t.Fatal(err)
	}
}

// setTimes gives what was written by the real clock the time of the case.
func (p *player) setTimes() {
	eachEntry(p.t, ".", func(path string, st os.FileInfo) {
		if time.Since(st.ModTime()) < time.Hour {
			if err := os.Chtimes(path, p.now, p.now); err != nil {
				p.t.Fatal(err)
			}
		}
	})
}

func eachEntry(tb testing.TB, dir string, f func(path string, st os.FileInfo)) {
	tb.Helper()
	err := filepath.Walk(dir, func(path string, st os.FileInfo, err error) error {
		if err == nil && st.Mode().IsRegular() {
			f(path, st)
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
}

func (p *player) step(s *logStep) error {
	switch s.Op {
	case "log":
		return p.log(s)
	case "configure":
		text := p.text(s.Config)
		if !bytes.Contains(text, []byte("disable_existing_loggers")) {
			text = append(text, "\ndisable_existing_loggers: true\n"...) // which Python's files mean
		}
		return p.logs.ReloadBytes(s.Config, text)
	case "get_logger":
		p.logs.Logger(s.Logger)
	case "set_level":
		level, ok := record.ParseLevel(strings.Trim(string(s.Level), `"`))
		if !ok {
			return fmt.Errorf("level %s", s.Level)
		}
		p.logs.tree.SetLevel(s.Logger, level)
	case "add_level_name":
		level, err := strconv.Atoi(string(s.Level))
		if err != nil {
			return err
		}
		var name string
		mustJSON(p.t, s.Name, &name)
		before := record.Level(level).String()
		p.t.Cleanup(func() { record.AddLevelName(record.Level(level), before) })
		record.AddLevelName(record.Level(level), name)
	case "disable":
		level, err := strconv.Atoi(string(s.Level))
		if err != nil {
			return err
		}
		p.logs.tree.Disable(record.Level(level))
	case "state":
		var list []any
		for _, name := range s.Loggers {
			list = append(list, p.state(name))
		}
		p.states = append(p.states, list)
	case "handle":
		return cannot("a record that was made elsewhere and is handed to a logger past its level")
	case "flush":
		return p.logs.Flush(p.t.Context(), s.Handler)
	case "listener_start":
		p.logs.Listener(s.Handler).Start()
	case "listener_stop":
		p.logs.Listener(s.Handler).Stop()
	case "rename":
		return os.Rename(s.From, s.To)
	case "remove":
		return os.Remove(s.Path)
	default:
		return fmt.Errorf("there is nothing like %s", s.Op)
	}
	return nil
}

// state is what state.json says of a logger.
func (p *player) state(name string) map[string]any {
	n := p.logs.Node(name)
	set := n.Settings()
	own := func(name string) string { return cmp.Or(name, "root") }
	st := map[string]any{
		"logger": name, "name": own(set.Name), "level": float64(set.Level), "effective_level": float64(n.Level()),
		"disabled": n.Disabled(), "propagate": set.Propagate, "parent": nil, "filters": float64(len(set.Filters)),
		"has_handlers": len(n.Handlers()) > 0,
	}
	if above := n.Parent(); above != nil {
		st["parent"] = own(above.Settings().Name)
	}
	names, levels, enabled := []any{}, []any{}, []any{}
	for _, h := range set.Handlers {
		names, levels = append(names, h.Name), append(levels, float64(h.Level))
	}
	for _, l := range []record.Level{5, 10, 20, 25, 30, 40, 50, 60} {
		if n.Enabled(l) {
			enabled = append(enabled, float64(l))
		}
	}
	st["handlers"], st["handler_levels"], st["enabled_for"] = names, levels, enabled
	return st
}

func (p *player) log(s *logStep) error {
	msg, err := messageOf(s)
	if err != nil {
		return err
	}
	if string(s.Args) != "null" && slices.Contains(p.k.Services, "http") {
		return cannot("a message that is sent apart from its arguments")
	}
	level, err := strconv.Atoi(string(s.Level))
	if err != nil {
		return err
	}
	own := []any{"process", s.Process, "processName", s.ProcessName, "thread", s.Thread, "threadName", s.ThreadName}
	if strings.HasPrefix(p.k.Reference, "py3.12") || strings.HasPrefix(p.k.Reference, "py3.13") {
		var task any
		if s.TaskName != nil {
			task = *s.TaskName
		}
		own = append(own, "taskName", task)
	}
	attrs := []slog.Attr{slog.Group("LogRecord", own...)}
	if s.ExcInfo != nil {
		attrs = append(attrs, slog.Any("exc_info", s.ExcInfo))
	}
	if s.ExcText != nil {
		attrs = append(attrs, slog.String("exc_text", *s.ExcText))
	}
	if s.StackInfo != nil {
		attrs = append(attrs, slog.String("stack_info", *s.StackInfo))
	}
	extra, err := extraAttrs(s.Extra)
	if err != nil {
		return err
	}
	_, err = p.logs.Node(s.Logger).Emit(&tree.Entry{
		Kind: record.Log, Level: record.Level(level), Time: p.now, Message: msg, Attrs: append(attrs, extra...),
		Caller: record.Caller{File: s.Pathname, Function: s.Func, Line: s.Lineno},
	})
	return err
}

// extraAttrs are the fields of extra, in their order.
func extraAttrs(text json.RawMessage) (attrs []slog.Attr, err error) {
	if len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, err
		}
		v, err := goValue(raw)
		if err != nil {
			return nil, err
		}
		attrs = append(attrs, slog.Any(key.(string), v))
	}
	return attrs, nil
}

// goValue is a value of Python's as a program in Go would give it.
func goValue(raw json.RawMessage) (any, error) {
	text := string(raw)
	switch {
	case text == "null":
		return nil, nil
	case text == "true" || text == "false":
		return text == "true", nil
	case text[0] == '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	case text[0] == '{' && strings.Contains(text, `"$type"`):
		return typedValue(raw)
	case text[0] == '{' || text[0] == '[':
		if strings.Contains(text, `"$type"`) {
			return nil, cannot("values of types that only Python has, in a list or a mapping")
		}
		return raw, nil
	case strings.ContainsAny(text, ".eE"):
		return strconv.ParseFloat(text, 64)
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	return raw, nil
}

func typedValue(raw json.RawMessage) (any, error) {
	var v struct {
		Type   string `json:"$type"`
		Value  json.RawMessage
		Items  json.RawMessage
		Base64 string
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, err
	}
	var text string
	_ = json.Unmarshal(v.Value, &text)
	switch v.Type {
	case "float":
		return strconv.ParseFloat(text, 64)
	case "bytes":
		return base64.StdEncoding.DecodeString(v.Base64)
	case "decimal", "uuid":
		return text, nil // what has a String method comes as its text
	case "exception":
		e := new(pyError)
		return e, json.Unmarshal(v.Value, e)
	case "datetime":
		if at, err := time.Parse("2006-01-02T15:04:05.999999Z07:00", text); err == nil {
			return at, nil
		}
	}
	return nil, cannot("a value of the type %s", v.Type)
}

// compare says how an outcome differs from a reference.
func (got *played) compare(want map[string][]byte) string {
	if b := want["error.json"]; b != nil {
		return compareError(got.err, b)
	}
	switch {
	case got.err != nil:
		return "the configuration is refused:\n" + got.err.Error()
	}
	if diff := got.compareSteps(want["step_errors.json"]); diff != "" {
		return diff
	}
	if b := want["state.json"]; b != nil {
		var states []any
		if err := json.Unmarshal(b, &states); err != nil {
			return err.Error()
		}
		if diff := compareStates(got.states, states); diff != "" {
			return diff
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		file := strings.HasPrefix(name, "files/")
		if strings.HasPrefix(name, "pickle/") && strings.HasSuffix(name, ".bin") || !strings.Contains(name, "/") && strings.HasSuffix(name, ".json") {
			continue
		}
		have, ok := got.out[name]
		if strings.HasSuffix(name, ".json") && sameJSON(have, string(want[name])) {
			continue
		}
		if file && !ok {
			return name + " is missing"
		}
		if have != string(want[name]) {
			return fmt.Sprintf("%s:\n got %.2000q\nwant %.2000q", name, have, want[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got.out)) {
		if _, ok := want[name]; !ok && strings.Contains(name, "/") {
			return name + " should not be there"
		}
	}
	return ""
}

// always reports whether CPython fails in each step that logs.
func (got *played) always(lists ...[]byte) bool {
	failed := map[float64]bool{}
	for _, text := range lists {
		var list []struct{ Step any }
		_ = json.Unmarshal(text, &list)
		for _, l := range list {
			if step, ok := l.Step.(float64); ok {
				failed[step] = true
			}
		}
	}
	return len(failed) > 0 && len(failed) >= got.logged
}

// compareStates says which keys of which loggers differ in which state step.
func compareStates(have, want []any) string {
	if len(have) != len(want) {
		return fmt.Sprintf("%d states, want %d", len(have), len(want))
	}
	var diffs []string
	for i := range want {
		a, b := have[i].([]any), want[i].([]any)
		for j := range b {
			x, y := a[j].(map[string]any), b[j].(map[string]any)
			for _, key := range slices.Sorted(maps.Keys(y)) {
				if y[key] == true && x[key] == 1.0 {
					continue // CPython shows what it was given
				}
				if !reflect.DeepEqual(x[key], y[key]) {
					diffs = append(diffs, fmt.Sprintf("state %d, logger %v: %s is %v, want %v", i, y["name"], key, x[key], y[key]))
				}
			}
		}
	}
	return strings.Join(diffs, "\n")
}

func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

// compareSteps wants the errors that CPython raised in the same steps. A call of
// a logger has none in Go: what CPython raises there for an attribute that
// clashes girok shows, and what it raises for a file that can't be opened goes to
// the operator.
func (got *played) compareSteps(text []byte) string {
	var want []struct {
		Step  int
		Error pyFailure
	}
	if text != nil {
		if err := json.Unmarshal(text, &want); err != nil {
			return err.Error()
		}
	}
	left := maps.Clone(got.failed)
	for _, w := range want {
		if !got.configures[w.Step] {
			return cannotBe + "an error that a log call returns"
		}
		b, _ := json.Marshal(w.Error)
		if diff := compareError(left[w.Step], b); diff != "" {
			return fmt.Sprintf("step %d: %s", w.Step, diff)
		}
		delete(left, w.Step)
	}
	for step, err := range left {
		return fmt.Sprintf("step %d fails: %v", step, err)
	}
	return ""
}

// pyFailure is error.json.
type pyFailure struct {
	Message    string
	Incidental bool
	Cause      *pyFailure
}

// compareError wants a mistake at the place that CPython names, and in formatters
// logging's own words too.
func compareError(err error, text []byte) string {
	var want pyFailure
	if e := json.Unmarshal(text, &want); e != nil {
		return e.Error()
	}
	if err == nil {
		return "the configuration is taken; want " + want.Message
	}
	place, words := "", ""
	for _, section := range []string{"formatter", "filter", "handler", "logger"} {
		name, ok := strings.CutPrefix(want.Message, "Unable to configure "+section+" '")
		if !ok {
			continue
		}
		place = section + "s." + strings.TrimSuffix(name, "'")
		if want.Cause != nil && !want.Cause.Incidental && section == "formatter" {
			words = want.Cause.Message
		}
	}
	if want.Message == "Unable to configure root logger" {
		place = "root"
	}
	section, _, _ := strings.Cut(place, ".")
	for line := range strings.Lines(err.Error()) {
		_, after, _ := strings.Cut(line, ": ")
		if strings.Contains(line, words) && (strings.HasPrefix(after, place) || strings.HasPrefix(after, section+": want a map")) {
			return ""
		}
	}
	return fmt.Sprintf("got %v\nwant %q at %q", err, words, place)
}

func mustJSON(tb testing.TB, text []byte, to any) {
	tb.Helper()
	if err := json.Unmarshal(text, to); err != nil {
		tb.Fatal(err)
	}
}

package girok

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/tree"
)

// The cases in testdata/dictconfig.tar.gz hold what CPython's logging wrote for a
// config.yaml and a list of log calls; README.md in it says what is what. A case is
// met when the bytes are those of its reference or of one of its variants.
//
// testdata/dictconfig-later.txt lists those that are not met, and why. One that is
// listed and met is an error: the list only gets shorter.
func TestDictConfig(t *testing.T) {
	cases, later := dictCases(t), laterCases(t)
	type score struct{ met, all int }
	scores := map[string]*score{}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		group, _, _ := strings.Cut(name, "-")
		if scores[group] == nil {
			scores[group] = &score{}
		}
		scores[group].all++
		why, listed := later[name]
		delete(later, name)
		t.Run(name, func(t *testing.T) {
			switch diff := cases[name].play(t); {
			case diff != "" && !listed:
				t.Error(diff)
			case diff == "":
				scores[group].met++
				if listed {
					t.Errorf("it is met now; take it out of testdata/dictconfig-later.txt (%s)", why)
				}
			}
		})
	}
	for name := range later {
		t.Errorf("testdata/dictconfig-later.txt: there is no case %s", name)
	}
	for _, group := range slices.Sorted(maps.Keys(scores)) {
		t.Logf("%-13s %3d of %3d", group, scores[group].met, scores[group].all)
	}
}

// laterCases reads the list of cases that are not met: a reason, and below it, set
// in, the names.
func laterCases(tb testing.TB) map[string]string {
	tb.Helper()
	list, why := map[string]string{}, ""
	for line := range strings.Lines(readText(tb, "testdata/dictconfig-later.txt")) {
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

// dictCase is one case: its files by name.
type dictCase map[string][]byte

func dictCases(tb testing.TB) map[string]dictCase {
	tb.Helper()
	f, err := os.Open("testdata/dictconfig.tar.gz")
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	cases := map[string]dictCase{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return cases
		}
		if err != nil {
			tb.Fatal(err)
		}
		parts := strings.SplitN(path.Clean(h.Name), "/", 3)
		if h.Typeflag != tar.TypeReg || len(parts) < 3 {
			continue
		}
		if cases[parts[1]] == nil {
			cases[parts[1]] = dictCase{}
		}
		if cases[parts[1]][parts[2]], err = io.ReadAll(r); err != nil {
			tb.Fatal(err)
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
	Files     []struct {
		Path  string
		MTime int64 `json:"mtime_ns"`
	}
}

// logStep is one step of records.json.
type logStep struct {
	Op, Logger, Handler, Config, From, To, Path string
	Level, Msg, Args, Extra                     json.RawMessage
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
	out map[string]string // stdout, stderr, files/…
	err error             // of the first configuration
}

// play runs a case in a folder of its own, and says how what came out differs from
// the reference; "" if from one of its variants, or from itself, in nothing.
func (c dictCase) play(t *testing.T) string {
	var k caseKeys
	mustJSON(t, c["case.json"], &k)
	if len(k.Services) > 0 {
		return "it needs a server"
	}
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
	c.layFiles(t, &k)

	p := &player{t: t, c: c, k: &k, now: time.Unix(0, k.Start)}
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
		if diff == "" {
			return ""
		}
		if i == 0 {
			first = diff
		}
	}
	return first
}

func (c dictCase) layFiles(t *testing.T, k *caseKeys) {
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
func (c dictCase) references() []map[string][]byte {
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
	c    dictCase
	k    *caseKeys
	now  time.Time
	logs *Logs
}

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

	got := &played{out: map[string]string{}}
	text := []byte("version: 1")
	if p.k.Config != "" {
		text = p.c[p.k.Config]
	}
	p.logs, got.err = OpenBytes("config.yaml", text, clock(func() time.Time { return p.now }))
	if got.err != nil {
		return got, nil
	}
	for name := range p.logs.blue.Load().handlers {
		if l := p.logs.Listener(name); l != nil {
			l.Stop() // Python's is not started by itself
		}
	}
	p.setTimes()
	err = errors.Join(p.steps(stdout), p.logs.Close())
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
		if err := p.step(s); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
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
		return p.logs.ReloadBytes(s.Config, p.c[s.Config])
	case "get_logger":
		p.logs.Logger(s.Logger)
	case "set_level":
		level, ok := record.ParseLevel(strings.Trim(string(s.Level), `"`))
		if !ok {
			return fmt.Errorf("level %s", s.Level)
		}
		p.logs.tree.SetLevel(s.Logger, level)
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

func (p *player) log(s *logStep) error {
	if len(s.Args) > 0 && string(s.Args) != "null" {
		return errors.New("a message is not merged with arguments")
	}
	var msg string
	if err := json.Unmarshal(s.Msg, &msg); err != nil || s.Msg[0] != '"' {
		return errors.New("a message is text")
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
			return nil, fmt.Errorf("there is nothing like %s", raw)
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
		Value  any
		Base64 string
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, err
	}
	text, _ := v.Value.(string)
	switch v.Type {
	case "float":
		return strconv.ParseFloat(text, 64)
	case "bytes":
		return base64.StdEncoding.DecodeString(v.Base64)
	case "decimal", "uuid":
		return text, nil // what has a String method comes as its text
	case "datetime":
		if at, err := time.Parse("2006-01-02T15:04:05.999999Z07:00", text); err == nil {
			return at, nil
		}
	}
	return nil, fmt.Errorf("there is nothing like %s", raw)
}

// compare says how an outcome differs from a reference.
func (got *played) compare(want map[string][]byte) string {
	if b := want["error.json"]; b != nil {
		return compareError(got.err, b)
	}
	switch {
	case got.err != nil:
		return "the configuration is refused:\n" + got.err.Error()
	case want["state.json"] != nil:
		return "loggers can't be looked at"
	case want["step_errors.json"] != nil:
		return "a log call has no error"
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		file := strings.HasPrefix(name, "files/")
		if name != "stdout" && name != "stderr" && !file {
			continue
		}
		have, ok := got.out[name]
		if file && !ok {
			return name + " is missing"
		}
		if have != string(want[name]) {
			return fmt.Sprintf("%s:\n got %.2000q\nwant %.2000q", name, have, want[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got.out)) {
		if _, ok := want[name]; !ok && strings.HasPrefix(name, "files/") {
			return name + " should not be there"
		}
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
	for line := range strings.Lines(err.Error()) {
		_, after, _ := strings.Cut(line, ": ")
		if strings.Contains(line, words) && strings.HasPrefix(after, place) {
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

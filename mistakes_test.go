package girok

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const mistaken = `version: 2
service: a/b
timezone: Asia/Seul
spol: {dir: spool}
disable_existing_loggers: false
formatters:
  a: {format: "%(message", fromat: x, style: "{"}
  b: {class: jsn}
  c: {class: json, format: "%(message)s"}
handlers:
  one: {class: console, stream: ext://sys.stdot, formater: a}
  two: {class: file, filname: made.log, mode: q}
  three: {class: file, filename: made.log, formatter: d, accepts: [log, evnt]}
  four: {class: logging.handlers.TimedRotatingFileHandler, filename: made.log, when: W9}
  five: {class: bigquery, table: t}
  six: {class: boks}
  seven: {level: INFO}
  eight: {class: box, level: WARNIG, accepts: [rows], bach: {records: 5}, filters: [x]}
  nine: {class: box, batch: {records: many, age: 5}}
loggers:
  x: {level: info, handlers: [on, one, nein], filters: [f]}
  y: {level: [], handler: [one], propagate: maybe}
root: {level: 1.5, handlers: [one, zzz]}
redact: {key: [a], with: hide}
spool: {dir: spool, durability: fast, max_bytes: 5, max_byte: 1GiB}
`

const mistakes = `config.yaml:1:10: version: want 1, got 2
config.yaml:2:10: service: names a folder in the spool: want no / and no leading dot, got "a/b"
config.yaml:3:11: timezone: want a time zone, as Asia/Seoul or UTC, got "Asia/Seul"
config.yaml:4:1: spol: unknown key; did you mean "spool"? known: disable_existing_loggers, filters, formatters, …
config.yaml:7:15: formatters.a.format: invalid format: no fields; write {message} (character 1 of the format)
config.yaml:7:28: formatters.a.fromat: unknown key; did you mean "format"? known: class, color, datefmt, …
config.yaml:8:14: formatters.b.class: "jsn" is not in this program; it has json, logfmt, console, ecs, gcp, logging.Formatter, pythonjsonlogger.jsonlogger.JsonFormatter, pythonjsonlogger.json.JsonFormatter, uvicorn.logging.DefaultFormatter, uvicorn.logging.AccessFormatter
config.yaml:9:14: formatters.c.class: class json takes neither format nor datefmt
config.yaml:11:33: handlers.one.stream: want one of ext://sys.stderr, ext://sys.stdout, ext://sys.__stderr__, ext://sys.__stdout__, got "ext://sys.stdot"; did you mean "ext://sys.stdout"?
config.yaml:11:50: handlers.one.formater: unknown key; did you mean "formatter"? known: accepts, class, filters, …
config.yaml:12:22: handlers.two.filname: unknown key; did you mean "filename"? known: accepts, class, delay, …
config.yaml:12:47: handlers.two.mode: want one of a, w, x, got "q"
config.yaml:13:55: handlers.three.formatter: no formatter "d"; known: a, b, c
config.yaml:13:73: handlers.three.accepts[1]: want one of log, event, row, metric, span, got "evnt"
config.yaml:14:86: handlers.four.when: Invalid day specified for weekly rollover: W9
config.yaml:15:17: handlers.five.class: "bigquery" is not in this program; it has box, console, file, null
                   in Go: girok.Open(path, bigquery.Kind), of the package github.com/girok/girok/store/bigquery
config.yaml:16:16: handlers.six.class: "boks" is not in this program; did you mean "box"? it has box, console, file, null
config.yaml:17:3: handlers.seven.class: is missing; want console, file, null, a class of Python's logging, or a kind of store
config.yaml:18:30: handlers.eight.level: unknown level "WARNIG"; did you mean "WARNING"? known: CRITICAL, ERROR, WARNING, INFO, DEBUG, NOTSET, or a number
config.yaml:18:48: handlers.eight.accepts[0]: want one of log, event, row, metric, span, got "rows"
config.yaml:18:55: handlers.eight.bach: unknown key; did you mean "batch"? known: accepts, batch, class, …
config.yaml:18:85: handlers.eight.filters[0]: no filter "x"; none is defined
config.yaml:19:39: handlers.nine.batch.records: want a whole number from 1 to 1,000,000, got "many"
config.yaml:19:50: handlers.nine.batch.age: want a duration with a unit, as 5s, got "5"
config.yaml:21:14: loggers.x.level: unknown level "info"; did you mean "INFO"? known: CRITICAL, ERROR, WARNING, INFO, DEBUG, NOTSET, or a number
config.yaml:21:31: loggers.x.handlers[0]: no handler "on"; known: eight, five, four, nine, one, seven, six, three, two
config.yaml:21:40: loggers.x.handlers[2]: no handler "nein"; did you mean "nine"? known: eight, five, four, nine, one, seven, six, three, two
config.yaml:21:57: loggers.x.filters[0]: no filter "f"; none is defined
config.yaml:22:14: loggers.y.level: want a level (CRITICAL, ERROR, WARNING, INFO, DEBUG, NOTSET, or a number), got a list
config.yaml:22:18: loggers.y.handler: unknown key; did you mean "handlers"? known: filters, handlers, level, …
config.yaml:23:15: root.level: want a level (CRITICAL, ERROR, WARNING, INFO, DEBUG, NOTSET, or a number), got 1.5
config.yaml:23:36: root.handlers[1]: no handler "zzz"; known: eight, five, four, nine, one, seven, six, three, two
config.yaml:24:10: redact.key: unknown key; did you mean "keys"? known: keys, with
config.yaml:24:26: redact.with: want one of mask, hash, drop, got "hide"
config.yaml:25:33: spool.durability: want one of process, disk, got "fast"
config.yaml:25:53: spool.max_byte: unknown key; did you mean "max_bytes"? known: deliver, dir, durability, …`

// Every mistake is told at once, at its place, and nothing is touched.
func TestMistakes(t *testing.T) {
	noSpool(t)
	t.Chdir(filepath.Dir(writeConfig(t, mistaken)))
	var b box
	logs, err := Open("config.yaml", b.kind())
	if err == nil {
		logs.Close()
		t.Fatal("no mistake was found")
	}
	got, want := strings.Split(err.Error(), "\n"), strings.Split(mistakes, "\n")
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("line %d is different:\n%s", i+1, err)
		}
	}
	if names := entries(t, "."); len(names) != 1 {
		t.Errorf("it made something: %v", names)
	}
	if _, err := os.Stat(os.Getenv("XDG_STATE_HOME")); err == nil {
		t.Error("it made a folder for the spool")
	}
}

func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// One mistake each, and a part of what is said.
func TestMistake(t *testing.T) {
	noSpool(t)
	tests := []struct{ text, want string }{
		{"service: x", `1:1: version: is missing`},
		{"version:", `version: is missing`},
		{"version: '1'", `version: want the number 1, got the text "1"`},
		{"version: 1.5", `version: want 1, got 1.5`},
		{"version: 1\nhandlers: {a: {class: console, level: '-5'}}", `got the text "-5"`},
		{"version: 1\nhandlers: {a: {class: console, level: '20'}}", `2:39: handlers.a.level: want a level`},
		{"version: 1\nhandlers: {a: {class: console, level: 5000000}}", `want a level`},
		{"version: 1\nroot: {handlers: [a]}", `no handler "a"; none is defined`},
		{"version: 1\nhandlers: {a: {class: console, accepts: log}}", `handlers.a.accepts`},
		{"version: 1\nservice: .hidden", `service: names a folder`},
		{"version: 1\nhandlers: [a]", `handlers`},
		{"version: 1\nroot: {handlers: console}", `root.handlers`},
		{"version: 1\nhandlers: {a: console}", `handlers.a.class: is missing`},
		{"version: 1\nservice: ${NOT_SET_AT_ALL}", `NOT_SET_AT_ALL`},
		{"version: 1\nextends: nowhere.yaml", `nowhere.yaml`},
		{"version: 1\nversion: 1\n  x: 2", `3:`},
	}
	for _, tt := range tests {
		path := writeConfig(t, tt.text)
		_, err := Open(path)
		if err == nil {
			t.Errorf("%q: no mistake", tt.text)
			continue
		}
		if got := strings.ReplaceAll(err.Error(), path+":", ""); !strings.Contains(got, tt.want) {
			t.Errorf("%q: got %s, want %s", tt.text, got, tt.want)
		}
	}
}

// A frame has a bit for each of 64 spooled handlers.
func TestOneHandlerTooMany(t *testing.T) {
	noSpool(t)
	var b box
	open := func(n int) (*Logs, string, error) {
		text, names := "version: 1\nhandlers:\n", []string{}
		for i := range n {
			names = append(names, fmt.Sprintf("h%02d", i))
			text += "  " + names[i] + ": {class: box}\n"
		}
		path := writeConfig(t, text+"root: {handlers: ["+strings.Join(names, ", ")+"]}\n")
		logs, err := Open(path, b.kind())
		return logs, path, err
	}
	if _, path, err := open(65); err == nil || !strings.Contains(err.Error(), path+":67:3: handlers.h64: a program can have 64 spooled handlers; this is one more") {
		t.Errorf("65 handlers: %v", err)
	}
	logs, _, err := open(64)
	if err != nil {
		t.Fatal(err)
	}
	logs.Logger("x").Error("to all")
	if err := logs.Flush(within(t, time.Minute)); err != nil {
		t.Error(err)
	}
	if err := logs.Close(); err != nil || len(b.got()) != 64 {
		t.Errorf("64 handlers got %d records; %v", len(b.got()), err)
	}
}

// What Python takes is no mistake.
func TestNoMistake(t *testing.T) {
	noSpool(t)
	for _, text := range []string{
		"version: 1", "version: 1.0", "version: true", "version: 0x1",
		"version: 1\nroot: {level: null, handlers: null}",
		"version: 1\nhandlers: {a: {class: console, level: -5}}\nroot: {level: 7, handlers: [a, a]}",
		"version: 1\nhandlers: {a: {class: console, level: FATAL}, b: {class: null}}\nloggers: {x: {level: WARN, propagate: no}}",
		"version: 1\nformatters: {f: {class: logging.Formatter, datefmt: '%H'}}\nhandlers: {a: {class: logging.StreamHandler, formatter: f, stream: ext://sys.stdout}}",
	} {
		if logs, err := Open(writeConfig(t, text)); err != nil {
			t.Errorf("%q: %v", text, err)
		} else if err := logs.Close(); err != nil {
			t.Error(err)
		}
	}
}

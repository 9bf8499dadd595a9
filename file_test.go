package girok

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const spooledFileYAML = `version: 1
service: shop
formatters:
  json: {class: json}
handlers:
  out: {class: file, filename: %q, formatter: json, spooled: true, batch: {age: 5ms}}
root: {level: INFO, handlers: [out]}
`

// A file that is written from the spool: what was logged is in it, in order, and
// check says that it is spooled.
func TestSpooledFile(t *testing.T) {
	dir := t.TempDir()
	path, cfg := filepath.Join(dir, "logs", "out.jsonl"), filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(cfg, fmt.Appendf(nil, spooledFileYAML, path), 0o600); err != nil {
		t.Fatal(err)
	}
	const lives, each = 3, 500
	for life := range lives {
		logs, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for n := range each {
			logs.Logger("shop").Info("ordered", "n", life*each+n)
		}
		if err := logs.Close(); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(b)) {
		var got struct {
			Msg, Logger string
			N           int
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil || got.Msg != "ordered" || got.Logger != "shop" || got.N != n {
			t.Fatalf("line %d: %v: %s", n, err, line)
		}
		n++
	}
	if n != lives*each {
		t.Errorf("%d lines, want %d", n, lives*each)
	}
	c, err := Check(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if h := c.Handlers[0]; !h.Spooled || h.Place != path || !strings.HasPrefix(h.Guarantee, "once") || h.Accepts[0] != "log" || len(h.Accepts) != 1 {
		t.Errorf("check says %+v", h)
	}
}

func TestSpooledFileMistakes(t *testing.T) {
	_, err := OpenBytes("config.yaml", []byte(`version: 1
formatters:
  json: {class: json}
handlers:
  a: {class: file, filename: a.log, spooled: true, formatter: jsn}
  b: {class: logging.FileHandler, filename: b.log, spooled: true, rotate: {every: week}}
  c: {class: file, filename: c.log, spooled: true, rotate: {keep: 3}, delay: true}
  d: {class: file, filename: d.log, spooled: maybe}
  e: {class: file, filename: e.log, rotate: {bytes: 1MiB}}
  f: {class: file, filename: f.log, spooled: true}
  g: {class: file, filename: ./f.log, spooled: true}
`))
	const want = `config.yaml:5:63: handlers.a.formatter: no formatter "jsn"; did you mean "json"? known: json
config.yaml:6:83: handlers.b.rotate.every: want one of hour, day, got "week"
config.yaml:7:60: handlers.c.rotate: says what becomes of files that are put aside, but not when; want bytes, every or both
config.yaml:7:71: handlers.c.delay: unknown key; known: accepts, batch, class, filename, filters, formatter, level, rotate, spooled, sync
config.yaml:8:46: handlers.d.spooled: want true or false, got "maybe"
config.yaml:9:37: handlers.e.rotate: unknown key; known: accepts, class, delay, encoding, errors, filename, filters, formatter, level, mode, spooled
                  use class: logging.handlers.RotatingFileHandler or TimedRotatingFileHandler, or spooled: true with rotate
config.yaml:11:30: handlers.g.filename: the handler "f" writes this file too; give each a file of its own, or let several loggers name one handler`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// A handler that has another name after a restart: what the old one has left goes to
// the same file, with what the new one logs.
func TestSpooledFileRenamedHandler(t *testing.T) {
	dir := t.TempDir()
	path, cfg := filepath.Join(dir, "out.jsonl"), filepath.Join(dir, "config.yaml")
	n := 0
	for _, name := range []string{"out", "lines"} {
		text := strings.ReplaceAll(fmt.Sprintf(spooledFileYAML, path), "out: {", name+": {")
		if err := os.WriteFile(cfg, []byte(strings.ReplaceAll(text, "[out]", "["+name+"]")), 0o600); err != nil {
			t.Fatal(err)
		}
		logs, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			logs.Logger("shop").Info("ordered", "n", n)
			n++
		}
		ctx, cancel := context.WithCancel(context.Background())
		if cancel(); name == "out" {
			err = logs.Shutdown(ctx) // and leaves something
		} else {
			for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
				if b, err := os.ReadFile(path); err == nil && strings.Count(string(b), "\n") >= n {
					break
				}
			}
			err = logs.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if k := strings.Count(string(b), fmt.Sprintf("\"n\":%d}\n", i)); k != 1 {
			t.Fatalf("record %d is there %d times", i, k)
		}
	}
}

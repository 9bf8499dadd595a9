package girok

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/sink/python"
)

// openHere opens a configuration in an empty folder, which is the working folder.
func openHere(t *testing.T, yaml string, opts ...Option) *Logs {
	t.Helper()
	noSpool(t)
	t.Chdir(t.TempDir())
	logs, err := OpenBytes("config.yaml", []byte(yaml), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { logs.Close() })
	return logs
}

// contentOf is what a file holds, its lines on one line.
func contentOf(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		return "no file"
	}
	return strings.ReplaceAll(string(b), "\n", "/")
}

// TestPythonHandlers: each class by its name in Python writes what it writes there.
func TestPythonHandlers(t *testing.T) {
	tests := []struct {
		name, handlers string
		want           map[string]string
	}{
		{"watched", `h: {class: logging.handlers.WatchedFileHandler, filename: a}`, map[string]string{"a": "one/two/three/"}},
		{"rotating", `h: {class: logging.handlers.RotatingFileHandler, filename: a, maxBytes: 1.0e+1, backupCount: 1}`, map[string]string{"a": "three/", "a.1": "one/two/"}},
		{"timed", `h: {class: logging.handlers.TimedRotatingFileHandler, filename: a, when: D, utc: true, atTime: "12:30"}`, map[string]string{"a": "two/three/", "a.2024-03-05": "one/"}},
		{"memory", `h: {class: logging.handlers.MemoryHandler, capacity: 9, flushLevel: ERROR, flushOnClose: no, target: f}
  f: {class: logging.FileHandler, filename: a, level: CRITICAL}`, map[string]string{"a": "one/two/"}},
		{"queue", `h: {class: logging.handlers.QueueHandler, handlers: [f, g], respect_handler_level: true}
  f: {class: logging.FileHandler, filename: a, level: ERROR}
  g: {class: logging.FileHandler, filename: b}`, map[string]string{"a": "two/", "b": "one/two/three/"}},
		{"a factory", `h: {(): logging.FileHandler, filename: a, .: {terminator: ";"}}`, map[string]string{"a": "one;two;three;"}},
		{"delayed and new", `h: {class: ext://logging.FileHandler, filename: a, delay: 1, mode: x, encoding: latin-1}`, map[string]string{"a": "one/two/three/"}},
		{"of the other module", `h: {class: logging.handlers.logging.FileHandler, filename: a}`, map[string]string{"a": "one/two/three/"}},
		{"short", `h: {class: file, filename: a, formatter: m}`, map[string]string{"a": "one/two/three/"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now := time.Date(2024, 3, 5, 12, 0, 0, 0, time.UTC)
			logs := openHere(t, "version: 1\nformatters: {m: {format: '%(message)s'}}\nroot: {level: DEBUG, handlers: [h]}\nhandlers:\n  "+tt.handlers,
				clock(func() time.Time { return now }))
			log := logs.Logger("shop")
			log.Info("one")
			now = now.Add(24 * time.Hour)
			log.Error("two")
			log.Info("three")
			if err := logs.Close(); err != nil {
				t.Error(err)
			}
			for name, want := range tt.want {
				if got := contentOf(t, name); got != want {
					t.Errorf("%s: got %s, want %s", name, got, want)
				}
			}
		})
	}
}

// TestNetworkHandlers: a program that gives the kinds as an option has them by
// Python's names; check knows where they send.
func TestNetworkHandlers(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	yaml := fmt.Sprintf(`
version: 1
service: x
formatters: {f: {format: "%%(filename)s %%(message)s"}}
handlers: {h: {class: logging.handlers.SysLogHandler, formatter: f, level: ERROR, address: [127.0.0.1, %d], .: {append_nul: false}}}
root: {handlers: [h]}
`, conn.LocalAddr().(*net.UDPAddr).Port)
	logs := openHere(t, yaml, python.Kinds)
	logs.Logger("").Warn("not this")
	logs.Logger("").Error("boom")
	b := make([]byte, 100)
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	n, _, err := conn.ReadFrom(b)
	if want := "<11>direct_test.go boom"; err != nil || string(b[:n]) != want {
		t.Errorf("got %q, %v, want %q", b[:n], err, want)
	}
	c, err := Check(writeConfig(t, yaml), python.Kinds)
	if err != nil || c.Handlers[0].Place != "udp "+conn.LocalAddr().String() || !strings.Contains(c.Handlers[0].Guarantee, "1s at most") {
		t.Errorf("check says %+v, %v", c.Handlers, err)
	}
	var classes []string
	for _, s := range Reference(python.Kinds) {
		if class, ok := strings.CutPrefix(s.Title, "handlers.<name>, class: logging.handlers."); ok {
			classes = append(classes, class)
		}
	}
	want := "WatchedFileHandler RotatingFileHandler TimedRotatingFileHandler MemoryHandler QueueHandler SysLogHandler HTTPHandler SMTPHandler SocketHandler DatagramHandler"
	if got := strings.Join(classes, " "); got != want {
		t.Errorf("the reference has %s", got)
	}
}

// TestFlushDirect: Flush passes on what is held, of the handler that is named.
func TestFlushDirect(t *testing.T) {
	logs := openHere(t, `
version: 1
root: {level: DEBUG, handlers: [m, q]}
handlers:
  m: {class: logging.handlers.MemoryHandler, capacity: 9, target: a}
  q: {class: logging.handlers.QueueHandler, handlers: [b]}
  a: {class: logging.FileHandler, filename: a}
  b: {class: logging.FileHandler, filename: b}
`)
	q := logs.Listener("q")
	if q == nil || logs.Listener("m") != nil || logs.Listener("zzz") != nil {
		t.Fatalf("listeners: %v", q)
	}
	q.Stop()
	logs.Logger("").Info("x")
	if a, b := contentOf(t, "a"), contentOf(t, "b"); a+b != "" {
		t.Errorf("before: %q, %q", a, b)
	}
	q.Start()
	for _, name := range []string{"m", "q"} {
		if err := logs.Flush(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
	if a, b := contentOf(t, "a"), contentOf(t, "b"); a != "x/" || b != "x/" {
		t.Errorf("after: %q, %q", a, b)
	}
}

// TestQueueTellsTroubleOnce: what a QueueHandler has written into the message, an error
// and a stack, is not told again behind it.
func TestQueueTellsTroubleOnce(t *testing.T) {
	logs := openHere(t, `
version: 1
root: {level: DEBUG, handlers: [q]}
formatters:
  j: {class: json}
handlers:
  q: {class: logging.handlers.QueueHandler, handlers: [a, b]}
  a: {class: logging.FileHandler, filename: a}
  b: {class: logging.FileHandler, filename: b, formatter: j}
`)
	logs.Logger("").Error("x", "error", errors.New("full disk"), "stack", "at main")
	if err := logs.Flush(t.Context(), "q"); err != nil {
		t.Error(err)
	}
	a, b := contentOf(t, "a"), contentOf(t, "b")
	for _, text := range []string{"full disk", "at main"} {
		if strings.Count(a, text) != 1 || strings.Count(b, text) != 1 {
			t.Errorf("%s is told %d and %d times:\n%s\n%s", text, strings.Count(a, text), strings.Count(b, text), a, b)
		}
	}
}

// TestReloadDirect: what a handler holds is not lost with it, and a handler that
// stays is not emptied.
func TestReloadDirect(t *testing.T) {
	const before = `
version: 1
root: {level: DEBUG, handlers: [m, w]}
handlers:
  m: {class: logging.handlers.MemoryHandler, capacity: 9, target: a}
  a: {class: logging.FileHandler, filename: a}
  w: {class: logging.FileHandler, filename: w, mode: w}
`
	logs := openHere(t, before)
	log := logs.Logger("x")
	log.Info("1")
	if err := logs.ReloadBytes("config.yaml", []byte(strings.Replace(before, "filename: a", "filename: b", 1))); err != nil {
		t.Fatal(err)
	}
	log.Info("2")
	if err := logs.Close(); err != nil {
		t.Error(err)
	}
	if a, b, w := contentOf(t, "a"), contentOf(t, "b"), contentOf(t, "w"); a != "1/" || b != "2/" || w != "1/2/" {
		t.Errorf("got %q, %q, %q", a, b, w)
	}
}

// TestReloadWritesWhatIsHeld: what one handler holds for a file is written before the
// file ends for another one.
func TestReloadWritesWhatIsHeld(t *testing.T) {
	logs := openHere(t, `
version: 1
loggers: {x: {handlers: [q]}, y: {level: DEBUG, handlers: [m]}}
handlers:
  q: {class: logging.handlers.QueueHandler, handlers: [w]}
  m: {class: logging.handlers.MemoryHandler, capacity: 9, target: w}
  w: {class: logging.FileHandler, filename: w, mode: w}
`)
	logs.Logger("y").Info("held")
	if err := logs.ReloadBytes("config.yaml", []byte("version: 1\ndisable_existing_loggers: false")); err != nil {
		t.Fatal(err)
	}
	if w := contentOf(t, "w"); w != "held/" {
		t.Errorf("w has %q", w)
	}
}

// TestReloadKeepsQueue: a queue that a logger keeps over a second configuration goes on
// to feed its handlers, files are put aside still, and one of mode w is closed for good,
// as in Python; with the next configuration all of it goes.
func TestReloadKeepsQueue(t *testing.T) {
	const later = "version: 1\ndisable_existing_loggers: false"
	logs := openHere(t, later+`
loggers: {x: {level: DEBUG, handlers: [q]}}
handlers:
  q: {class: logging.handlers.QueueHandler, handlers: [r, w]}
  r: {class: logging.handlers.RotatingFileHandler, filename: r, maxBytes: 4, backupCount: 3}
  w: {class: logging.FileHandler, filename: w, mode: w}
`)
	log, q := logs.Logger("x"), logs.Listener("q")
	log.Info("1")
	if err := logs.ReloadBytes("config.yaml", []byte(later)); err != nil {
		t.Fatal(err)
	}
	log.Info("2")
	log.Info("3")
	q.Stop() // all is written
	if got, want := contentOf(t, "r.2")+contentOf(t, "r.1")+contentOf(t, "r"), "1/2/3/"; got != want || contentOf(t, "w") != "1/" {
		t.Errorf("r has %q, w %q", got, contentOf(t, "w"))
	}
	if len(logs.kept) != 2 {
		t.Errorf("%d handlers are kept", len(logs.kept))
	}
	if err := logs.ReloadBytes("config.yaml", []byte("version: 1\nroot: {}")); err != nil || len(logs.kept) != 0 {
		t.Errorf("%v, %d handlers are kept", err, len(logs.kept))
	}
}

// TestDirectMistakes: what can't work is told at its place.
func TestDirectMistakes(t *testing.T) {
	tests := []struct{ handler, want string }{
		{"class: logging.handlers.MemoryHandler, capacity: 1, target: nope", `handlers.h.target: no handler "nope"`},
		{"class: logging.handlers.MemoryHandler, capacity: 1, target: h", "handlers.h: its records come back to itself"},
		{"class: logging.handlers.MemoryHandler, capacity: 1, target: s", `the handler "s" is spooled`},
		{"class: logging.handlers.MemoryHandler", "handlers.h.capacity: is missing; want a number"},
		{"class: logging.handlers.QueueHandler", "handlers.h.handlers: is missing"},
		{"class: logging.handlers.QueueHandler, handlers: [s], queue: 5", "handlers.h.queue: want queue.Queue"},
		{"class: logging.handlers.QueueHandler, handlers: [s], listener: shop.Listener", "handlers.h.listener: want logging.handlers.QueueListener"},
		{"class: logging.handlers.RotatingFileHandler, filename: a, maxBytes: '35'", `handlers.h.maxBytes: want a number, got "35"`},
		{"class: logging.handlers.TimedRotatingFileHandler, filename: a, interval: 0", "handlers.h.interval: want a whole number of at least 1"},
		{"class: logging.handlers.TimedRotatingFileHandler, filename: a, atTime: noon", "handlers.h.atTime: want a time of day"},
		{"class: logging.FileHandler, filename: a, encoding: utf-88", "handlers.h.encoding: unknown encoding: utf-88; girok has utf-8"},
		{"class: logging.FileHandler, filename: a, colour: red", "handlers.h.colour: unknown key"},
		{"class: logging.FileHandler, filename: ''", "handlers.h.filename: is empty; want a file"},
		{"class: logging.FileHandler, filename: a, maxBytes: 5", "use class: logging.handlers.RotatingFileHandler"},
		{"class: logging.handlers.SysLogHandler", `"logging.handlers.SysLogHandler" is not in this program` + "\n" + `in Go: girok.Open(path, python.Kinds)`},
		{"class: logging.handlers.NTEventLogHandler, appname: x", "event log of Windows"},
		{"class: logging.handlers.BufferingHandler, capacity: 1", "is a base of other classes"},
		{"class: logging.handlers.RotatingFilHandler, filename: a", `can't resolve "logging.handlers.RotatingFilHandler"; did you mean "logging.handlers.RotatingFileHandler"?`},
		{"class: logging.RotatingFileHandler, filename: a", `did you mean "logging.handlers.RotatingFileHandler"?`},
		{"class: logging.Formatter", `can't resolve "logging.Formatter": Python's logging has no handler of this name`},
		{"class: StreamHandler", `did you mean "logging.StreamHandler"?`},
		{"class: ext://SysLogHandler", `did you mean "logging.handlers.SysLogHandler"?`},
		{"class: shop.log.MyHandler", `can't resolve "shop.log.MyHandler"`},
	}
	for _, tt := range tests {
		t.Run(tt.handler, func(t *testing.T) {
			noSpool(t)
			t.Chdir(t.TempDir())
			var b box
			_, err := OpenBytes("config.yaml", []byte("version: 1\nroot: {handlers: [h, s]}\nhandlers:\n  s: {class: box}\n  h: {"+tt.handler+"}"), b.kind())
			if err == nil {
				t.Fatal("no mistake was found")
			}
			for _, want := range strings.Split(tt.want, "\n") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got  %v\nwant %s", err, want)
				}
			}
			if files, _ := filepath.Glob("*"); len(files) > 0 {
				t.Errorf("made %v", files)
			}
		})
	}
}

// TestCheckDirect: check tells where direct handlers write, and that a handler
// behind another one is used.
func TestCheckDirect(t *testing.T) {
	path := writeConfig(t, `
version: 1
service: x
root: {level: DEBUG, handlers: [m, r]}
handlers:
  m: {class: logging.handlers.MemoryHandler, capacity: 9, target: a}
  a: {class: logging.FileHandler, filename: a}
  b: {class: logging.FileHandler, filename: a}
  r: {class: logging.handlers.RotatingFileHandler, filename: a, maxBytes: 10, backupCount: 1}
`)
	c, err := Check(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range c.Handlers {
		if h.Used != (h.Name != "b") || h.Place == "" || h.Guarantee == "" {
			t.Errorf("%s: used %v, %q, %q", h.Name, h.Used, h.Place, h.Guarantee)
		}
	}
	var said []string
	for _, w := range c.Warnings {
		said = append(said, w.Path+" "+w.Msg)
	}
	want := `handlers.b no logger uses this handler|handlers.r.filename the handler "b" writes this file too; let several loggers name one handler`
	if got := strings.Join(said, "|"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

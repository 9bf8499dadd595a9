package girok

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink/python"
)

const explained = `service: shop
stack: ERROR
redact: {keys: [password]}
formatters:
  line: {format: "%(levelname)s %(name)s %(message)s"}
filters:
  pay: {name: shop.pay}
handlers:
  con: {class: console, formatter: line, level: WARNING}
  all: {class: file, filename: all.log, filters: [pay]}
  mem: {class: logging.handlers.MemoryHandler, capacity: 10, target: all}
  rows: {class: console, accepts: [row]}
  que: {class: logging.handlers.QueueHandler, handlers: [con], respect_handler_level: true}
loggers:
  shop: {level: DEBUG, handlers: [mem, all, que]}
  shop.audit: {level: INFO, handlers: [rows], propagate: false}
  own: {filters: [pay]}
root: {level: INFO, handlers: [con]}
`

// The steps of a log, and what really becomes of it.
func TestExplain(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := checkText(t, explained)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		logger string
		level  record.Level
		want   []string
	}{
		{"other", record.Debug, []string{"logger other: not in the file, so it has what is above it", "level: INFO (20), that of root; DEBUG (10) is below it: the log ends here, and costs next to nothing"}},
		{"shop.cart", record.Info, []string{
			"logger shop.cart: not in the file, so it has what is above it",
			"level: DEBUG (10), that of shop; INFO (20) passes",
			"redact: values of password are hidden (mask)",
			"handler mem of shop (logging.handlers.MemoryHandler): takes it",
			"  to memory, then all", "  written in a later call; a kill loses what is held", "  and from there to the handler all",
			`    filter "shop.pay": refuses what comes from shop.cart: the log ends here`,
			`handler all of shop (file): filter "shop.pay": refuses what comes from shop.cart: the log ends here`,
			"handler que of shop (logging.handlers.QueueHandler): takes it",
			"  to a queue, then con", "  written behind the call, once; a kill loses what is in the queue",
			"  the handler con behind it: its level is WARNING (30): does not take it",
			"handler con of root (console): its level is WARNING (30): does not take it",
		}},
		{"shop.pay.card", record.Error, []string{
			"stack: from ERROR on, so it gets the stack of its call", "  as: ERROR shop.pay.card the message", "    as: ERROR shop.pay.card the message",
			"  to all.log", "  written in the call, once", "handler con of root (console): takes it",
		}},
		{"shop.audit", record.Error, []string{
			"level: INFO (20), its own; ERROR (40) passes", "handler rows of shop.audit (console): takes no logs (accepts)", "shop.audit does not propagate: nothing above it is asked",
		}},
		{"own", record.Error, []string{`filter "shop.pay": refuses what comes from own: the log ends here`}},
		{"root", record.Warning, []string{"logger root", "  as: WARNING root the message"}},
	}
	for _, tt := range tests {
		got := c.Explain(tt.logger, tt.level)
		for _, line := range tt.want {
			if !slices.Contains(got, line) {
				t.Errorf("%s %s: no line %q in\n%s", tt.logger, tt.level, line, strings.Join(got, "\n"))
			}
		}
		if tt.logger == "shop.cart" && !slices.Equal(got, tt.want) {
			t.Errorf("got\n%s", strings.Join(got, "\n"))
		}
	}
	empty, err := checkText(t, "service: s\n")
	if err != nil {
		t.Fatal(err)
	}
	for level, want := range map[record.Level]string{record.Error: "the last resort", record.Info: "WARNING (30), that of root"} {
		if got := strings.Join(empty.Explain("a", level), "\n"); !strings.Contains(got, want) {
			t.Errorf("without handlers: %s", got)
		}
	}
}

// warnedAt are the places and words of a configuration's warnings.
func warnedAt(t *testing.T, text string) map[string]string {
	t.Helper()
	c, err := checkText(t, "service: s\n"+text, python.Kinds)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, w := range c.Warnings {
		got[w.Path] = w.Msg
	}
	return got
}

func TestCheckFindsWhatIsNotMeant(t *testing.T) {
	got := warnedAt(t, `
formatters:
  a: {format: "{levelnam} {message}", style: "{", datefmt: "%H"}
  b: {format: "%(log_color)s%(message)s"}
  c: {class: pythonjsonlogger.jsonlogger.JsonFormatter, rename_fields: {a: b}}
  d: {format: "%(levelprefix)s", (): uvicorn.logging.DefaultFormatter}
filters:
  f: {name: x}
handlers:
  one: {class: console, formatter: a}
  two: {class: logging.handlers.RotatingFileHandler, filename: x, maxBytes: 5, formatter: b, level: ERROR}
  three: {class: console, formatter: c}
  four: {class: console, formatter: d}
loggers:
  x: {level: DEBUG, handlers: [two], propagate: false}
  y: {level: DEBUG, handlers: [three, four], propagate: false}
root: {level: WARNING, handlers: [one]}
`)
	for path, want := range map[string]string{
		"formatters.a.format": `did you mean "levelname"?`, "formatters.a.datefmt": "means nothing", "formatters.b.format": `"log_color" is a field that only formatters of colorlog have`,
		"formatters.c.rename_fields": "means nothing beside class", "filters.f": "nothing uses it", "handlers.two.maxBytes": "grows",
		"loggers.x.level": "lets logs from DEBUG on through, but none of its handlers takes any below ERROR",
	} {
		if !strings.Contains(got[path], want) {
			t.Errorf("%s: got %q", path, got[path])
		}
		delete(got, path)
	}
	if len(got) > 0 {
		t.Errorf("more: %v", got)
	}
}

func TestCheckFindsSecrets(t *testing.T) {
	t.Setenv("PW", "x")
	const key = "AKIAIOSFODNN7EXAMPLE"
	got := warnedAt(t, `
formatters:
  a: {format: "%(password)s %(token)s"}
handlers:
  one: {class: console, formatter: a}
  mail: {class: logging.handlers.SMTPHandler, mailhost: h, fromaddr: a, toaddrs: b, subject: password, credentials: [kim, hunter2]}
  ref: {class: logging.handlers.SMTPHandler, mailhost: h, fromaddr: a, toaddrs: b, subject: s, credentials: [kim, "${PW}"]}
  web: {class: logging.handlers.SMTPHandler, mailhost: "smtp://kim:hunter2@h", fromaddr: a, toaddrs: b, subject: `+key+`}
  url: {class: logging.handlers.SMTPHandler, mailhost: h, fromaddr: a, toaddrs: b, subject: "https://h/x?page=2&api_key=hunter2"}
  ai: {class: logging.handlers.SMTPHandler, mailhost: h, fromaddr: a, toaddrs: b, subject: "sk-hunter2hunter2hunter2"}
  page: {class: logging.handlers.SMTPHandler, mailhost: h, fromaddr: a, toaddrs: b, subject: "https://h/x?page=2&tokens=9"}
redact: {keys: [password, token]}
root: {handlers: [one, mail, ref, web, url, ai, page]}
`)
	want := []string{"handlers.ai.subject", "handlers.mail.credentials[1]", "handlers.url.subject", "handlers.web.mailhost", "handlers.web.subject"}
	paths := []string{}
	for path, msg := range got {
		paths = append(paths, path)
		if strings.Contains(msg, "hunter2") || strings.Contains(msg, key) || !strings.Contains(msg, "clear text") {
			t.Errorf("%s: %s", path, msg)
		}
	}
	if slices.Sort(paths); !slices.Equal(paths, want) {
		t.Errorf("got %v", got)
	}
}

// A class that only Python has is a mistake that names what to use, or with
// unknown_classes: warn something stands for it, and is told.
func TestUnknownClasses(t *testing.T) {
	const text = `
formatters:
  rich: {(): colorlog.ColoredFormatter, format: "%(message)s"}
filters:
  debug: {(): django.utils.log.RequireDebugTrue}
handlers:
  con: {class: rich.logging.RichHandler, level: ERROR, formatter: rich, filters: [debug], rich_tracebacks: true}
root: {level: INFO, handlers: [con]}
`
	_, err := checkText(t, text)
	for _, want := range []string{"use class: console, with a formatter of class: console", "use a formatter of class: console, which has colours", "No module named 'django'"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %v", want, err)
		}
	}
	if _, err := checkText(t, "unknown_classes: warn\n"+strings.Replace(text, "ERROR", "ERRO", 1)); err == nil || strings.Contains(err.Error(), "rich.logging") {
		t.Errorf("a mistake beside it: %v", err)
	}
	if _, err := checkText(t, "unknown_classes: warn\n"+strings.Replace(text, "rich.logging.RichHandler", "consol", 1)); err == nil {
		t.Error("a kind of girok's own that is misspelt passes")
	}
	got := warnedAt(t, "unknown_classes: warn\n"+text)
	for _, path := range []string{"formatters.rich.()", "filters.debug.()", "handlers.con.class"} {
		if !strings.Contains(got[path], "can't be had here") {
			t.Errorf("%s: %q", path, got[path])
		}
	}

	stderr := os.Stderr
	out, err := os.Create(filepath.Join(t.TempDir(), "err"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	os.Stderr = out
	defer func() { os.Stderr = stderr }()
	logs, err := OpenBytes("test", []byte("version: 1\nunknown_classes: warn\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	logs.Logger("x").Error("shown")
	logs.Logger("x").Warn("not shown")
	if err := logs.Close(); err != nil {
		t.Fatal(err)
	}
	said, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(said, []byte("not shown")) || !bytes.Contains(said, []byte("ERROR x: shown")) || bytes.Count(said, []byte("can't be had here")) != 3 {
		t.Errorf("said\n%s", said)
	}
}

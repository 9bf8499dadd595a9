package girok

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rewrite puts another configuration in the place of one, and reloads.
func rewrite(t *testing.T, logs *Logs, path, text string) error {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return logs.Reload()
}

// Loggers that the program holds, with what is bound to them, follow a reload.
func TestReload(t *testing.T) {
	noSpool(t)
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	b := &box{}
	text := func(level, format, handlers, more string) string {
		return `version: 1
service: shop
spool: {dir: ` + file("spool") + `}
formatters: {f: {format: "` + format + `"}}
handlers:
  one: {class: file, filename: ` + file("one") + `, formatter: f}
  two: {class: file, filename: ` + file("two") + `}
  box: {class: box}
loggers:
  a: {level: ` + level + `, handlers: [` + handlers + `]}
` + more
	}
	path := writeConfig(t, text("INFO", "%(message)s", "one", ""))
	logs, err := Open(path, b.kind())
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	log := logs.Logger("a.b").With("k", 1).WithGroup("g").With("secret", 2)
	log.Info("before")
	log.Debug("not shown")
	logs.SetLevel("a", slog.LevelError)
	if err := rewrite(t, logs, path, text("DEBUG", "2 %(message)s %(k)d", "one, box", "")); err != nil {
		t.Fatal(err)
	}
	log.Debug("second")
	if err := rewrite(t, logs, path, text("DEBUG", "3 %(message)s", "two", "redact: {keys: [password]}")); err != nil {
		t.Fatal(err)
	}
	log.With("password", "x").Info("third")
	if err := logs.Close(); err != nil {
		t.Error(err)
	}
	if got := readText(t, file("one")); got != "before\n2 second 1\n" {
		t.Errorf("one: %q", got)
	}
	if got := readText(t, file("two")); !strings.HasSuffix(got, "a.b: third k=1 g.secret=2 g.password=***\n") {
		t.Errorf("two: %q", got)
	}
	if len(b.rows) != 1 || !strings.HasSuffix(b.rows[0], "second") {
		t.Errorf("box: %v", b.rows)
	}
	if err := logs.Reload(); err != errLoggingEnded {
		t.Errorf("after Close: %v", err)
	}
}

// With a mistake, or a change that can't be made, nothing changes.
func TestReloadRefused(t *testing.T) {
	noSpool(t)
	dir := t.TempDir()
	b := &box{}
	good := "version: 1\nservice: shop\nspool: {dir: " + dir + "}\nhandlers: {box: {class: box}}\nroot: {level: INFO, handlers: [box]}\n"
	path := writeConfig(t, good)
	logs, err := Open(path, b.kind())
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	run := logs.spool.Writer().Run().ID
	for change, want := range map[string]string{
		"service: shop→service: stop":                          `:2:10: service can't change while the program runs (from "shop" to "stop"): start it anew`,
		"spool: {dir: " + dir + "→spool: {dir: /tmp":           ":3:8: the keys of spool can't change",
		"level: INFO→level: LOUD":                              `got the text "LOUD"`,
		"[box]→[bax]":                                          `no handler "bax"; did you mean "box"?`,
		"version: 1→sources: {in: {class: stdin}}\nversion: 1": "sources can't change",
	} {
		from, to, _ := strings.Cut(change, "→")
		if err := rewrite(t, logs, path, strings.Replace(good, from, to, 1)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", change, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := logs.Reload(); err == nil {
		t.Error("a file that is gone was reloaded")
	}
	if err := rewrite(t, logs, path, "# again\n"+good); err != nil {
		t.Error(err)
	}
	logs.Logger("x").Info("still here")
	if logs.spool.Writer().Run().ID != run {
		t.Error("another run, though nothing has changed")
	}
	if err := logs.Close(); err != nil || len(b.rows) != 1 {
		t.Errorf("%v, %v", err, b.rows)
	}
}

// A program may come to spooled handlers, and lose them again.
func TestReloadToSpooled(t *testing.T) {
	noSpool(t)
	b := &box{}
	none := "version: 1\nservice: shop\nspool: {dir: spool}\n"
	path := writeConfig(t, none)
	logs, err := Open(path, b.kind())
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	log := logs.Logger("x")
	for range 3 {
		if err := rewrite(t, logs, path, none+"handlers: {box: {class: box}}\nroot: {level: INFO, handlers: [box]}\n"); err != nil {
			t.Fatal(err)
		}
		log.Info("to the box")
		if err := rewrite(t, logs, path, none); err != nil {
			t.Fatal(err)
		}
		log.Info("to nobody")
	}
	if err := logs.Close(); err != nil || len(b.rows) != 3 {
		t.Errorf("%v, %v", err, b.rows)
	}
}

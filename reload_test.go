package girok

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
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
	run := logs.spool.Load().Writer().Run().ID
	for change, want := range map[string]string{
		"service: shop→service: stop":                                    `:2:10: service: can't change while the program runs: start it anew (from "shop" to "stop")`,
		"spool: {dir: " + dir + "→spool: {dir: /tmp":                     ":3:8: spool: its keys, but for durability, can't change",
		"level: INFO→level: LOUD":                                        `got the text "LOUD"`,
		"[box]→[bax]":                                                    `no handler "bax"; did you mean "box"?`,
		"version: 1→sources: {in: {class: stdin}}\nversion: 1":           "sources: can't change",
		"service: shop\n→service: stop\nsources: {in: {class: stdin}}\n": "stop\")\n",
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
	if logs.spool.Load().Writer().Run().ID != run {
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

// Whoever asks how the program fares may do so while it comes to its first spooled
// handler.
func TestStatsWhileReloading(t *testing.T) {
	noSpool(t)
	b := &box{}
	none := "version: 1\nservice: shop\nspool: {dir: spool}\n"
	path := writeConfig(t, none)
	logs, err := Open(path, b.kind())
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	var wg sync.WaitGroup
	var stop atomic.Bool
	wg.Go(func() {
		for !stop.Load() {
			logs.Stats()
			logs.Backlog()
			if err := logs.Flush(within(t, 5*time.Second)); err != nil {
				t.Error(err)
			}
		}
	})
	err = rewrite(t, logs, path, none+"handlers: {box: {class: box}}\nroot: {level: INFO, handlers: [box]}\n")
	stop.Store(true)
	wg.Wait()
	if err != nil || logs.Stats().Spool == nil {
		t.Errorf("%v, %+v", err, logs.Stats())
	}
}

// A spool that is required and can't be had leaves nothing behind: the reload is
// refused until it can.
func TestReloadRequires(t *testing.T) {
	noSpool(t)
	catchStderr(t)
	b := &box{}
	place := filepath.Join(t.TempDir(), "spool")
	if err := os.WriteFile(place, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	none := "version: 1\nservice: shop\nspool: {dir: " + place + ", require: true}\n"
	with := none + "handlers: {box: {class: box}}\nroot: {level: INFO, handlers: [box]}\n"
	path := writeConfig(t, none)
	logs, err := Open(path, b.kind())
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	for range 2 {
		if err := rewrite(t, logs, path, with); err == nil || !strings.Contains(err.Error(), "spool.require") || logs.Stats().Spool != nil {
			t.Errorf("%v, %+v", err, logs.Stats())
		}
	}
	if err := os.Remove(place); err != nil {
		t.Fatal(err)
	}
	if err := logs.Reload(); err != nil {
		t.Fatal(err)
	}
	logs.Logger("x").Info("m")
	if err := logs.Close(); err != nil || len(b.got()) != 1 {
		t.Errorf("%v, rows %q", err, b.got())
	}
}

// A spooled file goes on across reloads: each line once, in the format of the
// configuration that it was logged under.
func TestReloadSpooledFile(t *testing.T) {
	noSpool(t)
	out := filepath.Join(t.TempDir(), "out")
	text := func(format, rotate string) string {
		return `version: 1
service: shop
spool: {dir: spool}
formatters: {f: {format: "` + format + ` %(message)s"}}
handlers: {out: {class: file, spooled: true, filename: ` + out + `, formatter: f, batch: {age: 5ms}` + rotate + `}}
root: {level: INFO, handlers: [out]}
`
	}
	path := writeConfig(t, text("0", ""))
	logs, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	log := logs.Logger("x")
	var want []string
	for i, rotate := range []string{"", "", ", rotate: {every: day}", ""} {
		format := fmt.Sprint(i)
		if err := rewrite(t, logs, path, text(format, rotate)); err != nil {
			t.Fatal(err)
		}
		for n := range 50 {
			log.Info(fmt.Sprint(n))
			want = append(want, format+" "+fmt.Sprint(n))
		}
	}
	if err := logs.Close(); err != nil {
		t.Error(err)
	}
	got := strings.Split(strings.TrimSpace(readText(t, out)), "\n")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d lines of %d: %q", len(got), len(want), got)
	}
}

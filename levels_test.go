package girok

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestAddLevelName: a name of the program's own is shown, and known to files.
func TestAddLevelName(t *testing.T) {
	notice := slog.Level(2)
	AddLevelName(notice, "NOTICE")
	t.Cleanup(func() { AddLevelName(notice, "Level 25") })
	logs := openHere(t, `
version: 1
formatters: {f: {format: "%(levelname)s %(levelno)d %(message)s"}}
handlers: {h: {class: logging.FileHandler, filename: a, formatter: f}}
root: {level: NOTICE, handlers: [h]}
`)
	log := logs.Logger("")
	log.Info("no")
	log.Log(context.Background(), notice, "yes")
	if got := contentOf(t, "a"); got != "NOTICE 25 yes/" {
		t.Errorf("got %s", got)
	}
}

const twoLoggers = `
version: 1
formatters: {f: {format: "%(name)s %(message)s"}}
handlers: {h: {class: logging.FileHandler, filename: a, formatter: f, level: DEBUG}}
`

// TestDisableExisting: a reload silences only what the file says in so many words.
func TestDisableExisting(t *testing.T) {
	tests := []struct{ name, second, want string }{
		{"not said", "", "a a.b c root"},
		{"no", "disable_existing_loggers: no", "a a.b c root"},
		{"yes", "disable_existing_loggers: true", "a a.b root"},
		{"a text", "disable_existing_loggers: 'false'", "a a.b root"},
		{"yes, then not said", "disable_existing_loggers: true|", "a a.b c root"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			logs := openHere(t, twoLoggers+"root: {level: DEBUG, handlers: [h]}")
			var all []*slog.Logger
			for _, name := range []string{"a", "a.b", "c", ""} {
				all = append(all, logs.Logger(name))
			}
			for second := range strings.SplitSeq(tt.second, "|") {
				if err := logs.ReloadBytes("second.yaml", []byte(twoLoggers+"loggers: {a: {}}\nroot: {level: DEBUG, handlers: [h]}\n"+second)); err != nil {
					t.Fatal(err)
				}
			}
			late := logs.Logger("d")
			for _, log := range append(all, late) {
				log.Info("x")
			}
			want := strings.ReplaceAll(tt.want+" d", " ", " x/") + " x/"
			if got := contentOf(t, "a"); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if n := logs.Failed(); n != 0 {
				t.Errorf("%d failed", n)
			}
		})
	}
}

// TestIncremental: it changes levels and propagate of what is there, one after the
// other, and nothing else.
func TestIncremental(t *testing.T) {
	logs := openHere(t, twoLoggers+"loggers: {a: {level: ERROR}}\nroot: {level: DEBUG, handlers: [h]}")
	reload := func(yaml string) error {
		return logs.ReloadBytes("inc.yaml", []byte("version: 1\nincremental: true\n"+yaml))
	}
	say := func(text string) {
		for _, name := range []string{"a", "b", "c.d"} {
			logs.Logger(name).Info(text)
		}
	}
	say("1")
	if err := reload("handlers: {h: {level: 0, class: no.such.Class}}\nloggers: {a: {level: INFO, handlers: [none]}, b: {propagate: false}, c.d: {level: WARNING}}\nnonsense: 5"); err != nil {
		t.Fatal(err)
	}
	say("2")
	if err := reload("loggers: {c.d: {level: 0}}\nroot: {level: WARNING}"); err != nil {
		t.Fatal(err)
	}
	say("3")
	if err := reload("handlers: {h: {level: ERROR}}"); err != nil {
		t.Fatal(err)
	}
	say("4")
	if got, want := contentOf(t, "a"), "b 1/c.d 1/a 2/a 3/"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for yaml, want := range map[string]string{
		"handlers: {g: {level: INFO}}":   `inc.yaml:3:12: handlers.g: no handler "g"; known: h`,
		"handlers: {h: {level: LOUD}}":   "inc.yaml:3:23: handlers.h.level: want a level",
		"loggers: {a: {level: Info}}":    `inc.yaml:3:22: loggers.a.level: unknown level "Info"`,
		"root: {level: [], propagate: }": "inc.yaml:3:15: root.level: want a level",
	} {
		if err := reload(yaml); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", yaml, err, want)
		}
	}
}

// TestIncrementalFirst: as in Python, where nothing is configured so far.
func TestIncrementalFirst(t *testing.T) {
	logs := openHere(t, "version: 1\nincremental: true\nroot: {level: DEBUG}\nloggers: {a: {level: ERROR}}")
	for name, want := range map[string]bool{"a": false, "b": true} {
		if got := logs.Logger(name).Enabled(context.Background(), slog.LevelWarn); got != want {
			t.Errorf("%s is enabled: %v", name, got)
		}
	}
}

// TestUnreached: a handler's level that no logger lets anything come down to.
func TestUnreached(t *testing.T) {
	c, err := Check(writeConfig(t, `
version: 1
service: x
handlers:
  low: {class: console, level: DEBUG}
  fine: {class: console, level: INFO}
  rows: {class: console, level: DEBUG, accepts: [row]}
loggers: {a: {level: INFO}}
root: {handlers: [low, fine, rows]}
`))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) != 1 || c.Warnings[0].Path != "handlers.low.level" ||
		c.Warnings[0].Msg != "takes logs from DEBUG on, but its loggers let none below INFO through: set the level of a" {
		t.Errorf("got %v", c.Warnings)
	}
}

// A level from a variable that is not set is one mistake, not two.
func TestLevelOfAVariable(t *testing.T) {
	t.Setenv("GIROK_TEST_LEVEL", "25")
	const text = "version: 1\nservice: x\nhandlers:\n  h:\n    class: console\n    level: ${GIROK_TEST_%s}\nroot: {handlers: [h]}\n"
	_, err := Check(writeConfig(t, fmt.Sprintf(text, "NONE")))
	if err == nil || strings.Contains(err.Error(), "want a level") || !strings.Contains(err.Error(), "the environment variable GIROK_TEST_NONE is not set") {
		t.Errorf("got %v", err)
	}
	c, err := Check(writeConfig(t, fmt.Sprintf(text, "LEVEL")))
	if err != nil || c.Handlers[0].Level != 25 {
		t.Errorf("got %v, %v", c, err)
	}
}

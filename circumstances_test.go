package girok

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What a program can't help is no error of Open: it is told, and the program
// logs on.
func TestCircumstances(t *testing.T) {
	tests := []struct {
		name, text string
		prepare    func(t *testing.T)
		told       []string
		require    bool // spool.require makes it an error
	}{
		{"the spool's folder is a file", boxed + "spool: {dir: taken}\n", func(t *testing.T) {
			if err := os.WriteFile("taken", nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"error: the spool can't be used: records stay in memory, and a kill loses them", "taken"}, true},
		{"it can't be written", boxed + "spool: {dir: closed/spool}\n", func(t *testing.T) {
			if os.Getuid() == 0 {
				t.Skip("root writes everywhere")
			}
			if err := os.Mkdir("closed", 0o500); err != nil {
				t.Fatal(err)
			}
		}, []string{"records stay in memory"}, true},
		{"others may read it", boxed + "spool: {dir: wide}\n", func(t *testing.T) {
			if err := os.MkdirAll("wide/shop", 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod("wide/shop", 0o777); err != nil {
				t.Fatal(err)
			}
		}, []string{"records stay in memory", "wide/shop"}, true},
		{"a log file in an impossible place", boxed + "loggers: {x: {handlers: [f]}}\n", func(t *testing.T) {
			if err := os.WriteFile("taken", nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"error: a file can't be opened; each record tries again handler=f", "error: a handler could not write a record handler=f"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			noSpool(t)
			var b box
			text := strings.Replace(tt.text, "{box: {class: box}}", "{box: {class: box}, f: {class: file, filename: taken/x.log}}", 1)
			if !strings.Contains(tt.name, "file in") {
				text = tt.text
			}
			path := writeConfig(t, text)
			t.Chdir(filepath.Dir(path))
			tt.prepare(t)
			stderr := catchStderr(t)
			logs, err := Open(path, b.kind())
			if err != nil {
				t.Fatal(err)
			}
			logs.Logger("x").Info("it goes on")
			if err := logs.Flush(within(t, 5*time.Second)); err != nil {
				t.Error(err)
			}
			if err := logs.Close(); err != nil {
				t.Error(err)
			}
			if got := b.got(); len(got) != 1 || got[0] != "INFO it goes on" {
				t.Errorf("the box has %q", got)
			}
			wantParts(t, stderr(), tt.told...)
			if !tt.require {
				return
			}
			if err := os.WriteFile(path, []byte(strings.Replace(text, "dir:", "require: true, dir:", 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			if logs, err := Open(path, b.kind()); err == nil {
				logs.Close()
				t.Error("spool.require does nothing")
			} else {
				wantParts(t, err.Error(), "spool.require")
			}
		})
	}
}

// The first place that can be written, in the order of the documentation.
func TestSpoolPlace(t *testing.T) {
	tests := []struct{ name, has, want string }{
		{"as configured", "dir GIROK_SPOOL STATE_DIRECTORY", "configured"},
		{"$GIROK_SPOOL", "GIROK_SPOOL STATE_DIRECTORY", "GIROK_SPOOL"},
		{"$STATE_DIRECTORY", "STATE_DIRECTORY", "STATE_DIRECTORY"},
		{"the first of several", "STATE_DIRECTORY list", "STATE_DIRECTORY"},
		{"beside the file", "", "spool"},
		{"$XDG_STATE_HOME", "taken", "XDG_STATE_HOME/girok"},
		{"the next one where one can't be written", "GIROK_SPOOL STATE_DIRECTORY bad", "STATE_DIRECTORY"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			noSpool(t)
			var b box
			text := boxed
			if strings.HasPrefix(tt.has, "dir") {
				text += "spool: {dir: configured}\n"
			}
			path := writeConfig(t, text)
			here := filepath.Dir(path)
			for _, name := range []string{"GIROK_SPOOL", "STATE_DIRECTORY", "XDG_STATE_HOME"} {
				if strings.Contains(tt.has, name) || name == "XDG_STATE_HOME" {
					t.Setenv(name, filepath.Join(here, name))
				}
			}
			if strings.HasSuffix(tt.has, "list") {
				t.Setenv("STATE_DIRECTORY", os.Getenv("STATE_DIRECTORY")+":/nowhere/else")
			}
			for word, file := range map[string]string{"taken": "spool", "bad": "GIROK_SPOOL"} {
				if strings.Contains(tt.has, word) {
					if err := os.WriteFile(filepath.Join(here, file), nil, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			checked, err := Check(path, b.kind())
			if err != nil {
				t.Fatal(err)
			}
			logs, err := Open(path, b.kind())
			if err != nil {
				t.Fatal(err)
			}
			defer logs.Close()
			want := filepath.Join(here, tt.want, "shop")
			if got := logs.spool.Load().Dir(); got != want || checked.SpoolDir != want || logs.spool.Load().Degraded() {
				t.Errorf("it lies in %s, Check says %s, want %s", got, checked.SpoolDir, want)
			}
			if runs, _ := filepath.Glob(filepath.Join(want, "runs", "*")); len(runs) != 1 {
				t.Errorf("runs %q", runs)
			}
		})
	}
}

// What is in memory only when the program ends is counted and told: of a program that
// leaves delivery to others, and of one whose destination is down.
func TestMemoryIsGoneAtTheEnd(t *testing.T) {
	for _, only := range []bool{true, false} {
		t.Run(fmt.Sprintf("write only=%v", only), func(t *testing.T) {
			noSpool(t)
			b := box{err: errors.New("down")}
			path := writeConfig(t, boxed+"spool: {dir: config.yaml}\n")
			options := []Option{b.kind()}
			if only {
				options = append(options, WriteOnly())
			}
			stderr := catchStderr(t)
			logs, err := Open(path, options...)
			if err != nil {
				t.Fatal(err)
			}
			for range 5 {
				logs.Logger("x").Info("it goes")
			}
			short, cancel := context.WithCancel(context.Background())
			cancel()
			if err := logs.Shutdown(short); err != nil {
				t.Error(err)
			}
			if n := logs.Lost(); n != 5 {
				t.Errorf("%d records are lost, want 5", n)
			}
			wantParts(t, stderr(), "records stay in memory", "records are lost", "they were in memory only, and the program ends", "so_far=5")
		})
	}
}

// Where no place can be written, one of them is looked at again and again.
func TestSpoolPlaceComesLater(t *testing.T) {
	noSpool(t)
	var b box
	path := writeConfig(t, boxed)
	here := filepath.Dir(path)
	taken := filepath.Join(here, "spool")
	t.Setenv("XDG_STATE_HOME", taken)
	if err := os.WriteFile(taken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	stderr := catchStderr(t)
	logs, err := Open(path, b.kind())
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	s := logs.spool.Load()
	if !s.Degraded() || s.Dir() != filepath.Join(taken, "shop") {
		t.Errorf("degraded %v, in %q", s.Degraded(), s.Dir())
	}
	wantParts(t, stderr(), "records stay in memory", taken)
	if err := os.Remove(taken); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); s.Degraded(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it can be written, and is not used")
		}
	}
}

// No spool without a handler that needs one.
func TestNoSpoolFolder(t *testing.T) {
	noSpool(t)
	var b box
	text := "version: 1\nhandlers: {box: {class: box}, f: {class: file, filename: a.log}}\nroot: {level: INFO, handlers: [f]}\n"
	path := writeConfig(t, text)
	t.Chdir(filepath.Dir(path))
	logs, err := Open(path, b.kind())
	if err != nil {
		t.Fatal(err)
	}
	logs.Logger("").Info("m")
	if err := logs.Flush(within(t, time.Second)); err != nil || logs.Stats().Spool != nil || logs.Backlog() != nil {
		t.Error(err, logs.Stats())
	}
	if err := logs.Close(); err != nil {
		t.Error(err)
	}
	if names := entries(t, "."); len(names) != 2 {
		t.Errorf("it made %v", names)
	}
}

func TestServiceIsTheProgram(t *testing.T) {
	noSpool(t)
	var b box
	logs := openText(t, strings.Replace(boxed, "service: shop\n", "", 1), b.kind())
	want := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	if got := filepath.Base(logs.spool.Load().Dir()); got != want {
		t.Errorf("the service is %q, want %q", got, want)
	}
}

func TestVariables(t *testing.T) {
	noSpool(t)
	dir := t.TempDir()
	t.Setenv("LOG_DIR", dir)
	t.Setenv("LOG_LEVEL", "ERROR")
	logs := openText(t, `version: 1
service: ${SERVICE_NAME:-fallback}
formatters: {f: {format: "${LOG_DIR} %(message)s"}}
handlers: {f: {class: file, filename: "${LOG_DIR}/${LOG_NAME:-a}.log", formatter: f}}
root: {level: "${LOG_LEVEL}", handlers: [f]}
`)
	logs.Logger("").Warn("no")
	logs.Logger("").Error("yes")
	// In a format ${…} is what it is to Python: text.
	if got := readText(t, filepath.Join(dir, "a.log")); got != "${LOG_DIR} yes\n" || logs.blue.Load().keys.Service != "fallback" {
		t.Errorf("got %q, service %q", got, logs.blue.Load().keys.Service)
	}
}

func TestExtends(t *testing.T) {
	noSpool(t)
	path := writeConfig(t, "extends: base/base.yaml\nroot: {level: DEBUG}\nhandlers: {b: {class: file, filename: b.log}}\n")
	t.Chdir(filepath.Dir(path))
	if err := os.Mkdir("base", 0o700); err != nil {
		t.Fatal(err)
	}
	base := "version: 1\nservice: s\nhandlers: {a: {class: file, filename: a.log, formatter: j}, b: {class: console, formatter: j}}\n" +
		"formatters: {j: {class: json}}\nroot: {level: ERROR, handlers: [a, b]}\n"
	if err := os.WriteFile("base/base.yaml", []byte(base), 0o600); err != nil {
		t.Fatal(err)
	}
	logs, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	logs.Logger("x").Debug("m", "n", 1)
	for _, file := range []string{"a.log", "b.log"} {
		wantParts(t, readText(t, file), `"level":"DEBUG","logger":"x","msg":"m","n":1}`)
	}
	if err := os.WriteFile("base/base.yaml", []byte(base+"rot: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "base.yaml:6:1: rot: unknown key") {
		t.Errorf("got %v", err)
	}
}

// The section root comes after what loggers says of the root logger.
func TestRootTwice(t *testing.T) {
	noSpool(t)
	c, err := checkText(t, "handlers: {a: {class: console}, b: {class: console}}\nloggers: {root: {level: DEBUG, handlers: [a]}}\nroot: {level: ERROR, handlers: [b]}\n")
	if err != nil {
		t.Fatal(err)
	}
	if l := c.Loggers[0]; l.Name != "" || l.Level.String() != "ERROR" || len(l.Own) != 1 || l.Own[0] != "b" {
		t.Errorf("%+v", l)
	}
}

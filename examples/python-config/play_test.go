// Package pythonconfig has configurations that CPython and girok both read.
package pythonconfig

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok"
)

// call is one of calls.json.
type call struct {
	Logger  string
	Level   int // Python's
	Message string
	Extra   json.RawMessage
}

// TestPlay makes the same calls with the same configuration in CPython and here:
// the files that come of it are the same.
func TestPlay(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("NOT TESTED, needs python3: examples/python-config in CPython")
	}
	here, err := os.Getwd()
	must(t, err)
	t.Setenv("TZ", "UTC")
	time.Local = time.UTC
	configs, err := filepath.Glob("*.yaml")
	must(t, err)
	if len(configs) < 5 {
		t.Fatalf("%d configurations", len(configs))
	}
	for _, config := range configs {
		t.Run(config, func(t *testing.T) {
			needs := "import yaml"
			if config == "json.yaml" {
				needs += ", pythonjsonlogger"
			}
			if err := exec.Command(python, "-c", needs).Run(); err != nil {
				if os.Getenv("CI") == "true" {
					t.Fatalf("%s: %v", needs, err)
				}
				t.Skipf("NOT TESTED, Python lacks a package (%s): %s in CPython", needs, config)
			}
			theirs, ours := copied(t, config), copied(t, config)
			play := exec.Command(python, filepath.Join(here, "play.py"), filepath.Join(theirs, config), filepath.Join(here, "calls.json"))
			play.Dir = theirs
			play.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join(here, "..", "..", "python")+":"+os.Getenv("PYTHONPATH"))
			if out, err := play.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			t.Chdir(theirs) // the next program of the service delivers what Python's left
			deliver(t, config, nil)
			t.Chdir(ours)
			deliver(t, config, callsOf(t, filepath.Join(here, "calls.json")))
			got, want := files(t, ours), files(t, theirs)
			if len(want) == 0 {
				t.Error("CPython wrote no file")
			}
			for _, name := range slices.Sorted(maps.Keys(want)) {
				if !bytes.Equal(got[name], want[name]) {
					t.Errorf("%s:\ngirok   %q\nCPython %q", name, got[name], want[name])
				}
			}
			if len(got) != len(want) {
				t.Errorf("files %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
			}
		})
	}
}

// deliver opens the configuration in the current folder, makes the calls, and
// closes; a configuration without a spool is opened only to make calls.
func deliver(t *testing.T, config string, calls []call) {
	t.Helper()
	text, err := os.ReadFile(config)
	must(t, err)
	if calls == nil && !bytes.Contains(text, []byte("spooled: true")) {
		return
	}
	logs, err := girok.Open(config)
	must(t, err)
	start := time.Unix(1_700_000_000, 250_000_000)
	for i, c := range calls {
		level := slog.Level((c.Level - 20) * 2 / 5)
		h := logs.Logger(c.Logger).Handler()
		if !h.Enabled(context.Background(), level) {
			continue
		}
		r := slog.NewRecord(start.Add(time.Duration(i)*time.Second), level, c.Message, 0)
		r.AddAttrs(attrs(t, c.Extra)...)
		must(t, h.Handle(context.Background(), r))
	}
	for end := time.Now().Add(time.Minute); calls == nil && len(logs.Backlog()) > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not delivered: %v", logs.Backlog())
		}
	}
	must(t, logs.Close())
}

// attrs are an object's members in their order, whole numbers as such.
func attrs(t *testing.T, text []byte) (list []slog.Attr) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	_, err := d.Token()
	must(t, err)
	for d.More() {
		key, err := d.Token()
		must(t, err)
		var v any
		must(t, d.Decode(&v))
		if n, ok := v.(json.Number); ok {
			if i, err := n.Int64(); err == nil {
				v = i
			} else if v, err = n.Float64(); err != nil {
				t.Fatal(err)
			}
		}
		list = append(list, slog.Any(key.(string), v))
	}
	return list
}

func callsOf(t *testing.T, path string) (calls []call) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err, json.Unmarshal(text, &calls))
	return calls
}

// copied is a new folder with the configuration in it.
func copied(t *testing.T, config string) string {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(config)
	must(t, err, os.WriteFile(filepath.Join(dir, config), text, 0o600))
	return dir
}

// files are the logs in a folder.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	all := map[string][]byte{}
	for _, e := range entries {
		if !e.IsDir() && !strings.HasSuffix(e.Name(), ".yaml") {
			all[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name()))
			must(t, err)
		}
	}
	return all
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

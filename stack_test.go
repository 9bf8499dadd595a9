package girok_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/girok/girok"
)

// A configuration with stack: ERROR, and one after a reload without it.
func TestStacksOfAConfiguration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	yaml := `{version: 1, stack: ERROR, formatters: {c: {class: console}}, handlers: {f: {class: file, filename: ` + path + `, formatter: c}}, root: {level: INFO, handlers: [f]}}`
	logs, err := girok.OpenBytes("test", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	log := func() string {
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
		logs.Logger("shop").Warn("low", "n", 1)
		logs.Logger("shop").Error("failed", "err", fmt.Errorf("load: %w", fs.ErrNotExist))
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	got := log()
	for _, want := range []string{
		"shop: failed\n    err: load: file does not exist\n      caused by *errors.errorString file does not exist\n    github.com/girok/girok_test.TestStacksOfAConfiguration", "stack_test.go:",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
	if strings.Count(got, "stack_test.go") > 3 || !strings.Contains(strings.SplitN(got, "\n", 2)[0], "n=1") {
		t.Errorf("the warning has a stack too:\n%s", got)
	}
	if err := logs.ReloadBytes("test", []byte(strings.Replace(yaml, "stack: ERROR, ", "", 1))); err != nil {
		t.Fatal(err)
	}
	if got := log(); strings.Contains(got, "stack_test.go") || strings.Contains(got, "caused by") {
		t.Errorf("after the reload:\n%s", got)
	}
}

// The same, said in Go.
func TestStacksOfAConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	logs, err := girok.OpenConfig(girok.Config{
		Stack:      "ERROR",
		Formatters: map[string]girok.Keys{"j": {"class": "json"}},
		Handlers:   map[string]girok.Keys{"f": {"class": "file", "filename": path, "formatter": "j"}},
		Root:       &girok.Logger{Handlers: []string{"f"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	logs.Logger("shop").Error("failed")
	if b, err := os.ReadFile(path); err != nil || !strings.Contains(string(b), `"stack":"github.com/girok/girok_test.TestStacksOfAConfig(...)`) {
		t.Errorf("%s %v", b, err)
	}
}

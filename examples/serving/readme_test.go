package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadme runs the program of the repository's README.
// It is here because this module has the store that it uses.
func TestReadme(t *testing.T) {
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "config.yaml"), block(t, page, "```yaml"))
	write(t, filepath.Join(dir, "main.go"), block(t, page, "```go"))
	exe := filepath.Join(dir, "hello")
	if out, err := exec.Command("go", "build", "-o", exe, filepath.Join(dir, "main.go")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	hello := exec.Command(exe)
	hello.Dir = dir
	out, err := hello.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := block(t, page, "It prints\n```"); !sameShape(want, string(out)) {
		t.Errorf("got %swant a line such as %s", out, want)
	}
	girok := filepath.Join(dir, "girok")
	build := exec.Command("go", "build", "-o", girok, ".")
	build.Dir = "../../cmd/girok"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, asked, _ := strings.Cut(string(page), "$ girok query \"")
	asked, rest, _ := strings.Cut(asked, "\"\n")
	want, _, _ := strings.Cut(rest, "```")
	ask := exec.Command(girok, "query", asked)
	ask.Dir = dir
	if out, err := ask.CombinedOutput(); err != nil || string(out) != want {
		t.Errorf("%v; got\n%swant\n%s", err, out, want)
	}
}

// block is the first block of code that begins like this.
func block(t *testing.T, page []byte, begin string) string {
	t.Helper()
	_, after, ok := bytes.Cut(page, []byte("\n"+begin+"\n"))
	code, _, closed := bytes.Cut(after, []byte("```"))
	if !ok || !closed {
		t.Fatalf("README.md has no block after %q", begin)
	}
	return string(code)
}

var digit = regexp.MustCompile(`\d`)

// sameShape compares lines whose digits differ.
func sameShape(a, b string) bool {
	return digit.ReplaceAllString(a, "0") == digit.ReplaceAllString(b, "0")
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

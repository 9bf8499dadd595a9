package sinktest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/girok/girok/internal/crash"
)

// TestPage: the program in docs/adding-a-sink.md is the one that is tested here.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/adding-a-sink.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"onefile_test.go", "onefile_suite_test.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code := string(text[strings.Index(string(text), "import ("):])
		if !strings.Contains(string(page), "```go\npackage onefile\n\n"+code+"```\n") {
			t.Errorf("docs/adding-a-sink.md does not show %s as it is, from its imports on", file)
		}
	}
}

// TestWindowsAreDescribed: docs/delivery.md says of every window what a kill
// there leaves.
func TestWindowsAreDescribed(t *testing.T) {
	page, err := os.ReadFile("../../docs/delivery.md")
	if err != nil {
		t.Fatal(err)
	}
	for w := range crash.NumAll {
		if !strings.Contains(string(page), "\n| `"+w.String()+"` |") {
			t.Errorf("docs/delivery.md has no line for the window %s", w)
		}
	}
}

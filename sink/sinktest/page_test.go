package sinktest_test

import (
	"os"
	"strings"
	"testing"
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

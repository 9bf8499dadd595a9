package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestBadFiles loads and decodes each testdata/*.bad.yaml. All its problems must
// read as the .txt beside it says.
func TestBadFiles(t *testing.T) {
	t.Chdir("testdata")
	t.Setenv("GIROK_TEST_SECRET", "hunter2")
	eachFile(t, "*.bad.yaml", func(t *testing.T, file string) {
		doc, err := Load(file)
		var ps Problems
		if err != nil {
			ps = err.(Problems)
		}
		if doc != nil {
			Decode(doc.Root, &ps, newSample())
		}
		if len(ps) == 0 {
			t.Fatal("no problem was found")
		}
		got := ps.Error() + "\n"
		if strings.Contains(got, "hunter2") {
			t.Errorf("a secret is in the problems:\n%s", got)
		}
		golden(t, strings.TrimSuffix(file, ".yaml")+".txt", got)
	})
}

// TestGoodFiles loads and decodes each testdata/*.good.yaml; what it means is in
// the .json beside it.
func TestGoodFiles(t *testing.T) {
	t.Chdir("testdata")
	t.Setenv("GIROK_TEST_NAME", "from the environment")
	eachFile(t, "*.good.yaml", func(t *testing.T, file string) {
		doc, err := Load(file)
		if err != nil {
			t.Fatal(err)
		}
		var ps Problems
		Decode(doc.Root, &ps, newSample())
		if err := ps.Err(); err != nil {
			t.Fatal(err)
		}
		got, err := doc.Root.JSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		here, _ := os.Getwd()
		text := strings.ReplaceAll(string(got), here, "/testdata") + "\n"
		for _, w := range doc.Warnings {
			text += "warning: " + w.Error() + "\n"
		}
		golden(t, strings.TrimSuffix(file, ".yaml")+".json", text)
	})
}

func eachFile(t *testing.T, pattern string, f func(*testing.T, string)) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) { f(t, file) })
	}
}

// golden compares with a file, or writes it with -update.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

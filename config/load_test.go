package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestLoadMissing(t *testing.T) {
	doc, err := Load(filepath.Join(t.TempDir(), "none.yaml"))
	if doc != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, %v", doc, err)
	}
	if _, err := Load(t.TempDir()); err == nil {
		t.Error("a folder was read")
	}
}

func TestPositionsAndPaths(t *testing.T) {
	root := parseRoot(t, "a:\n  - b: 'é'\n    \"c d\": {e: [1, 2]}\nx: &x\n  y: 1\nz: *x\n")
	for pointer, want := range map[string]string{
		"": "|test.yaml:1:1|test.yaml:1:1", "/a": "a|test.yaml:1:1|test.yaml:2:3",
		"/a/0": "a[0]|test.yaml:2:5|test.yaml:2:5", "/a/0/b": "a[0].b|test.yaml:2:5|test.yaml:2:8",
		"/a/0/c d/e/1": "a[0].c d.e[1]|test.yaml:3:20|test.yaml:3:20",
		"/z/y":         "z.y|test.yaml:5:3|test.yaml:5:6",
	} {
		n := root.at(pointer)
		if got := fmt.Sprintf("%s|%s|%s", n.Path(), n.KeyPos(), n.Pos()); got != want || n.pointer() != pointer {
			t.Errorf("%s: got %s, want %s", pointer, got, want)
		}
	}
	for _, nowhere := range []string{"/b", "/a/1", "/a/-1", "/a/x", "/a/0/b/c"} {
		if root.at(nowhere) != nil {
			t.Errorf("%s leads somewhere", nowhere)
		}
	}
}

// TestExtends: positions stay those of the files, order is base first.
func TestExtends(t *testing.T) {
	fsys := fstest.MapFS{
		"c/top.yaml":    {Data: []byte("extends: [../base.yaml, more.yaml]\nm: {b: 2, n: null}\nl: [9]\n")},
		"base.yaml":     {Data: []byte("m: {a: 1, b: 1, n: {x: 1}}\nl: [1, 2]\nk: base\n")},
		"c/more.yaml":   {Data: []byte("extends: deep/d.yaml\nm: {c: 3}\nk: more\n")},
		"c/deep/d.yaml": {Data: []byte("m: {c: 0, d: 4}\nk: deep\n")},
	}
	doc, err := LoadFS(fsys, "c/top.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, _ := doc.Root.JSON(nil)
	if want := `{"m":{"a":1,"b":2,"n":null,"c":3,"d":4},"l":[9],"k":"more"}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for path, want := range map[string]string{"a": "base.yaml:1:8", "b": "c/top.yaml:2:8", "c": "c/more.yaml:2:8", "d": "c/deep/d.yaml:1:14"} {
		n := doc.Root.Get("m").Get(path)
		if n.Pos().String() != want || n.Path() != "m."+path {
			t.Errorf("%s: got %s at %s, want %s", path, n.Path(), n.Pos(), want)
		}
	}
}

func TestExtendsExpandsAndDir(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("GIROK_TEST_STAGE", "dev")
	write(t, filepath.Join(dir, "c.yaml"), "extends: ${GIROK_TEST_STAGE}.yaml\n")
	write(t, filepath.Join(dir, "dev.yaml"), "a: 1\n")
	doc, err := Load(filepath.Join(dir, "c.yaml"))
	if err != nil || doc.Root.Get("a") == nil || doc.Dir() != dir {
		t.Errorf("got %v, %v", doc, err)
	}
	if got := Abs(doc.Dir(), "logs"); got != filepath.Join(dir, "logs") {
		t.Errorf("Abs: got %s", got)
	}
	if Abs("/x", "/y") != "/y" || Abs("/x", "") != "" {
		t.Error("Abs changed an absolute or empty path")
	}
}

func TestExtendsTooMany(t *testing.T) {
	dir := t.TempDir()
	for i := range maxExtended + 2 {
		write(t, filepath.Join(dir, fmt.Sprintf("%d.yaml", i)), fmt.Sprintf("extends: %d.yaml\n", i+1))
	}
	_, err := Load(filepath.Join(dir, "0.yaml"))
	if err == nil || !strings.Contains(err.Error(), "extends more than 100 files") {
		t.Errorf("got %v", err)
	}
}

func TestParseCannotExtend(t *testing.T) {
	_, err := Parse("c.yaml", []byte("extends: base.yaml\n"))
	if err == nil || !strings.HasPrefix(err.Error(), "c.yaml:1:1: extends: ") {
		t.Errorf("got %v", err)
	}
}

func TestMergeKeys(t *testing.T) {
	root := parseRoot(t, `
a: &a {x: 1, y: 1}
b: &b {y: 2, z: 2}
one: {k: 0, <<: *a, y: 9}
two: {<<: [*a, *b]}
three: {<<: *a, <<: *b}
text: {"<<": 1}
`)
	for key, want := range map[string]string{
		"one": `{"x":1,"y":9,"k":0}`, "two": `{"y":1,"z":2,"x":1}`, "three": `{"x":1,"y":2,"z":2}`, "text": `{"<<":1}`,
	} {
		if got, _ := root.Get(key).JSON(nil); string(got) != want {
			t.Errorf("%s: got %s, want %s", key, got, want)
		}
	}
}

// TestBombs: what unfolds without end is refused quickly.
func TestBombs(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x]\n")
	var chain strings.Builder
	chain.WriteString("a0: &a0 [x]\n")
	for i := 1; i < 200; i++ {
		if i < 30 {
			fmt.Fprintf(&laughs, "a%d: &a%d [%s*a%d]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 8), i-1)
		}
		fmt.Fprintf(&chain, "a%d: &a%d [*a%d]\n", i, i, i-1)
	}
	for name, c := range map[string]struct{ text, want string }{
		"laughs": {laughs.String(), "more than 100,000 values"},
		"merge":  {laughs.String() + "m: {<<: *a29}\n", "more than 100,000 values"},
		"chain":  {chain.String(), "more than 100 lists and maps in each other"},
		"flow":   {strings.Repeat("[", 200_000), "more than 100 lists and maps in each other"},
		"maps":   {strings.Repeat("{a: ", 200_000), "more than 100 lists and maps in each other"},
		"block":  {strings.Repeat("- ", 200_000) + "x\n", "more than 100 lists and maps in each other"},
		"keys":   {strings.Repeat("? ", 200_000) + "x\n", "more than 100 lists and maps in each other"},
		"wide":   {"a: [" + strings.Repeat("x,", 150_000) + "]\n", "more than 100,000 values"},
		"large":  {"a: " + strings.Repeat("x", maxFileBytes), "larger than 4MiB"},
		"double": {strings.Repeat("a: 1\n", 120_000), "more than 100,000 values"},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := Parse("bomb.yaml", []byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %.300v, want %s", err, c.want)
			}
			if took := time.Since(start); took > time.Minute {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestReferencedFileLimits(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "big"), strings.Repeat("x", maxSecretBytes+1))
	write(t, filepath.Join(dir, "binary"), "a\xffb")
	write(t, filepath.Join(dir, "lines"), "a\n\n")
	write(t, filepath.Join(dir, "c.yaml"), "big: ${file:big}\nbinary: ${file:binary}\nfolder: ${file:.}\nlines: ${file:lines}\n")
	doc, err := Load(filepath.Join(dir, "c.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"big": "larger than 1MiB", "binary": "not UTF-8", "folder": "is a directory"} {
		var ps Problems
		if _, ok := doc.Root.Get(key).Text(&ps); ok || len(ps) != 1 || !strings.Contains(ps[0].Msg, want) {
			t.Errorf("%s: got %v, want %s", key, ps, want)
		}
	}
	if text, ok := doc.Root.Get("lines").Text(nil); text != "a\n" || !ok {
		t.Errorf("one line end is cut: got %q", text)
	}
	if os.Getuid() != 0 {
		_ = os.Chmod(filepath.Join(dir, "c.yaml"), 0)
		if _, err := Load(filepath.Join(dir, "c.yaml")); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("unreadable: got %v", err)
		}
	}
}

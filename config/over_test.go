package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoadOver(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte("a: {x: 1, list: [1, 2]}\nb: kept\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	doc, err := LoadOver(path, "code", func(d *Document) []byte {
		return []byte("a: {y: " + d.Root.Get("a").Get("x").Raw() + "2, list: [3]}\n")
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := doc.Root.JSON(func(string) bool { return false })
	if err != nil || string(text) != `{"a":{"x":1,"list":[3],"y":12},"b":"kept"}` {
		t.Errorf("got %s, %v", text, err)
	}
	if doc.Dir() != dir {
		t.Errorf("paths are relative to %s, want the file's folder %s", doc.Dir(), dir)
	}
	for yaml, want := range map[string]string{"a: [": "code:", "extends: x.yaml": "code:1:1: extends"} {
		if _, err := LoadOver(path, "code", func(*Document) []byte { return []byte(yaml) }); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", yaml, err, want)
		}
	}
}

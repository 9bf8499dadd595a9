package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDropOfALivingRun refuses it.
func TestDropOfALivingRun(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte(heldConfig), 0o666); err != nil {
		t.Fatal(err)
	}
	start(t, dir, "", "run", "--stay")
	until(t, "a run", func() bool {
		out, _, _ := here(t, "spool", "ls", "-c", config)
		return strings.Contains(out, "held")
	})
	out, told, code := here(t, "spool", "drop", "--yes", "-c", config, "")
	if code != exitMistake || out != "" || !strings.Contains(told, "is alive: process ") {
		t.Errorf("%d %s %s", code, out, told)
	}
}

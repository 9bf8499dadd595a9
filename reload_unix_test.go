//go:build unix

package girok

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestReloadOnSignal(t *testing.T) {
	noSpool(t)
	said := catchStderr(t)
	path := writeConfig(t, "version: 1\n")
	logs, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	logs.ReloadOn(syscall.SIGUSR1)
	out := filepath.Join(t.TempDir(), "out")
	for text, want := range map[string]string{
		"version: 1\nhandlers: {f: {class: file, filename: " + out + "}}\nroot: {level: INFO, handlers: [f]}\n": "the configuration was applied anew",
		"version: 1\nroot: {level: LOUD}\n": "the configuration was not applied, nothing has changed",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		until(t, want, func() bool { return strings.Contains(said(), want) })
	}
}

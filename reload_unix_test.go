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
	good := "version: 1\nhandlers: {f: {class: file, filename: " + out + "}}\nroot: {level: INFO, handlers: [f]}\n"
	bad := "version: 1\nroot: {level: LOUD, handlers: [g]}\n"
	const applied, refused = "girok: the configuration was applied anew\n", "girok: error: the configuration was not applied, nothing has changed:\n"
	// Each time it is told, however often within a minute.
	for i, step := range []struct{ text, want string }{{good, applied}, {bad, refused}, {bad, refused}, {good, applied}} {
		if err := os.WriteFile(path, []byte(step.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		until(t, step.want, func() bool { return strings.Count(said(), step.want) == 1+i/2 })
	}
	wantParts(t, said(), path+":2:15: root.level: want a level", "\n"+path+":2:32: root.handlers[0]: no handler")
}

// As logrotate does it: the file is moved away, and a signal brings a new one.
func TestSignalReopensFiles(t *testing.T) {
	noSpool(t)
	said := catchStderr(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	path := writeConfig(t, "version: 1\nformatters: {m: {format: '%(message)s'}}\nhandlers: {f: {class: file, filename: "+out+", formatter: m}}\nroot: {level: INFO, handlers: [f]}\n")
	logs, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	logs.ReloadOn(syscall.SIGUSR1)
	logs.Logger("").Info("before")
	if err := os.Rename(out, out+".1"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	until(t, "a new file", func() bool { return strings.Contains(said(), "applied anew") })
	logs.Logger("").Info("after")
	for name, want := range map[string]string{out: "after\n", out + ".1": "before\n"} {
		if b, err := os.ReadFile(name); err != nil || string(b) != want {
			t.Errorf("%s: %q %v", name, b, err)
		}
	}
}

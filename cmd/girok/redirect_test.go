package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/girok/girok"
)

const redirectConfig = `
version: 1
service: moved
handlers: {table: {class: sqlite, path: x.db, table: logs, create: true, batch: {age: 10ms}}}
root: {level: INFO, handlers: [table]}
spool: {dir: spool}
`

// TestRedirectUnderALivingProgram gives what waits to another place while a program
// holds the old one and tries it again and again: it lets go, and delivers all.
func TestRedirectUnderALivingProgram(t *testing.T) {
	dir := t.TempDir()
	config, wrong := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "wrong.yaml")
	for path, text := range map[string]string{config: redirectConfig, wrong: strings.Replace(redirectConfig, "x.db, table: logs, create: true", "nowhere/x.db, table: logs", 1)} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := start(t, dir, string(numbered(1000)), "run", "-c", wrong, "--drain", "1ms").Wait(); err == nil {
		t.Fatal("it delivered to nowhere")
	}
	start(t, dir, "one\ntwo\n", "run", "--stay", "-c", config)
	until(t, "somebody holds the old place", func() bool {
		out, _, _ := here(t, "spool", "ls", "-c", config, "--json")
		return strings.Contains(out, `"deliverer_pid"`) && strings.Contains(out, `"refused"`)
	})
	out, told, code := here(t, "spool", "redirect", "--all", "-c", config)
	if code != exitOK || !strings.HasPrefix(out, "gave 1000 records of run ") {
		t.Fatalf("%d %s%s", code, out, told)
	}
	until(t, "all rows", func() bool {
		out, err := askTable(dir, "select count(*), count(distinct record_id), count(distinct message) from logs")
		return err == nil && strings.HasSuffix(out, "\n1002,1002,1002\n")
	})
	until(t, "the old run is gone", func() bool {
		out, _, code := here(t, "spool", "ls", "-c", config)
		return code == exitOK && !strings.Contains(out, "dead")
	})
}

// TestRedirectOfALivingProgram leaves its run alone, and says what to do.
func TestRedirectOfALivingProgram(t *testing.T) {
	dir := t.TempDir()
	config, wrong := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "wrong.yaml")
	for path, text := range map[string]string{config: redirectConfig, wrong: strings.Replace(redirectConfig, "x.db, table: logs, create: true", "nowhere/x.db, table: logs", 1)} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	start(t, dir, "one\ntwo\n", "run", "--stay", "-c", wrong)
	until(t, "two records wait", func() bool {
		out, _, _ := here(t, "spool", "ls", "-c", config, "--json")
		return strings.Contains(out, `"waiting_records": 2,`)
	})
	out, told, code := here(t, "spool", "redirect", "--all", "-c", config)
	if code != exitWaits || out != "" || !strings.Contains(told, "is alive: process ") || !strings.Contains(told, "has 2 records for sqlite ") {
		t.Errorf("%d %s%s", code, out, told)
	}
}

// TestRedirectOfAMistake has records for a handler that nobody understands, and a program
// that delivers has met them. They stay, with the remedy: once the mistakes are mended
// where they stand, they are given to the other place, each once.
func TestRedirectOfAMistake(t *testing.T) {
	dir := t.TempDir()
	config, wrong := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "wrong.yaml")
	for path, text := range map[string]string{config: redirectConfig, wrong: strings.ReplaceAll(redirectConfig, "class: sqlite, path: x.db", "class: sqlit, path: nowhere/x.db, pth: y.db")} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	logs, err := girok.Open(wrong, girok.WriteOnly())
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		logs.Logger("x").Info("m")
	}
	if err := logs.Close(); err != nil {
		t.Fatal(err)
	}
	stored, err := filepath.Glob(filepath.Join(dir, "spool/moved/runs/*/config"))
	if err != nil || len(stored) != 1 {
		t.Fatal(stored, err)
	}
	start(t, dir, "one\n", "run", "--stay", "-c", config)
	until(t, "its own record is in", func() bool {
		out, err := askTable(dir, "select count(*) from logs")
		return err == nil && strings.HasSuffix(out, "\n1\n")
	})
	for _, mistake := range []struct{ says, wrong, right string }{
		{`class "sqlit" is not in this program`, `"sqlit"`, `"sqlite"`},
		{"pth: unknown key", `"pth": "y.db",`, ""},
	} {
		out, told, code := here(t, "spool", "redirect", "--all", "-c", config)
		if want := "mend a mistake of the handler where it stands, in " + stored[0] + ", and then give them elsewhere"; code != exitMistake || out != "" || !strings.Contains(told, mistake.says) || !strings.Contains(told, want) {
			t.Fatalf("%d %s%s", code, out, told)
		}
		b, err := os.ReadFile(stored[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(stored[0], bytes.ReplaceAll(b, []byte(mistake.wrong), []byte(mistake.right)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, told, code := here(t, "spool", "redirect", "--all", "-c", config)
	if code != exitOK || !strings.HasPrefix(out, "gave 10 records of run ") {
		t.Fatalf("%d %s%s", code, out, told)
	}
	until(t, "all rows", func() bool {
		out, err := askTable(dir, "select count(*), count(distinct record_id) from logs")
		return err == nil && strings.HasSuffix(out, "\n11,11\n")
	})
	until(t, "the old run is gone", func() bool {
		out, _, code := here(t, "spool", "ls", "-c", config)
		return code == exitOK && !strings.Contains(out, "dead")
	})
}

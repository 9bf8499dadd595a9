package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
)

// TestExitCodes runs commands one after the other and compares their exit codes with
// the table in docs/operating.md.
func TestExitCodes(t *testing.T) {
	t.Chdir(t.TempDir())
	const head = "version: 1\nservice: codes\nroot: {level: INFO, handlers: [table]}\nspool: {dir: spool}\nhandlers:\n"
	for name, text := range map[string]string{
		"config.yaml":  head + "  table: {class: sqlite, path: x.db, table: logs, create: true, columns: {n: {from: attr.n, type: int}}}\n",
		"refuses.yaml": head + "  table: {class: sqlite, path: nowhere/x.db, table: logs}\n",
		"bad.yaml":     head + "  tabel: {class: sqlite, path: x.db, table: logs}\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const fits, doesNot = `{"msg":"a","n":1}` + "\n", `{"msg":"a","n":"many"}` + "\n"
	for _, c := range []struct {
		code     int
		line, in string
	}{
		{exitOK, "run", fits},
		{exitOK, "spool ls", ""},
		{exitOK, "spool drain", ""},
		{exitOK, "dead ls", ""},
		{exitWaits, "run", doesNot}, // to the dead letters
		{exitWaits, "dead ls", ""},
		{exitWaits, "dead ls --json", ""},
		{exitMistake, "dead ls --handler tabel", ""},
		{exitMistake, "dead ls -d nowhere", ""},
		{exitMistake, "dead show 0000", ""},
		{exitOK, "dead replay --all", ""},
		{exitWaits, "spool ls", ""},
		{exitWaits, "spool drain", ""}, // and there it is again
		{exitOK, "spool drain", ""},
		{exitOK, "dead drop --all --yes", ""},
		{exitOK, "dead ls", ""},
		{exitWaits, "run -c refuses.yaml", fits},
		{exitWaits, "spool drain -c refuses.yaml", ""}, // what is left
		{exitWaits, "spool ls -c refuses.yaml", ""},
		{exitMistake, "spool drop zzz", ""},
		{exitMistake, "spool drain -c bad.yaml", ""},
		{exitMistake, "run -c bad.yaml", fits},
		{exitMistake, "ddl tabel", ""},
		{exitUsage, "run --drian 1s", ""},
		{exitUsage, "dead drop", ""},
	} {
		var out, told bytes.Buffer
		p := &program{stdin: strings.NewReader(c.in), stdout: &out, stderr: &told, getenv: func(string) string { return "" }}
		if code := p.main(context.Background(), strings.Split(c.line, " ")); code != c.code {
			t.Errorf("girok %s: exit code %d, want %d\n%s%s", c.line, code, c.code, &out, &told)
		}
	}
}

package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/girok/girok"
)

const replacedConfig = `
version: 1
service: replaced
handlers: {table: {class: sqlite, path: x.db, table: logs, create: true, batch: {age: 10ms}}}
root: {level: INFO, handlers: [table]}
spool: {dir: spool}
`

// TestDatabaseMadeAnew does what docs/operating.md says of a database that was made
// anew: the handler is refused, spool ls knows its state, and without that all that the
// spool still has is written.
func TestDatabaseMadeAnew(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte(replacedConfig), 0o666); err != nil {
		t.Fatal(err)
	}
	logs, err := girok.Open(config, girok.WriteOnly())
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	deliver := func(what string, seen func() bool) {
		t.Helper()
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan int)
		go func() {
			p := &program{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, getenv: os.Getenv}
			ended <- p.main(ctx, []string{"run", "--spool", filepath.Join(dir, "spool")})
		}()
		defer func() { stop(); <-ended }()
		until(t, what, seen)
	}
	rows := func() string {
		out, _ := askTable(dir, "select message from logs order by 1")
		return out
	}
	remove := func(pattern string) {
		t.Helper()
		list, err := filepath.Glob(pattern)
		if err != nil || len(list) == 0 {
			t.Fatalf("%s: %v, %v", pattern, list, err)
		}
		for _, path := range list {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	logs.Logger("x").Info("a")
	deliver("the first row", func() bool { return rows() == "message\na\n" })
	remove(filepath.Join(dir, "x.db*"))
	logs.Logger("x").Info("b")
	var h runHandlerReport
	deliver("a refusal", func() bool {
		out, _, _ := here(t, "spool", "ls", "-c", config, "--json")
		var runs []runReport
		if err := json.Unmarshal([]byte(out), &runs); err != nil {
			return false // a run was being made
		}
		for _, r := range runs {
			for _, h = range r.Handlers {
				if h.State == "refused" {
					return true
				}
			}
		}
		return false
	})
	if !strings.Contains(h.Cause, "remove this handler's state (`girok spool ls --json` has its path as state_files)") {
		t.Error(h.Cause)
	}
	remove(h.Files)
	deliver("both rows", func() bool { return rows() == "message\na\nb\n" })
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/store/duckdb"
)

// start starts the program with a text on its standard input; it is killed when
// the test ends, if it has not ended by then.
func start(t *testing.T, dir, stdin string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GIROK_BE_THE_PROGRAM=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // one that has ended is no matter
		_ = cmd.Wait()
	})
	return cmd
}

// here is the program in this process.
func here(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, told bytes.Buffer
	p := &program{stdout: &out, stderr: &told, getenv: os.Getenv}
	code = p.main(context.Background(), args)
	return out.String(), told.String(), code
}

// patience is how long a busy machine may take for what takes a moment.
const patience = 2 * time.Minute

// until calls f until it is satisfied.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come to that: " + what)
		}
	}
}

const heldConfig = `
version: 1
service: held
handlers: {table: {class: sqlite, path: x.db, table: logs, create: true, batch: {age: 10ms}}}
root: {level: INFO, handlers: [table]}
spool: {dir: spool}
`

// TestQueryAsksTheHolder runs girok as the holder of a file that can't be opened
// here, as a database of DuckDB can't.
func TestQueryAsksTheHolder(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte(heldConfig), 0o666); err != nil {
		t.Fatal(err)
	}
	mine := warehouses["sqlite"]
	warehouses["sqlite"] = func(context.Context, string, string) (sink.Rows, error) {
		return nil, errors.New("somebody holds a lock on it")
	}
	t.Cleanup(func() { warehouses["sqlite"] = mine })
	if _, told, code := here(t, "query", "-c", config, "select 1"); code != exitMistake || !strings.HasSuffix(told, "x.db: somebody holds a lock on it\n") {
		t.Errorf("nobody to ask: %d, %s", code, told)
	}
	cmd := start(t, dir, "one\ntwo\n", "run", "--stay")
	var out string
	until(t, "two rows", func() bool {
		out, _, _ = here(t, "query", "-c", config, "--format", "json", "select message, attributes, null as n, x'ff' as b, 1.5 as f from logs order by 1")
		return strings.Count(out, "\n") == 4
	})
	if want := `[
{"message":"one","attributes":{"line":1},"n":null,"b":"/w==","f":1.5},
{"message":"two","attributes":{"line":2},"n":null,"b":"/w==","f":1.5}
]
`; out != want {
		t.Errorf("got %s", out)
	}
	if _, told, code := here(t, "query", "-c", config, "select * from nowhere"); code != exitMistake || !strings.Contains(told, "no such table: nowhere") {
		t.Errorf("a mistake in SQL: %d, %s", code, told)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if _, told, code := here(t, "query", "-c", config, "select 1"); code != exitMistake || !strings.HasSuffix(told, "x.db: somebody holds a lock on it\n") {
		t.Errorf("after its death: %d, %s", code, told)
	}
}

// TestQueryOfAHeldDuckDB asks for rows of a file that DuckDB lets nobody else
// open, while they are written and after that.
func TestQueryOfAHeldDuckDB(t *testing.T) {
	if !duckdb.Built {
		t.Skip("the program was built without DuckDB")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	text := strings.ReplaceAll(heldConfig, "class: sqlite", "class: duckdb")
	if err := os.WriteFile(config, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := start(t, dir, "one\ntwo\n", "run", "--stay")
	ask := []string{"query", "-c", config, "--format", "json", "select message, attributes, [1, 2] as l from logs order by 1"}
	want := `[
{"message":"one","attributes":{"line":1},"l":[1,2]},
{"message":"two","attributes":{"line":2},"l":[1,2]}
]
`
	until(t, "an answer of the holder", func() bool {
		out, _, code := here(t, ask...)
		return code == exitOK && out == want
	})
	if _, told, code := here(t, "query", "-d", filepath.Join(dir, "x.db"), "select 1"); code != exitMistake || !strings.Contains(told, fmt.Sprint("process ", cmd.Process.Pid)) {
		t.Errorf("nobody was to be asked: %d %s", code, told)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if out, told, code := here(t, ask...); code != exitOK || out != want {
		t.Errorf("when nobody holds it: %d %s%s", code, out, told)
	}
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const killConfig = `
version: 1
service: kill
formatters: {line: {format: "%(message)s"}}
handlers:
  file: {class: file, filename: out.log, formatter: line}
  table:
    class: sqlite
    path: x.db
    table: logs
    create: true
    columns: {run: run, line: {from: attr.line, type: int}, message: message}
    batch: {records: 1000, age: 50ms}
root: {level: INFO, handlers: [file, table]}
spool: {dir: spool}
`

// TestKilledAgainAndAgain kills girok -9 at any moment, many times, without a
// rest: each start delivers what the ones before left, while it reads, until it
// is killed itself. In the end each run's lines are in the table from the first
// to the last that was read, none missing and none doubled.
func TestKilledAgainAndAgain(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	dir := t.TempDir()
	log := filepath.Join(dir, "big.log")
	for name, b := range map[string][]byte{"config.yaml": []byte(killConfig), "big.log": numbered(1_000_000)} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for round := range rounds {
		after := time.Duration(20+random.IntN(400)) * time.Millisecond
		if text, code := runGirok(t, dir, log, round%3 == 0, after, "--stay"); code != -1 {
			t.Fatalf("it ended by itself: %d\n%s", code, text)
		}
	}
	text, code := runGirok(t, dir, os.DevNull, false, 0, "--drain", "5m")
	if code != exitOK {
		t.Fatalf("exit code %d\n%s", code, text)
	}
	t.Log(text)
	checkRuns(t, dir, rounds)
}

// runGirok runs `girok run` on a file and kills it after its start, or after its first
// line, unless after is 0. The exit code of a killed one is -1.
func runGirok(t *testing.T, dir, stdin string, reads bool, after time.Duration, args ...string) (stderr string, code int) {
	t.Helper()
	written := func() int64 {
		st, err := os.Stat(filepath.Join(dir, "out.log"))
		if err != nil {
			return 0
		}
		return st.Size()
	}
	before := written()
	in, err := os.Open(stdin)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var told bytes.Buffer
	cmd := exec.Command(os.Args[0], append([]string{"run", "-c", "config.yaml"}, args...)...)
	cmd.Dir, cmd.Stdin, cmd.Stderr = dir, in, &told
	cmd.Env = append(os.Environ(), "GIROK_BE_THE_PROGRAM=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if reads {
		until(t, "it reads", func() bool { return written() > before })
	}
	if after > 0 {
		time.Sleep(after)
		_ = cmd.Process.Signal(syscall.SIGKILL) // one that has ended is noticed below
	}
	_ = cmd.Wait() // its code tells
	return told.String(), cmd.ProcessState.ExitCode()
}

// checkRuns compares the table with itself, and with the file that was written
// in the call.
func checkRuns(t *testing.T, dir string, rounds int) {
	t.Helper()
	wrong := ask(t, dir, `select run, count(*), count(distinct line), min(line), max(line) from logs
		group by run having count(*) <> max(line) or count(distinct line) <> max(line) or min(line) <> 1`)
	if strings.Count(wrong, "\n") > 1 {
		t.Errorf("runs with missing or doubled lines:\n%s", wrong)
	}
	other := ask(t, dir, `select count(*) as n from logs where message <> 'this is line ' || line || ' of a log that is not very long, nor very short'`)
	if other != "n\n0\n" {
		t.Errorf("rows with another line's text: %s", other)
	}
	b, err := os.ReadFile(filepath.Join(dir, "out.log"))
	if err != nil {
		t.Fatal(err)
	}
	var rows int
	if _, err := fmt.Sscanf(ask(t, dir, "select count(*) as n from logs"), "n\n%d", &rows); err != nil {
		t.Fatal(err)
	}
	// A kill may come between the spool and the file, and within the last line.
	if written := bytes.Count(b, []byte{'\n'}); rows < written || rows > written+rounds || rows == 0 {
		t.Errorf("%d rows, %d lines in the file of %d runs", rows, written, rounds)
	}
	t.Logf("%d rows of %d runs", rows, rounds)
}

func ask(t *testing.T, dir, sql string) string {
	t.Helper()
	out, err := askTable(dir, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

// askTable asks the table of a program that may be writing it.
func askTable(dir, sql string) (string, error) {
	var out, told bytes.Buffer
	p := &program{stdout: &out, stderr: &told, getenv: os.Getenv}
	if code := p.main(context.Background(), []string{"query", "--format", "csv", "-d", filepath.Join(dir, "x.db"), sql}); code != exitOK {
		return "", errors.New(told.String())
	}
	return out.String(), nil
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/girok/girok"
)

// safe is a buffer that one goroutine writes while another reads.
type safe struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safe) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *safe) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

const tailConfig = `
version: 1
service: tailed
handlers:
  table:
    class: sqlite
    path: x.db
    table: logs
    create: true
    columns: {run: run, line: {from: attr.line, type: int}}
    batch: {age: 20ms}
root: {level: INFO, handlers: [table]}
spool: {dir: spool}
`

// feed writes numbered lines, some thousand a second, until nobody reads.
func feed(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		lines := numbered(20)
		for {
			if _, err := in.Write(lines); err != nil {
				return
			}
			time.Sleep(4 * time.Millisecond)
		}
	}()
}

// tailing starts `girok tail -f`, which ends with the test, and gives what it writes.
func tailing(t *testing.T, args ...string) (cmd *exec.Cmd, shown, told *safe) {
	t.Helper()
	shown, told = new(safe), new(safe)
	cmd = exec.Command(os.Args[0], append([]string{"tail", "-f"}, args...)...)
	cmd.Env = append(os.Environ(), "GIROK_BE_THE_PROGRAM=1")
	cmd.Stdout, cmd.Stderr = shown, told
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd, shown, told
}

// TestTailThroughKills kills a program again and again under `girok tail -f`:
// each of its records is shown, and none twice, those that the next start finds
// and delivers too.
func TestTailThroughKills(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte(tailConfig), 0o666); err != nil {
		t.Fatal(err)
	}
	_, shown, told := tailing(t, "--json", "-c", config)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 5 {
		cmd := exec.Command(os.Args[0], "run", "-c", config)
		cmd.Env = append(os.Environ(), "GIROK_BE_THE_PROGRAM=1")
		feed(t, cmd)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		before := strings.Count(shown.String(), "\n")
		until(t, "lines of this program", func() bool { return strings.Count(shown.String(), "\n") > before+100 })
		time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond) // then at any moment
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	if _, told, code := here(t, "spool", "drain", "-c", config); code != exitOK {
		t.Fatalf("%d %s", code, told)
	}
	want := ask(t, dir, "select run, line from logs order by run, line")
	if strings.Count(want, "\n") < 100 {
		t.Fatalf("too few rows: %s", want)
	}
	until(t, "as many lines as rows", func() bool { return strings.Count(shown.String(), "\n") >= strings.Count(want, "\n")-1 })
	seen := map[string]int{}
	for line := range strings.Lines(shown.String()) {
		var r struct {
			Run        string
			Attributes struct{ Line int }
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		seen[fmt.Sprintf("%s,%d", r.Run, r.Attributes.Line)]++
	}
	rows := strings.Split(strings.TrimSpace(want), "\n")[1:]
	for _, row := range rows {
		if seen[row] != 1 {
			t.Errorf("%s was shown %d times", row, seen[row])
		}
	}
	if len(seen) != len(rows) || told.String() != "" {
		t.Errorf("%d records shown, %d rows; told: %s", len(seen), len(rows), told.String())
	}
}

// TestTailOfNoSpool follows a folder that is not there: what programs log there later is
// shown, of each service that comes.
func TestTailOfNoSpool(t *testing.T) {
	dir := t.TempDir()
	spool := filepath.Join(dir, "spool")
	follow, shown, told := tailing(t, "-d", spool)
	want := "girok: waiting for a spool in " + spool + ": a program that logs makes it\n"
	until(t, "that it waits", func() bool { return told.String() == want })
	for _, service := range []string{"first", "second"} {
		logs, err := girok.OpenBytes(service, fmt.Appendf(nil, `version: 1
service: %s
spool: {dir: %q}
handlers: {f: {class: file, spooled: true, filename: %q}}
root: {level: INFO, handlers: [f]}
`, service, spool, filepath.Join(dir, service+".log")), girok.WriteOnly())
		if err != nil {
			t.Fatal(err)
		}
		defer logs.Close()
		logs.Logger("x").Info("of the " + service)
		until(t, "its record", func() bool { return strings.HasSuffix(shown.String(), "of the "+service+"\n") })
	}
	if err := follow.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := follow.Wait(); err != nil || told.String() != want || strings.Count(shown.String(), "\n") != 2 {
		t.Errorf("%v; told %s; shown %s", err, told.String(), shown.String())
	}
}

func TestLevelOfAProgram(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte(heldConfig), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, told, code := here(t, "level", "a", "-c", config); code != exitMistake || !strings.Contains(told, "no program of the service runs") {
		t.Errorf("none runs: %d %s", code, told)
	}
	cmd := start(t, dir, "", "run", "--stay")
	until(t, "an answer", func() bool {
		out, _, code := here(t, "level", "a.b", "-c", config)
		return code == exitOK && strings.Contains(out, fmt.Sprint(cmd.Process.Pid)) && strings.HasSuffix(out, "held     a.b     INFO (inherited)\n")
	})
	out, _, code := here(t, "level", "a", "DEBUG", "--for", "1h", "-c", config)
	if code != exitOK || !strings.Contains(out, " DEBUG until ") || !strings.HasSuffix(out, "then NOTSET (inherited)\n") {
		t.Errorf("%d %s", code, out)
	}
	for _, c := range []struct{ logger, told string }{
		{"shop.orders", "has no logger \"shop.orders\" so far, nor one below it; the level is set, for when there is one"},
		{"shop.ordesr", "has no logger \"shop.ordesr\" so far, nor one below it; did you mean \"shop.orders\"?; the level is set, for when there is one"},
		{"shop.orders", ""},
		{"shop", ""},
		{"root", ""},
	} {
		if c.told != "" {
			c.told = fmt.Sprintf("girok: process %d %s\n", cmd.Process.Pid, c.told)
		}
		out, told, code := here(t, "level", c.logger, "DEBUG", "-c", config)
		if code != exitOK || !strings.HasSuffix(out, " DEBUG\n") || told != c.told {
			t.Errorf("%s: %d %s%s, want %s", c.logger, code, out, told, c.told)
		}
	}
	if _, told, code := here(t, "level", "nobody", "-c", config); code != exitOK || !strings.HasSuffix(told, "has no logger \"nobody\" so far, nor one below it\n") {
		t.Errorf("only shown: %d %s", code, told)
	}
	out, _, _ = here(t, "level", "a.b", "--json", "-c", config)
	if !strings.Contains(out, `"level": "DEBUG"`) || !strings.Contains(out, `"own": "NOTSET"`) {
		t.Error(out)
	}
	if _, told, code := here(t, "level", "a", "INFO", "--for", "10"); code != exitUsage || !strings.Contains(told, `want a duration, as 10m, for --for, got "10"`) {
		t.Errorf("--for 10: %d %s", code, told)
	}
	for _, args := range [][]string{{"level"}, {"level", "a", "LOUD"}, {"level", "a", "--for", "1m"}, {"level", "a", "INFO", "--for", "-1m"}} {
		if _, told, code := here(t, args...); code != exitUsage {
			t.Errorf("%s: %d %s", args, code, told)
		}
	}
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/spool"
)

// inPython logs 200 records, each tenth of them a warning, through two handlers and
// a third one for warnings. The second handler's filter changes them. At each
// seventh record, what the first handler has of it ends its run.
const inPython = `
import logging, os, signal, sys
import girok

class Ends(logging.Handler):
    def emit(self, record):
        if record.n % 7 == 0:
            first.close()

class Names(logging.Filter):
    def filter(self, record):
        record.user = "kim"
        return True

def table(name, **keys):
    return {"class": "sqlite", "path": "no/such/x.db", "table": name, **keys}

girok.dictConfig({
    "version": 1, "service": "pairs", "spool": {"dir": sys.argv[1]},
    "filters": {"names": {"()": Names}},
    "handlers": {"first": table("a"), "ends": {"()": Ends}, "second": table("b", filters=["names"]), "third": table("c", level="WARNING")},
    "loggers": {"shop": {"level": "INFO", "handlers": ["first", "ends", "second"]}},
    "root": {"handlers": ["third"]},
})
first = logging.getLogger("shop").handlers[0]
for n in range(200):
    logging.getLogger("shop").log(logging.INFO if n % 10 else logging.WARNING, "m", extra={"n": n})
print(girok.stats(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
`

// TestTailOfPython follows a service in Python whose records several handlers take:
// each is shown once.
func TestTailOfPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("NOT TESTED, needs python3: that tail shows a record of Python's once")
	}
	dir := t.TempDir()
	runs := filepath.Join(dir, "pairs", "runs")
	if err := os.MkdirAll(runs, 0o700); err != nil {
		t.Fatal(err)
	}
	follow, shown, told := tailing(t, "--json", "-d", dir)
	cmd := exec.Command(python, "-c", inPython, dir)
	cmd.Env = append(os.Environ(), "PYTHONPATH=../../python", "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.Output()
	var died *exec.ExitError
	if want := "{'written': 200, 'copies': 220, 'dropped': 0}\n"; !errors.As(err, &died) || string(out) != want {
		t.Fatalf("%v: %s, want %s", err, out, want)
	}
	if entries, err := os.ReadDir(runs); err != nil || len(entries) < 20 {
		t.Fatalf("%d runs, %v", len(entries), err)
	}
	until(t, "the last record", func() bool { return strings.Contains(shown.String(), `"n":199`) })

	each := func(step int) (ns []int) {
		for n := 0; n < 200; n += step {
			ns = append(ns, n)
		}
		return ns
	}
	for _, tt := range []struct {
		args []string
		want []int
	}{
		{nil, each(1)},
		{[]string{"--grep", "kim"}, each(1)}, // only the copies have it
		{[]string{"--level", "WARNING"}, each(10)},
		{[]string{"--level", "WARNING", "--grep", "kim", "--since", "1h", "shop"}, each(10)},
	} {
		out, told, code := here(t, append([]string{"tail", "-n", "1000", "--json", "-d", dir}, tt.args...)...)
		if code != exitOK || told != "" {
			t.Errorf("%s: %d %s", tt.args, code, told)
		}
		onceEach(t, fmt.Sprint(tt.args), out, tt.want)
	}
	_ = follow.Process.Signal(os.Interrupt) // it writes what it has, and ends
	_ = follow.Wait()
	onceEach(t, "-f", shown.String(), each(1))
	if told.String() != "" {
		t.Error(told.String())
	}
}

// onceEach wants lines of records that have each n once.
func onceEach(t *testing.T, what, lines string, want []int) {
	t.Helper()
	times := map[int]int{}
	for line := range strings.Lines(lines) {
		var r struct{ Attributes struct{ N int } }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%s: %v: %s", what, err, line)
		}
		times[r.Attributes.N]++
	}
	for _, n := range want {
		if times[n] != 1 {
			t.Errorf("%s: %d was shown %d times", what, n, times[n])
		}
	}
	if len(times) != len(want) {
		t.Errorf("%s: %d records, want %d", what, len(times), len(want))
	}
}

// TestCopies has frames of all sorts with the same id: the mask, the service and the
// process tell which of them is a copy.
func TestCopies(t *testing.T) {
	mine := &spool.Run{ID: 7, Config: spool.RunConfig{Service: "shop", PID: 1}}
	next := &spool.Run{ID: 8, Config: mine.Config}
	other := &spool.Run{ID: 9, Config: spool.RunConfig{Service: "shop", PID: 2}}
	relayed := &spool.Run{ID: 10, Config: spool.RunConfig{Service: "relay", PID: 1}}
	at := time.Unix(1_700_000_000, 5)
	made := func(run *spool.Run, position, mask uint64, id string) *item {
		e := record.NewEncoder(nil)
		defer e.Release()
		e.Begin(&record.Header{Mask: mask, Time: at, Message: "m"})
		if id != "" {
			e.ID(id)
		}
		return &item{run: run, place: record.Place{Position: position}, at: at, payload: append([]byte(nil), e.Finish()...)}
	}
	first := made(mine, 4096, 1, "")
	var v record.View
	if err := v.Parse(first.payload); err != nil {
		t.Fatal(err)
	}
	id := string(v.AppendID(nil, mine.ID, first.place))
	steps := []struct {
		what string
		it   *item
		want bool
	}{
		{"the first", first, false},
		{"another record of that time", made(mine, 4200, 1, ""), false},
		{"for another handler", made(mine, 4300, 2, id), true},
		{"for a third, in the next run", made(next, 4096, 4, id), true},
		{"of another process", made(other, 4096, 8, id), false},
		{"of another service", made(relayed, 4096, 8, id), false},
		{"for one that has it", made(next, 4200, 2, id), false},
		{"that once more for another", made(next, 4300, 1, id), true},
		{"what can't be read", &item{run: mine, payload: []byte("x")}, false},
	}
	var c copies
	for _, s := range steps {
		if got := c.of(s.it); got != s.want {
			t.Errorf("%s: %v", s.what, got)
		}
	}

	// It remembers so many, and no more.
	c = copies{}
	for n := range uint64(remembered + 1) {
		c.of(made(mine, 4096+8*n, 1, ""))
	}
	if len(c.masks) != remembered || len(c.ring) != remembered {
		t.Errorf("%d and %d remembered", len(c.masks), len(c.ring))
	}
	if c.of(made(mine, 8, 2, id)) {
		t.Error("the oldest is remembered")
	}
}

package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/girok/girok/store/duckdb"
)

func TestMain(m *testing.M) {
	if os.Getenv("GIROK_BE_THE_PROGRAM") != "" {
		main() // started by a test, to be killed
	}
	if os.Getenv("GIROK_LOSE_RECORDS") != "" {
		loseRecords()
	}
	if os.Getenv("GIROK_WRITE_RECORDS") != "" {
		writeRecords()
	}
	testscript.Main(m, map[string]func(){"girok": main})
}

// TestScripts runs testdata/script. With -update the files that cmp compares with
// are written anew.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Condition: func(cond string) (bool, error) {
			if cond != "duckdb" { // the program was built with it
				return false, fmt.Errorf("no such condition")
			}
			return duckdb.Built, nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"tidy":  tidy,
			"lines": makeLines,
			"await": await,
			"shows": shows,
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("TZ", "UTC")
			e.Setenv("HOME", e.WorkDir)
			return nil
		},
	})
}

// what differs from run to run and from machine to machine
var variable = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`\b[0-9a-f]{16}\b`), "RUN"},
	{regexp.MustCompile(`\b\d{8}T\d{6}Z-`), "BEGUN-"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d([.,]\d+)?Z?`), "TIME"},
	{regexp.MustCompile(`\(\d+\.\d s\)`), "(N s)"},
	{regexp.MustCompile(`"?pid"?:? \d+`), "pid N"},
	{regexp.MustCompile(`          \S+: (survives|not trusted).*\n`), "          (disk)\n"},
	{regexp.MustCompile(`"(disk|survives|host)": ".*"`), `"$1": "…"`},
	{regexp.MustCompile(`girok \S+( [0-9a-f]{12})?, go\S+, \S+\n`), "girok VERSION\n"},
	{regexp.MustCompile(`("retries": )[1-9]\d*\b`), "${1}SOME"},
	{regexp.MustCompile(`("position": )(0|4096)\b`), "${1}BEGIN"}, // before or after the run's first header
	{regexp.MustCompile(` +\n`), "\n"},
	{regexp.MustCompile(`  +`), "  "},
}

// tidy FROM TO writes a file with what differs from run to run made equal.
func tidy(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	text = strings.ReplaceAll(text, ts.Getenv("WORK"), "WORK")
	for _, v := range variable {
		text = v.re.ReplaceAllString(text, v.to)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o666))
}

// lines N FILE writes a file of N numbered lines.
func makeLines(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), numbered(n), 0o666))
}

func numbered(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "this is line %d of a log that is not very long, nor very short\n", i+1)
	}
	return b.Bytes()
}

// await FILE N waits until a file has N lines.
func await(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		b, _ := os.ReadFile(ts.MkAbs(args[0]))
		if bytes.Count(b, []byte{'\n'}) >= n {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%s has not got %d lines", args[0], n)
		}
	}
}

// shows PATTERN ARGS... runs girok with the arguments until it shows the pattern.
func shows(ts *testscript.TestScript, _ bool, args []string) {
	want := regexp.MustCompile(args[0])
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		_ = ts.Exec("girok", args[1:]...) // its code may say that records wait
		if want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("girok %s does not show %s", strings.Join(args[1:], " "), want)
		}
	}
}

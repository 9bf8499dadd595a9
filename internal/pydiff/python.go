package pydiff

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
)

//go:embed play.py
var program string

// Python is a running interpreter that plays cases and answers questions, one at a
// time. It ends with the test.
type Python struct {
	Version string

	in  io.Writer
	out *bufio.Reader
}

// Start starts python3, or what GIROK_PYTHON names. The test is skipped where there
// is none, or one without PyYAML and python-json-logger; with CI=true that is a
// failure.
func Start(tb testing.TB) *Python {
	tb.Helper()
	name := os.Getenv("GIROK_PYTHON")
	if name == "" {
		name = "python3"
	}
	version, err := exec.Command(name, "-c", "import sys, yaml, pythonjsonlogger; print('%d.%d.%d' % sys.version_info[:3], end='')").Output()
	if err != nil {
		why := "NOT TESTED, needs python3 with PyYAML and python-json-logger: that girok does what CPython does"
		if os.Getenv("CI") == "true" {
			tb.Fatal(why)
		}
		tb.Skip(why)
	}
	cmd := exec.Command(name, "-c", program, tb.TempDir())
	cmd.Env = append(os.Environ(), "PYTHONUTF8=1", "LC_ALL=C.UTF-8")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	return &Python{Version: string(version), in: in, out: bufio.NewReader(out)}
}

// Ask gives a question to the program and reads its answer into answer.
func (p *Python) Ask(question, answer any) error {
	b, err := json.Marshal(question)
	if err != nil {
		return err
	}
	if _, err := p.in.Write(append(b, '\n')); err != nil {
		return err
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("python3 has ended: %w", err)
	}
	return json.Unmarshal(line, answer)
}

// Outcome is what came out of a case.
type Outcome struct {
	Stdout, Stderr []byte
	Files          map[string][]byte
	Refused        []Trouble // configurations; step -1 is the first one
	Raised         []Trouble // log calls that raised an error
	Failed         []Failure // records that a handler could not write
	States         map[string]State
	Broken         string // the player itself failed
}

// Trouble is an error and its causes.
type Trouble struct {
	Step  int
	Texts []string
}

// Failure is an error inside a handler.
type Failure struct {
	Step                int
	Handler, Type, Text string
}

// State is what a logger is like at the end.
type State struct {
	Level, Effective    int
	Disabled, Propagate bool
	Handlers            []string
	Levels              []int
	Filters             int // 1 if it has any: two that are alike are one here
	Enabled             []int
}

// Play plays a case.
func (p *Python) Play(c *Case) (*Outcome, error) {
	o := new(Outcome)
	err := p.Ask(c, o)
	if err == nil && o.Broken != "" {
		err = fmt.Errorf("play.py: %s", o.Broken)
	}
	return o, err
}

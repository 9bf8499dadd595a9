package sinktest_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/girok/girok/sink/sinktest"
	"github.com/girok/girok/sink/table"
)

// breakVariable names the fault that the memory store has in a child process.
const breakVariable = "GIROK_SINKTEST_BREAK"

func newMemory(t *testing.T) sinktest.Place {
	p := &memoryPlace{positions: map[string]position{}, broken: os.Getenv(breakVariable)}
	places.Store(t.Name(), p)
	locked := func(f func()) {
		p.Lock()
		defer p.Unlock()
		f()
	}
	return sinktest.Place{
		Config: fmt.Sprintf("name: %q\ntable: logs\ncreate: true\n", t.Name()),
		Rows: func(testing.TB) (rows []map[string]any) {
			locked(func() {
				if p.table {
					rows = append([]map[string]any{}, p.rows...)
				}
			})
			return rows
		},
		DropTable:     func(testing.TB) { locked(func() { p.table, p.rows, p.columns = false, nil, nil }) },
		DropPositions: func(testing.TB) { locked(func() { clear(p.positions) }) },
		DropColumn: func(_ testing.TB, name string) {
			locked(func() {
				p.columns = slices.DeleteFunc(p.columns, func(c table.Column) bool { return c.Name == name })
			})
		},
		AddRequired: func(_ testing.TB, name string) { locked(func() { p.required = name }) },
	}
}

func TestMemory(t *testing.T) {
	sinktest.Run(t, sinktest.Subject{Kind: memory, Columns: true, New: newMemory})
}

// TestFaultsAreFound runs the suite on stores that break the contract in one
// way each; it must fail, and say why.
func TestFaultsAreFound(t *testing.T) {
	if os.Getenv(breakVariable) != "" {
		t.Skip("this is the child")
	}
	for fault, says := range map[string]string{
		"one position for all handlers": "a position belongs to (service, run, handler)",
		"known is not looked at":        "the destination was replaced",
		"claims one by one":             "changes nothing",
		"no owners":                     "the only one that may move",
		"forgets all":                   "and no others",
		"writes again":                  "nothing is doubled",
		"position is not compared":      "somebody else writes here",
		"half a batch is in":            "no batch that ever was",
		"good rows stay":                "nothing of the batch is in",
		"first bad row only":            "exactly the bad rows",
		"cancelled half way":            "nothing is doubled",
		"error after commit":            "Write",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestMemory$")
			cmd.Env = append(os.Environ(), breakVariable+"="+fault)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatal("the suite passes")
			}
			if !strings.Contains(string(out), says) {
				t.Errorf("the suite fails, but does not say %q:\n%.2000s", says, out)
			}
		})
	}
}

package collector

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/spool"
)

// What is left is told in one line, with the whole cause, and with a promise only
// where the next start is enough.
func TestLeft(t *testing.T) {
	const next, mended = "the next `girok run` delivers them", "a `girok run` delivers them once that is mended"
	for _, tt := range []struct {
		left girok.Backlog
		want string
	}{
		{girok.Backlog{State: spool.Delivering}, "wait for h; they are safe in the spool, and " + next},
		{girok.Backlog{State: spool.Delivering, Cause: "pid 7 delivers"}, "wait for h (pid 7 delivers); they are safe in the spool, and " + next},
		{girok.Backlog{State: spool.Retrying, Cause: "connection refused"}, "(retrying: connection refused); they are safe in the spool, and " + next},
		{girok.Backlog{State: spool.Refused, Cause: "the table lacks columns:\n  a int\n\n  b text\n"}, "(refused: the table lacks columns: a int; b text); they are safe in the spool, and " + mended + ", or `girok spool redirect` gives them to another place"},
		{girok.Backlog{State: spool.Refused, Cause: "no such class", Remedy: "mend it"}, "(refused: no such class); they are safe in the spool: mend it"},
		{girok.Backlog{State: spool.Fenced, Cause: "another owner"}, "(fenced: another owner); they are safe in the spool, and " + mended},
		{girok.Backlog{State: spool.Refused, Cause: "no", Memory: true}, "(refused: no); they were in memory only and are gone"},
	} {
		tt.left.Handler = "h"
		if got := Left(tt.left); !strings.HasSuffix(got, tt.want) || strings.Contains(got, "\n") {
			t.Errorf("got %q, want %q at its end", got, tt.want)
		}
	}
}

// A destination of which only an earlier process has said that it refuses is waited for;
// a machine that stands still has not waited.
func TestStandstill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var still standstill
		left := []girok.Backlog{{State: spool.Refused}}
		still.over(left)
		time.Sleep(2 * stuckTold) // nobody looks, and nobody delivers
		if still.over(left) {
			t.Error("it is given up at the second look")
		}
		begun := time.Now()
		for !still.over(left) {
			time.Sleep(lookEvery)
		}
		if took := time.Since(begun); took < stuckTold-10*lookEvery || took > 2*stuckTold {
			t.Errorf("it is given up after %v", took)
		}
		if still.over([]girok.Backlog{{State: spool.Delivering}}) || still.over(left) {
			t.Error("what moved again is given up")
		}
	})
}

package bigquery

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
	"github.com/girok/girok/store/bigquery/bqfake"
)

// kindOf is Kind with another mode, of which the suite asks what its class promises.
func kindOf(mode string, class sink.Class) sink.Kind {
	c := *Kind.Defaults().(*Config)
	c.Mode = mode
	return sink.Define("bigquery", mode, class, c, open)
}

// modes are the ways in beside the stream.
var modes = map[string]sink.Class{"load": sink.Name, "insert_all": sink.None}

func TestConformanceOfModes(t *testing.T) {
	s := fake(t)
	for mode, class := range modes {
		t.Run(mode, func(t *testing.T) {
			sinktest.Run(t, sinktest.Subject{Kind: kindOf(mode, class), Columns: true, New: conformance(s.REST(), s.GRPC())})
		})
	}
}

// jobOf is the job of a mark.
func jobOf(t testing.TB, m sink.Mark) string {
	var mk mark
	if err := json.Unmarshal(m, &mk); err != nil {
		t.Fatal(err)
	}
	return mk.Job
}

// onceLoad makes OnLoad and OnInsert say something once.
func onceLoad(f *bqfake.Server, err error) {
	var said atomic.Bool
	say := func() error {
		if said.Swap(true) {
			return nil
		}
		return err
	}
	f.OnLoad, f.OnInsert = func(string) error { return say() }, say
}

// Whatever becomes of an answer, by whoever the batch is sent again, it is in once. The
// fake knows insertIds for ever: that they come again is what is tried of insert_all.
func TestModesAndAnswersThatAreLost(t *testing.T) {
	for mode := range modes {
		for _, say := range []error{bqfake.ErrLost, bqfake.ErrBroken, errors.New("goes down")} {
			for _, killed := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %.20v, killed %v", mode, say, killed), func(t *testing.T) {
					mode := "mode: " + mode + "\n"
					f, c := fakeClient(t, mode)
					c.goesOn([]string{"a", "b"}, []string{"c", "d", "e"}, mode, killed, func() { onceLoad(f, say) })
					if want := 3; mode == "mode: load\n" && f.Jobs != want {
						t.Errorf("%d jobs, want %d", f.Jobs, want)
					}
				})
			}
		}
	}
}

// The name of a job that failed is burnt: the batch goes in with another one, also by a
// process that has only the journal.
func TestJobFails(t *testing.T) {
	for _, killed := range []bool{false, true} {
		f, c := fakeClient(t, "mode: load\n")
		b := c.batch("a", "b")
		var names []string
		for _, reason := range []string{"backendError", "internalError"} {
			onceLoad(f, &bqfake.JobError{Reason: reason, Message: "it went wrong"})
			var retry *sink.Retry
			if err := c.try(b); !errors.As(err, &retry) || !strings.Contains(err.Error(), "it went wrong") {
				t.Fatalf("got %v", err)
			}
			names = append(names, jobOf(t, c.mark))
			if killed {
				c.reopen("mode: load\n")
			}
		}
		c.send(b)
		c.want("a", "b")
		names = append(names, jobOf(t, c.last))
		if names[0] == names[1] || names[1] == names[2] || f.Jobs != 3 || f.FailedJobs() != 2 {
			t.Errorf("the jobs %v; %d were begun, of which %d failed", names, f.Jobs, f.FailedJobs())
		}
	}
}

// What the job's failure says decides what becomes of the batch.
func TestWhyJobsFail(t *testing.T) {
	f := fake(t)
	for reason, want := range map[string]string{
		"quotaExceeded": "*sink.Retry",
		"accessDenied":  "*sink.Refused",
		"notFound":      "*sink.Refused",
		"invalid":       "*sink.Reject",
		"stopped":       "*sink.Retry",
	} {
		c := newClient(t, f, "mode: load\n")
		onceLoad(f, &bqfake.JobError{Reason: reason, Message: "no"})
		if err := c.try(c.batch("a")); fmt.Sprintf("%T", err) != want {
			t.Errorf("%s: got %T %v", reason, err, err)
		}
		c.want()
	}
}

// A job that is under way is waited for, and not begun again by the next process.
func TestJobIsRunning(t *testing.T) {
	f, c := fakeClient(t, "mode: load\n")
	onceLoad(f, bqfake.ErrLost)
	b := c.batch("a", "b")
	c.fail(b)
	c.reopen("mode: load\n")
	f.RunningFor = 2
	c.send(b)
	c.want("a", "b")
	if f.Jobs != 1 {
		t.Errorf("%d jobs", f.Jobs)
	}
}

// Rows that only the server refuses: a job does not say which, insertAll does.
func TestBadRowsOfModes(t *testing.T) {
	for mode, rows := range map[string][]sink.RowError{"load": nil, "insert_all": {{Index: 1, Reason: "field n: invalid NUMERIC value"}}} {
		f, c := fakeClient(t, "mode: "+mode+"\n")
		c.numbers(f, "mode: "+mode+"\n")
		part := c.run.Part(sinktest.Log("a", slog.String("n", "1.5")), sinktest.Log("b", slog.String("n", "no number")), sinktest.Log("c"))
		err := c.try(sinktest.Batch("warehouse", part))
		var reject *sink.Reject
		if !errors.As(err, &reject) || fmt.Sprint(reject.Rows) != fmt.Sprint(rows) {
			t.Errorf("%s: got %v", mode, err)
		}
		c.mark = nil // refused: nothing of it is in
		c.want()
		c.send(c.batch("d"))
		c.want("d")
	}
}

// The mode is changed while it is not known whether a batch is in.
func TestModeChanges(t *testing.T) {
	for _, from := range []string{"stream", "load"} {
		for _, to := range []string{"stream", "load", "insert_all"} {
			for _, say := range []error{bqfake.ErrLost, bqfake.ErrBroken} {
				f, c := fakeClient(t, "mode: "+from+"\n")
				c.send(c.batch("a"))
				if from == "load" {
					onceLoad(f, say)
				} else {
					atAppend(f, 0, say)
				}
				b := c.batch("b", "c")
				c.fail(b)
				c.reopen("mode: " + to + "\n")
				c.send(b)
				c.send(c.batch("d"))
				if got := c.p.messages(t); got != "a b c d" {
					t.Errorf("from %s to %s after %v: the table has %s", from, to, say, got)
				}
			}
		}
	}
}

// The free tier takes no streaming: what helps is said.
func TestFreeTier(t *testing.T) {
	f, c := fakeClient(t, "")
	atAppend(f, 0, status.Error(codes.PermissionDenied, "Streaming insert is not allowed in the free tier"))
	var refused *sink.Refused
	if err := c.try(c.batch("a")); !errors.As(err, &refused) || !strings.Contains(refused.Remedy, "use mode: load") {
		t.Errorf("got %v", err)
	}
}

// Names of jobs are what BigQuery takes, and differ when their batches do.
func TestJobID(t *testing.T) {
	s := &store{ref: reference{"p", "d", "t"}, env: testEnv()}
	seen := map[string]bool{}
	for _, batch := range []string{"warehouse-1-4096-00ff", "ware.house-1-4096-00ff", "ware house-1-4096-00ff", "창고-1-4096-00ff", strings.Repeat("x", 3000)} {
		id := s.jobID(batch)
		for range 12 {
			if len(id) > 1024 || strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" || seen[id] {
				t.Errorf("the batch %.40s has the job %s", batch, id)
			}
			seen[id] = true
			id = nextJobID(id)
		}
	}
}

// What is absent under batch follows the mode.
func TestLimits(t *testing.T) {
	for yaml, want := range map[string]string{
		"":                      "{40000 16MiB 1s}",
		"mode: load\n":          "{500000 64MiB 5m}",
		"mode: insert_all\n":    "{500 4MiB 1s}",
		"batch: {records: 7}\n": "{7 16MiB 1s}",
		"mode: load\nbatch: {age: 1h, bytes: 1MiB}\n": "{500000 1MiB 1h}",
	} {
		if got := fmt.Sprint(sinktest.Decode(t, Kind, "table: d.t\n"+yaml).Limits()); got != want {
			t.Errorf("%q: got %s, want %s", yaml, got, want)
		}
	}
}

package bigquery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
	"github.com/girok/girok/store/bigquery/bqfake"
)

func fake(t testing.TB) *bqfake.Server {
	t.Helper()
	s := bqfake.New()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func TestConformanceOfTheFake(t *testing.T) {
	s := fake(t)
	sinktest.Run(t, sinktest.Subject{Kind: Kind, Columns: true, New: conformance(s.REST(), s.GRPC())})
}

// The same with batches that go in by many appends.
func TestConformanceOfSeveralAppends(t *testing.T) {
	s := fake(t)
	sinktest.Run(t, sinktest.Subject{Kind: Kind, Columns: true, New: func(t *testing.T) sinktest.Place {
		p := conformance(s.REST(), s.GRPC())(t)
		p.Config += "batch: {records: 128}\n"
		return p
	}})
}

// client does what deliver does with a sink: Prepare, journal, Write, again until it
// is in.
type client struct {
	*testing.T
	p    *place
	s    sink.Journaled
	run  *sinktest.Spool
	last sink.Mark // of the last batch that is in
	mark sink.Mark // in the journal

	partly *sink.Batch // a batch of which a part is in
	rest   *sink.Batch // what is not
}

// fakeClient is one of a fake of its own.
func fakeClient(t *testing.T, more string) (*bqfake.Server, *client) {
	t.Helper()
	f := fake(t)
	return f, newClient(t, f, more)
}

func newClient(t *testing.T, f *bqfake.Server, more string) *client {
	c := &client{T: t, p: newPlace(f.REST(), f.GRPC()), run: sinktest.NewRun(7)}
	c.open(more)
	return c
}

func (c *client) open(more string) {
	c.Helper()
	s, err := Kind.Open(ctx, testEnv(), sinktest.Decode(c, Kind, c.p.keys()+"create: true\n"+more))
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { s.Close() })
	c.s = s.(sink.Journaled)
}

// reopen is a new process after a kill.
func (c *client) reopen(more string) {
	c.s.Close()
	c.open(more)
}

// try sends a batch once, or what is not in of it.
func (c *client) try(b *sink.Batch) error {
	if b == c.partly {
		b = c.rest
	}
	b.Mark = c.mark
	mark, err := c.s.Prepare(ctx, b, c.last)
	if err == nil {
		c.mark, b.Mark = mark, mark
		err = c.s.Write(ctx, b)
	}
	var taken *sink.Taken
	if errors.As(err, &taken) {
		return c.goOn(b, taken)
	}
	if err == nil {
		c.last, c.mark = c.mark, nil
	}
	return err
}

// goOn notes that the first records of a batch are in.
func (c *client) goOn(b *sink.Batch, in *sink.Taken) error {
	c.Helper()
	if in.Items <= 0 || in.Items >= b.Len() {
		c.Fatalf("%d of %d records are in", in.Items, b.Len())
	}
	var items []sink.Item
	for i := in.Items; i < b.Len(); i++ {
		items = append(items, b.Item(i))
	}
	if b != c.rest {
		c.partly = b
	}
	c.rest = sink.NewBatch(b.Handler, fmt.Sprint(b.Name, "+", in.Items), b.Moves, items)
	c.last, c.mark = in.Mark, nil
	if in.Err == nil {
		return c.try(c.rest)
	}
	return in.Err
}

// send tries until the batch is in.
func (c *client) send(b *sink.Batch) {
	c.Helper()
	var err error
	for range 50 {
		if err = c.try(b); err == nil {
			return
		}
		var reject *sink.Reject
		var fenced *sink.Fenced
		if errors.As(err, &reject) || errors.As(err, &fenced) {
			break
		}
	}
	c.Fatal(err)
}

func (c *client) want(messages ...string) {
	c.Helper()
	if got := c.p.messages(c); got != strings.Join(messages, " ") {
		c.Errorf("the table has %q, want %q", got, messages)
	}
}

func (c *client) batch(messages ...string) *sink.Batch { return batch(c.run, messages...) }

// streamOf is the stream of a mark.
func streamOf(t testing.TB, m sink.Mark) string {
	var mk mark
	if err := json.Unmarshal(m, &mk); err != nil {
		t.Fatal(err)
	}
	return mk.Stream
}

// fail tries a batch, with which something has to go wrong.
func (c *client) fail(b *sink.Batch) {
	c.Helper()
	if c.try(b) == nil {
		c.Fatal("nothing went wrong")
	}
}

// fenced tries a batch until it is told that somebody else writes.
func (c *client) fenced(b *sink.Batch) {
	c.Helper()
	var err error
	var fenced *sink.Fenced
	for range 4 {
		if err = c.try(b); errors.As(err, &fenced) {
			return
		}
	}
	c.Errorf("got %v", err)
}

// goesOn has the second batch of three go wrong, and be sent again, by another process
// after a kill: each row is in once, in order.
func (c *client) goesOn(first, second []string, more string, killed bool, wrong func()) {
	c.Helper()
	c.send(c.batch(first...))
	wrong()
	b := c.batch(second...)
	c.fail(b)
	if killed {
		c.reopen(more)
	}
	c.send(b)
	c.send(c.batch("end"))
	c.want(slices.Concat(first, second, []string{"end"})...)
}

// onAppend asks at the n-th append from now on, counted from 0, what becomes of it.
func onAppend(f *bqfake.Server, n int, say func() error) {
	var count atomic.Int64
	f.OnAppend = func(string, int64) error {
		if count.Add(1) == int64(n)+1 {
			return say()
		}
		return nil
	}
}

// atAppend has the n-th append fail so.
func atAppend(f *bqfake.Server, n int, err error) {
	onAppend(f, n, func() error { return err })
}

// Whatever becomes of an answer, by whoever the batch is sent again, it is in once.
func TestAnswersThatAreLost(t *testing.T) {
	for _, say := range []error{
		bqfake.ErrLost, bqfake.ErrBroken, status.Error(codes.Unavailable, "goes down"), status.Error(codes.Aborted, "Closing the stream because it is inactive for 600 seconds."),
		status.Error(codes.Internal, "internal"), status.Error(codes.ResourceExhausted, "Exceeds 'AppendRows throughput' quota"),
	} {
		for _, killed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%.20v, killed %v", say, killed), func(t *testing.T) {
				f, c := fakeClient(t, "")
				c.goesOn([]string{"a", "b"}, []string{"c", "d", "e"}, "", killed, func() { atAppend(f, 0, say) })
			})
		}
	}
}

// A server that crashes and comes back knows its streams.
func TestServerCrashes(t *testing.T) {
	f, c := fakeClient(t, "")
	c.send(c.batch("a"))
	f.Stop()
	b := c.batch("b")
	c.fail(b)
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	c.send(b)
	c.want("a", "b")
	if f.Appends != 2 {
		t.Errorf("%d appends", f.Appends)
	}
}

// A stream that is ended, by whoever, tells whether the batch is in; the next goes to
// a new one.
func TestStreamIsFinalized(t *testing.T) {
	for _, lost := range []bool{false, true} {
		f, c := fakeClient(t, "")
		c.send(c.batch("a"))
		b := c.batch("b", "c")
		if lost {
			atAppend(f, 0, bqfake.ErrLost)
			c.fail(b)
		}
		f.FinalizeAll()
		before := streamOf(t, c.last)
		c.send(b)
		c.send(c.batch("d"))
		c.want("a", "b", "c", "d")
		if streamOf(t, c.last) == before {
			t.Error("the ended stream goes on")
		}
	}
}

// When BigQuery has forgotten the stream the table is asked.
func TestStreamIsForgotten(t *testing.T) {
	for _, lost := range []bool{false, true} {
		f, c := fakeClient(t, "")
		c.send(c.batch("a"))
		b := c.batch("b", "c")
		if lost {
			atAppend(f, 0, bqfake.ErrLost)
			c.fail(b)
			c.reopen("")
		}
		f.ForgetStreams()
		c.send(b)
		c.send(c.batch("d"))
		c.want("a", "b", "c", "d")
	}
}

// Without record_id nobody can tell; that is said, and nothing is sent.
func TestStreamIsForgottenAndNobodyCanTell(t *testing.T) {
	f := fake(t)
	const columns = "columns: {message: message}\nrest: drop\n"
	c := newClient(t, f, columns)
	b := c.batch("a")
	atAppend(f, 0, bqfake.ErrLost)
	c.fail(b)
	f.ForgetStreams()
	var refused *sink.Refused
	for range 3 {
		if err := c.try(b); errors.As(err, &refused) {
			break
		}
	}
	if refused == nil || !strings.Contains(refused.Error(), "nobody can tell whether the last batch, of 1 rows, is in") {
		t.Errorf("got %v", refused)
	}
	c.want("a")
}

// Two copies of one spool: the second to write is stopped, and nothing is doubled.
func TestTwoCopiesOfOneSpool(t *testing.T) {
	_, c := fakeClient(t, "")
	c.send(c.batch("a"))
	other := *c
	other.open("")
	c.send(c.batch("b"))
	var fenced *sink.Fenced
	if err := other.try(c.batch("x")); !errors.As(err, &fenced) {
		t.Errorf("the copy got %v", err)
	}
	c.want("a", "b")
}

// The same after an answer that was lost: rows of somebody else are not taken for the
// batch's own, nor when they are between the edges of its appends.
func TestTwoCopiesAndALostAnswer(t *testing.T) {
	for _, c := range []struct {
		more         string
		mine, others []string
	}{
		{"", []string{"b", "c"}, []string{"x"}},
		{twos, numbered(0, 15), []string{"x", "y", "z"}},
	} {
		t.Run(fmt.Sprint(len(c.mine), " rows"), func(t *testing.T) {
			f, one := fakeClient(t, c.more)
			one.send(one.batch("a"))
			other := *one
			other.open(c.more)
			b := one.batch(c.mine...)
			atAppend(f, 0, bqfake.ErrBroken)
			one.fail(b)
			other.send(one.batch(c.others...))
			one.fenced(b)
			one.want(append([]string{"a"}, c.others...)...)
		})
	}
}

// Bad rows are named by the server; nothing of their append is in.
func TestBadRows(t *testing.T) {
	f, c := fakeClient(t, "")
	c.numbers(f, "")
	part := c.run.Part(sinktest.Log("a", slog.String("n", "1.5")), sinktest.Log("b", slog.String("n", "no number")), sinktest.Log("c"))
	err := c.try(sinktest.Batch("warehouse", part))
	var reject *sink.Reject
	if !errors.As(err, &reject) || len(reject.Rows) != 1 || reject.Rows[0].Index != 1 {
		t.Fatalf("got %v", err)
	}
	c.mark = nil // refused: nothing of it is in
	c.want()
	c.send(c.batch("d"))
	c.want("d")
}

// What refuses is told with what to do; it heals.
func TestRefusals(t *testing.T) {
	for code, want := range map[codes.Code]string{
		codes.PermissionDenied: "BigQuery Data Editor",
		codes.Unauthenticated:  "mend key_file",
	} {
		f, c := fakeClient(t, "")
		atAppend(f, 0, status.Error(code, "no"))
		b := c.batch("a")
		var refused *sink.Refused
		if err := c.try(b); !errors.As(err, &refused) || !strings.Contains(refused.Remedy, want) {
			t.Errorf("%v: got %v", code, err)
		}
		c.send(b)
		c.want("a")
	}
}

// An answer that never comes is not waited for for ever.
func TestCancelled(t *testing.T) {
	f, c := fakeClient(t, "")
	hold := make(chan struct{})
	defer close(hold)
	f.OnAppend = func(string, int64) error { <-hold; return nil }
	b := c.batch("a")
	mark, err := c.s.Prepare(ctx, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Mark = mark
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if err := c.s.Write(short, b); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

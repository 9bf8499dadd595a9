package bigquery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/girok/girok"
	"github.com/girok/girok/deliver"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
	"github.com/girok/girok/spool"
	"github.com/girok/girok/store/bigquery/bqfake"
)

// twos are batches whose appends have two rows each.
const twos = "batch: {records: 16}\n"

// numbered are the messages from..to-1.
func numbered(from, to int) (list []string) {
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprint("m", i))
	}
	return list
}

// A batch goes in by several appends, in its order, also if it is more than are under
// way at a time.
func TestSeveralAppends(t *testing.T) {
	f, c := fakeClient(t, twos)
	at := 0
	for _, n := range []int{1, 2, 15, 16, 41, 3} {
		f.Appends = 0
		c.send(c.batch(numbered(at, at+n)...))
		if at += n; f.Appends != (n+1)/2 {
			t.Errorf("%d rows went in by %d appends", n, f.Appends)
		}
	}
	c.want(numbered(0, at)...)
}

// Whatever becomes of one of several appends that are under way, and by whoever the batch
// is sent again, each row is in once, in order.
func TestOneOfSeveralAppendsFails(t *testing.T) {
	for _, say := range []error{
		bqfake.ErrLost, bqfake.ErrSilent, bqfake.ErrBroken, status.Error(codes.Unavailable, "goes down"), status.Error(codes.Internal, "internal"),
		&bqfake.Refusal{Code: codes.Internal, Message: "internal"}, &bqfake.Refusal{Code: codes.ResourceExhausted, Message: "quota"},
	} {
		for at := range 8 {
			for _, killed := range []bool{false, true} {
				t.Run(fmt.Sprintf("%.20v at %d, killed %v", say, at, killed), func(t *testing.T) {
					f, c := fakeClient(t, twos)
					c.goesOn(numbered(0, 3), numbered(3, 18), twos, killed, func() { atAppend(f, at, say) })
				})
			}
		}
	}
}

// The server crashes between two appends, and comes back.
func TestServerCrashesBetweenAppends(t *testing.T) {
	for at := range 8 {
		f, c := fakeClient(t, twos)
		back := make(chan error, 1)
		onAppend(f, at, func() error {
			f.Stop()
			back <- f.Start()
			return bqfake.ErrBroken
		})
		b := c.batch(numbered(0, 15)...)
		c.fail(b)
		if err := <-back; err != nil {
			t.Fatal(err)
		}
		c.send(b)
		c.send(c.batch("end"))
		c.want(append(numbered(0, 15), "end")...)
	}
}

// An append is refused for a while, and when it is sent again its answer is lost: its
// stream is asked, for the refusal was of the time before.
func TestRefusedAndThenLost(t *testing.T) {
	f, c := fakeClient(t, twos)
	b := c.batch(numbered(0, 5)...)
	atAppend(f, 0, &bqfake.Refusal{Code: codes.Internal, Message: "internal"})
	c.fail(b)
	before := streamOf(t, c.mark)
	atAppend(f, 0, bqfake.ErrLost)
	c.fail(b)
	if streamOf(t, c.mark) != before {
		t.Error("a stream of which nothing was in doubt was left")
	}
	c.send(b)
	c.want(numbered(0, 5)...)
}

// What is behind a refused append is refused, too, and that is not taken for anything
// else: the stream goes on behind what is in.
func TestStreamGoesOnBehindARefusal(t *testing.T) {
	f, c := fakeClient(t, twos)
	b := c.batch(numbered(0, 15)...)
	atAppend(f, 3, &bqfake.Refusal{Code: codes.Internal, Message: "internal"})
	err := c.try(b)
	var retry *sink.Retry
	if !errors.As(err, &retry) || !strings.Contains(err.Error(), "internal") || c.rest.Len() != 9 {
		t.Fatalf("got %v with %d rows left", err, c.rest.Len())
	}
	stream := streamOf(t, c.last)
	c.send(b)
	c.want(numbered(0, 15)...)
	if streamOf(t, c.last) != stream {
		t.Error("the stream was left")
	}
}

// numeric is a column that the table has as NUMERIC, so that it refuses what is none.
const numeric = "columns: {message: message, n: {from: attr.n, type: string}}\nrest: drop\n"

// numbers makes a table with that column, and opens it.
func (c *client) numbers(f *bqfake.Server, more string) {
	c.s.Close()
	c.p = numberPlace(c, f)
	c.open(more + numeric)
}

func numberPlace(t testing.TB, f *bqfake.Server) *place {
	p := newPlace(f.REST(), f.GRPC())
	p.make(t, "message STRING, n NUMERIC")
	return p
}

// config is a program's configuration with that table, of which records are called name.
func (p *place) config(dir, name, batch string) []byte {
	keys := strings.ReplaceAll(strings.TrimSpace("class: bigquery\nbatch: "+batch+"\n"+numeric+p.keys()), "\n", "\n    ")
	return fmt.Appendf(nil, "version: 1\nservice: %s\nspool: {dir: %s}\nroot: {level: INFO, handlers: [warehouse]}\nhandlers:\n  warehouse:\n    %s\n", name, dir, keys)
}

// numberedBad are records of which some are bad.
func numberedBad(n int, bad ...int) (list []sinktest.Record) {
	for i := range n {
		number := "1.5"
		if slices.Contains(bad, i) {
			number = "none"
		}
		list = append(list, sinktest.Log(fmt.Sprint("m", i), slog.String("n", number)))
	}
	return list
}

// Bad rows of some append: those before are in, and the rows that are named are counted
// from there.
func TestBadRowsOfOneOfSeveralAppends(t *testing.T) {
	for _, c := range []struct {
		bad   []int
		in    int
		named []int // nil: none, for nobody knows of the others
	}{
		{[]int{0}, 0, []int{0}},
		{[]int{1, 14}, 0, []int{1}},
		{[]int{0, 1}, 0, nil},
		{[]int{7}, 6, []int{1}},
		{[]int{6, 7, 8, 9}, 6, []int{0, 1}},
		{[]int{14}, 14, []int{0}},
	} {
		f, cl := fakeClient(t, twos)
		cl.numbers(f, twos)
		b := sinktest.Batch("warehouse", cl.run.Part(numberedBad(15, c.bad...)...))
		err := cl.try(b)
		var reject *sink.Reject
		if !errors.As(err, &reject) {
			t.Fatalf("%v: got %v", c.bad, err)
		}
		var named []int
		for _, r := range reject.Rows {
			named = append(named, r.Index)
		}
		left := 15
		if cl.rest != nil {
			left = cl.rest.Len()
		}
		if 15-left != c.in || !slices.Equal(named, c.named) {
			t.Errorf("%v: %d are in, and %v are named; want %d and %v", c.bad, 15-left, named, c.in, c.named)
		}
		cl.want(numbered(0, c.in)...)
	}
}

// A server that ends the connection when it refuses an append, so that those behind it
// have no answer, is asked once more, with one append at a time.
func TestServerHangsUpAfterARefusal(t *testing.T) {
	for _, bad := range []int{0, 1, 7, 14} {
		f, c := fakeClient(t, twos)
		c.numbers(f, twos)
		f.HangsUp = true
		b := sinktest.Batch("warehouse", c.run.Part(numberedBad(15, bad)...))
		var reject *sink.Reject
		err := c.try(b)
		if !errors.As(err, &reject) {
			err = c.try(b)
			errors.As(err, &reject)
		}
		in := bad - bad%2
		if reject == nil || len(reject.Rows) != 1 || reject.Rows[0].Index != bad-in {
			t.Errorf("%d: got %v", bad, err)
		}
		c.want(numbered(0, in)...)
	}
}

// When BigQuery has forgotten the stream the table says how many appends are in.
func TestStreamIsForgottenWithAPartIn(t *testing.T) {
	for at := range 8 {
		f, c := fakeClient(t, twos)
		c.send(c.batch("a"))
		atAppend(f, at, bqfake.ErrLost)
		b := c.batch(numbered(0, 15)...)
		c.fail(b)
		c.reopen(twos)
		f.ForgetStreams()
		c.send(b)
		c.want(append([]string{"a"}, numbered(0, 15)...)...)
	}
}

// A part of a batch is in, and the spool has lost some of its records: the table says
// which of the others are in.
func TestPartialBatchWithAPartIn(t *testing.T) {
	for _, gone := range []int{5, 8, 10, 15} {
		f, c := fakeClient(t, twos)
		atAppend(f, 3, bqfake.ErrLost) // 8 are in
		var records []sinktest.Record
		for _, m := range numbered(0, 15) {
			records = append(records, sinktest.Log(m))
		}
		part := c.run.Part(records...)
		whole := sinktest.Batch("warehouse", part)
		c.fail(whole)
		c.reopen(twos)
		var without []int
		for i := range gone {
			without = append(without, i)
		}
		left := sinktest.Batch("warehouse", part.Without(without...))
		left.Name, left.Partial = whole.Name, true
		c.send(left)
		c.want(append(numbered(0, 8), numbered(max(gone, 8), 15)...)...)
	}
}

// A journal of before a batch had several appends is understood: its batch is in, or not.
func TestMarkWithoutEdges(t *testing.T) {
	f, c := fakeClient(t, twos)
	b := c.batch(numbered(0, 5)...)
	atAppend(f, 2, bqfake.ErrLost)
	c.fail(b)
	var m mark
	if err := json.Unmarshal(c.mark, &m); err != nil || !slices.Equal(m.Edges, []int64{2, 4}) {
		t.Fatalf("the mark %s, %v", c.mark, err)
	}
	m.Edges = nil
	c.mark, _ = json.Marshal(m)
	c.reopen(twos)
	c.send(b)
	c.want(numbered(0, 5)...)
}

// An answer that does not come in the middle of a batch is given up; what is in stays,
// and the next appends have fewer rows, until answers come quickly.
func TestLateAnswerOfOneOfSeveral(t *testing.T) {
	t.Parallel() // it waits for all the time that an answer has
	f, c := fakeClient(t, twos)
	st := c.s.(*store)
	st.pace.first = 10 * time.Second // those before it come in time, however busy the machine is
	hold := make(chan struct{})
	onAppend(f, 3, func() error { <-hold; return bqfake.ErrBroken })
	b := c.batch(numbered(0, 15)...)
	var late *lateError
	if err := c.try(b); !errors.As(err, &late) || st.pace.most != 1 || st.pace.late != 1 {
		t.Fatalf("got %v, %+v", err, st.pace)
	}
	close(hold)
	st.pace.first = time.Minute
	c.send(b)
	c.want(numbered(0, 15)...)
	if f.Appends != 3+9 || st.pace.most == 1 {
		t.Errorf("%d appends, %+v", f.Appends, st.pace)
	}
}

// A batch whose rows are too large for an append goes in by several; one that takes too
// much memory, or would have too many appends, is split by deliver.
func TestLargeBatches(t *testing.T) {
	f := fake(t)
	c := newClient(t, f, "batch: {bytes: 1MiB}\n") // appends of 256 KiB
	var messages []string
	for i := range 700 {
		messages = append(messages, strings.Repeat("x", 100_000)+fmt.Sprint(i))
	}
	c.send(c.batch(messages[:9]...))
	if got := c.p.messages(t); got != strings.Join(messages[:9], " ") {
		t.Errorf("the table has %d bytes", len(got))
	}
	if f.Appends != 5 {
		t.Errorf("%d appends", f.Appends)
	}
	var reject *sink.Reject
	if err := c.try(c.batch(messages...)); !errors.As(err, &reject) || reject.Rows != nil {
		t.Errorf("got %v", err)
	}
	c.reopen(twos)
	reject = nil
	if err := c.try(c.batch(numbered(0, 2*maxPieces+1)...)); !errors.As(err, &reject) || reject.Rows != nil {
		t.Errorf("got %v", err)
	}
}

// TestSeveralAppendsDelivered: records, some of them bad, go the whole way while appends
// fail in every way, and processes end. Good ones are in the table once, in order; bad
// ones are letters.
func TestSeveralAppendsDelivered(t *testing.T) {
	for i := range 4 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel() // most of its time it waits before it tries again
			severalDelivered(t, seed, i%2 == 1)
		})
	}
}

func severalDelivered(t *testing.T, seed uint64, hangsUp bool) {
	f := fake(t)
	f.HangsUp = hangsUp
	p := numberPlace(t, f)
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 0))
	odds := 40
	f.OnAppend = func(string, int64) error {
		mu.Lock()
		defer mu.Unlock()
		say := []error{bqfake.ErrLost, bqfake.ErrSilent, bqfake.ErrBroken, &bqfake.Refusal{Code: codes.Internal, Message: "internal"}}
		if i := rng.IntN(odds); i < len(say) {
			return say[i]
		}
		return nil
	}
	dir := t.TempDir()
	var good, bad []string
	n := 0
	for life := range 4 {
		logs, err := girok.OpenBytes("several", p.config(dir, "several", "{records: 64, age: 20ms}"), Kind)
		if err != nil {
			t.Fatal(err)
		}
		log := logs.Logger("several")
		for range 300 {
			number := "1.5"
			message := fmt.Sprintf("%d.%d", life, n)
			if n++; n%50 > 47 {
				number = "none"
				bad = append(bad, message)
			} else {
				good = append(good, message)
			}
			log.LogAttrs(ctx, slog.LevelInfo, message, slog.String("n", number))
		}
		if life == 3 {
			mu.Lock()
			odds = 1 << 30
			mu.Unlock()
			if err := logs.Flush(ctx); err != nil {
				t.Error(err)
			}
		}
		if err := logs.Close(); err != nil && life == 3 {
			t.Error(err)
		}
	}
	got := strings.Fields(p.messages(t))
	slices.SortStableFunc(got, func(a, b string) int { return int(a[0]) - int(b[0]) }) // each life is a run
	if !slices.Equal(got, good) {
		t.Errorf("the table has %d rows, want %d: %v", len(got), len(good), got)
	}
	letters, err := deliver.Letters(filepath.Join(dir, "several"))
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	var v record.View
	for _, l := range letters {
		if err := v.Parse(l.Frame); err != nil {
			t.Fatal(err)
		}
		told = append(told, string(v.Message))
	}
	slices.Sort(told)
	slices.Sort(bad)
	if !slices.Equal(told, bad) {
		t.Errorf("letters %v, want %v", told, bad)
	}
}

// When BigQuery refuses every row alike it is the table, also where it was asked about the
// rows of one append only: nothing is set aside, and all of it goes in once that is mended.
func TestEveryRowIsRefused(t *testing.T) {
	f := fake(t)
	p := numberPlace(t, f)
	dir := t.TempDir()
	log := func(lives bool) (state spool.State) {
		logs, err := girok.OpenBytes("table", p.config(dir, "table", "{records: 256, age: 50ms}"), Kind)
		if err != nil {
			t.Fatal(err)
		}
		defer logs.Close()
		if lives {
			for i := range 200 {
				logs.Logger("table").LogAttrs(ctx, slog.LevelInfo, fmt.Sprint("m", i), slog.String("n", "none"))
			}
		}
		patient, cancel := context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
		for patient.Err() == nil {
			for _, h := range logs.Stats().Handlers {
				state = h.State
			}
			if lives && state == spool.Refused || !lives && len(strings.Fields(p.messages(t))) == 200 {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		return state
	}
	if state := log(true); state != spool.Refused {
		t.Errorf("the handler is %v", state)
	}
	letters, err := deliver.Letters(filepath.Join(dir, "table"))
	if err != nil || len(letters) > 0 {
		t.Errorf("%d letters, %v", len(letters), err)
	}
	p.retype(f, "n", "STRING")
	log(false)
	if got := p.messages(t); got != strings.Join(numbered(0, 200), " ") {
		t.Errorf("the table has %s", got)
	}
}

// retype gives a column of the table another type.
func (p *place) retype(f *bqfake.Server, column, typ string) {
	fields := f.Table(project, p.dataset, "logs").Resource["schema"].(map[string]any)["fields"].([]any)
	for _, fd := range fields {
		if m := fd.(map[string]any); m["name"] == column {
			m["type"] = typ
		}
	}
}

package sinktest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

func logs(prefix string, n int) (records []Record, want map[string]int) {
	want = map[string]int{}
	for i := range n {
		m := fmt.Sprintf("%s-%d", prefix, i)
		records = append(records, Log(m, slog.Int("n", i), slog.String("trace_id", "abc")))
		want[m] = 1
	}
	return records, want
}

const forGood = "Write returns nil only when the destination has the whole batch for good, each record once"

func testWrite(f *fixture) {
	s, r := f.opened("")
	want := map[string]int{}
	for i, n := range []int{1, 2, 24, 25, 26, 1003} {
		records, w := logs(fmt.Sprint("b", i), n)
		f.write(s, Batch(f.env.Handler, r.Part(records...)))
		for k, v := range w {
			want[k] = v
		}
	}
	f.wantMessages(forGood, want)
	if err := s.Close(); err != nil {
		f.Errorf("Close: %v", err)
	}
	f.wantMessages("what Write returned nil for is still there after Close", want)
	seen := map[string]bool{}
	for _, row := range f.place.Rows(f) {
		id := asText(row["record_id"])
		if id == "" {
			continue
		}
		if seen[id] || len(id) != record.IDLength {
			f.breach("record_id names one record: 26 characters, never twice", "id %q", id)
		}
		seen[id] = true
	}
}

func testEmpty(f *fixture) {
	s, r := f.opened("")
	f.write(s, Batch(f.env.Handler, r.Part()))
	records, want := logs("after", 3)
	f.write(s, Batch(f.env.Handler, r.Part(records...)))
	f.wantMessages("a batch without records still moves its positions, and the next one begins there", want)
	f.write(s, sink.NewBatch(f.env.Handler, "nothing", nil, nil))
}

func testRuns(f *fixture) {
	s := f.open("")
	var runs []*Spool
	var parts []Part
	want := map[string]int{}
	for i := range 9 {
		r := NewRun(record.RunID(0x2000 + i))
		r.Origin.Host = fmt.Sprint("host", i)
		runs = append(runs, r)
	}
	f.claim(s, "owner-1", runs...)
	for i, r := range runs {
		records, w := logs(fmt.Sprint("run", i), 7*i)
		parts = append(parts, r.Part(records...))
		for k, v := range w {
			want[k] = v
		}
	}
	b := Batch(f.env.Handler, parts...)
	f.write(s, b)
	if f.s.Kind.Class() != sink.None {
		f.write(s, b)
	}
	f.wantMessages("a batch has ranges of many runs; all of them move together", want)
	for _, row := range f.place.Rows(f) {
		host, known := row["host"]
		if m := asText(row["message"]); known && asText(host) != "host"+m[3:4] {
			f.breach("each record has the origin of its own run", "message %s has host %v", m, host)
		}
	}
}

func testAgain(f *fixture) {
	const contract = "Write may be called again with the identical batch, after an error and after a crash that hid the answer: nothing is doubled"
	s, r := f.opened("")
	records, want := logs("a", 40)
	b := Batch(f.env.Handler, r.Part(records...))
	for range 3 {
		if err := f.send(context.Background(), s, b); err != nil {
			f.breach(contract, "Write of a batch that is in: %v", err)
		}
	}
	f.wantMessages(contract, want)
	s.Close()
	s = f.open("") // as a process that was killed after the answer was lost
	f.claim(s, "owner-1", r)
	if err := f.send(context.Background(), s, b); err != nil {
		f.breach(contract, "Write of a batch that is in, by a new process: %v", err)
	}
	f.wantMessages(contract, want)
}

func testCancelled(f *fixture) {
	const contract = "a Write that ends with an error has written nothing, or all of it: the batch is sent again and nothing is doubled"
	s, r := f.opened("")
	records, want := logs("c", 300)
	b := Batch(f.env.Handler, r.Part(records...))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := f.send(ctx, s, b); err == nil {
		f.wantMessages(contract, want)
	} else if !errors.Is(err, context.Canceled) {
		f.breach("a cancelled context gives its error, so that nobody takes it for a fault of the destination", "got %T: %v", err, err)
	}
	for after := range 4 {
		if err := f.send(&countdown{Context: context.Background(), left: after}, s, b); err == nil {
			break
		}
		if n := len(f.place.Rows(f)); n != 0 && n != len(want) && f.s.Kind.Class() != sink.File {
			f.breach(contract, "%d of %d rows are in", n, len(want))
		}
	}
	if f.s.Kind.Class() == sink.None {
		return
	}
	f.write(s, b)
	f.wantMessages(contract, want)
}

// countdown is a context that is cancelled when it was looked at so many times.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

func testTexts(f *fixture) {
	s, r := f.opened("")
	texts := map[string]string{
		"":                              "",
		"plain":                         "plain",
		"한국어 🎈 e\u0301 \u200b":          "한국어 🎈 e\u0301 \u200b",
		"quotes ' \" ` \\ ; -- \n\t":    "quotes ' \" ` \\ ; -- \n\t",
		"bad \xff utf-8 \xc3(":          "bad \uFFFD utf-8 \uFFFD(",
		strings.Repeat("long ", 20_000): strings.Repeat("long ", 20_000),
		"{\"a\":1}":                     "{\"a\":1}",
		"12":                            "12",
		"1.50":                          "1.50",
		"NULL":                          "NULL",
	}
	nul := "nul \uFFFD byte"
	if f.s.NUL {
		nul = "nul \x00 byte"
	}
	texts["nul \x00 byte"] = nul
	var records []Record
	want := map[string]int{}
	for in, out := range texts {
		rec := Log(in)
		rec.Logger = in[:min(len(in), 1000)]
		records = append(records, rec)
		want[out] = 1
	}
	f.write(s, Batch(f.env.Handler, r.Part(records...)))
	f.wantMessages("text arrives as it was given; bytes that are not UTF-8, and NUL where the place can't hold it, become U+FFFD", want)
}

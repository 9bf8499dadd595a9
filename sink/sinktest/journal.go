package sinktest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/girok/girok/sink"
)

// journal is what deliver would have on the disk for a Journaled sink.
type journal struct {
	name string    // of the batch that was begun last
	mark sink.Mark // its mark
	in   bool      // Write has returned nil for it
	last sink.Mark // of the batch before it

	taken string      // a batch of which a part is in
	rest  *sink.Batch // what of it is not
}

// send does what deliver does with a batch.
func (f *fixture) send(ctx context.Context, s sink.Sink, b *sink.Batch) error {
	j, ok := s.(sink.Journaled)
	if !ok {
		return s.Write(ctx, b)
	}
	part, err := f.prepare(ctx, j, b)
	if err != nil {
		return err
	}
	err = j.Write(ctx, part)
	var taken *sink.Taken
	if errors.As(err, &taken) {
		if f.take(b.Name, part, taken); taken.Err == nil {
			return f.send(ctx, s, b)
		}
		return taken.Err
	}
	f.journal.in = f.journal.in || err == nil
	return err
}

// take notes that the first records of a batch, or of what is left of it, are in.
func (f *fixture) take(name string, b *sink.Batch, taken *sink.Taken) {
	f.Helper()
	if taken.Items <= 0 || taken.Items >= b.Len() {
		f.Fatalf("%d of %d records are said to be in", taken.Items, b.Len())
	}
	var items []sink.Item
	for i := taken.Items; i < b.Len(); i++ {
		items = append(items, b.Item(i))
	}
	f.journal = journal{last: taken.Mark, taken: name, rest: sink.NewBatch(b.Handler, fmt.Sprint(b.Name, "+", taken.Items), b.Moves, items)}
}

// prepare is send up to the journal.
func (f *fixture) prepare(ctx context.Context, j sink.Journaled, batch *sink.Batch) (*sink.Batch, error) {
	next := f.journal
	b := *batch
	if next.taken == batch.Name {
		b = *next.rest
	}
	if next.name == b.Name {
		b.Mark = next.mark
	} else {
		if next.in {
			next.last = next.mark
		}
		next.name, next.in = b.Name, false
	}
	mark, err := j.Prepare(ctx, &b, next.last)
	var taken *sink.Taken
	if errors.As(err, &taken) && taken.Err == nil {
		f.take(batch.Name, &b, taken)
		return f.prepare(ctx, j, batch)
	}
	if err != nil {
		return nil, err
	}
	next.mark = mark
	f.journal = next
	b.Mark = mark
	return &b, nil
}

func runFile(run func(string, func(*fixture))) {
	run("crashes", testCrashes)
	run("torn", testTorn)
	run("partial", testPartial)
	run("journal model", testJournalModel)
}

// reopen is a new process after a kill: Close stands for the kill, for it frees
// and nothing more.
func (f *fixture) reopen(s sink.Sink) sink.Journaled {
	f.Helper()
	if err := s.Close(); err != nil {
		f.Fatalf("Close: %v", err)
	}
	return f.journaled()
}

func (f *fixture) journaled() sink.Journaled {
	f.Helper()
	j, ok := f.open("").(sink.Journaled)
	if !ok {
		f.Fatal("the kind is of class file or name, but its sink has no Prepare")
	}
	return j
}

const onceWherever = "a batch that is in the journal comes again after a crash, wherever that was, and each of its records is there once"

func testCrashes(f *fixture) {
	ctx := context.Background()
	s, r, all := f.journaled(), NewRun(1), map[string]int{}
	for round, when := range []string{
		"before the journal", "before Write", "after Write", "after the note", "twice before Write", "nowhere",
	} {
		records, want := logs(fmt.Sprint("c", round), 20+round)
		b := Batch(f.env.Handler, r.Part(records...))
		for k := range want {
			all[k] = 1
		}
		switch when {
		case "before the journal":
			before := f.journal
			if _, err := f.prepare(ctx, s, b); err != nil {
				f.Fatalf("Prepare: %v", err)
			}
			f.journal = before
			s = f.reopen(s)
		case "before Write", "twice before Write":
			for range 1 + round/4 {
				if _, err := f.prepare(ctx, s, b); err != nil {
					f.Fatalf("Prepare: %v", err)
				}
				s = f.reopen(s)
			}
		case "after Write":
			f.write(s, b)
			s = f.reopen(s)
		case "after the note":
			f.write(s, b)
			f.journal.last, f.journal.name = f.journal.mark, ""
			s = f.reopen(s)
			continue
		}
		f.write(s, b)
		f.wantMessages(onceWherever+" ("+when+")", all)
		if f.Failed() {
			return
		}
	}
	f.wantMessages(onceWherever, all)
}

func testTorn(f *fixture) {
	if f.place.Tear == nil {
		f.Skip("the subject has no Tear")
	}
	s, r, all := f.journaled(), NewRun(1), map[string]int{}
	for _, n := range []int{1, 2, 100, 1000, 3000} {
		records, want := logs(fmt.Sprint("t", n), 50)
		b := Batch(f.env.Handler, r.Part(records...))
		for k := range want {
			all[k] = 1
		}
		f.write(s, b)
		f.place.Tear(f, n)
		if n%3 != 0 { // else it is the same process, which saw an error
			s = f.reopen(s)
		}
		f.write(s, b)
		f.wantMessages(fmt.Sprintf("%s (the last %d bytes were torn off)", onceWherever, n), all)
		if f.Failed() {
			return
		}
	}
}

func testPartial(f *fixture) {
	const contract = "what is left of a batch when the spool has lost some of it comes with Partial: what is left is there once, and what was in stays"
	s, r := f.journaled(), NewRun(1)
	for round, torn := range []int{0, 700, 1 << 20} {
		records, want := logs(fmt.Sprint("p", round), 20)
		part := r.Part(records...)
		whole := Batch(f.env.Handler, part)
		b, err := f.prepare(context.Background(), s, whole)
		if err != nil {
			f.Fatalf("Prepare: %v", err)
		}
		before := len(f.place.Rows(f))
		if torn < 1<<20 { // else nothing was written
			if err := s.Write(context.Background(), b); err != nil {
				f.Fatalf("Write: %v", err)
			}
			if torn > 0 && f.place.Tear != nil {
				f.place.Tear(f, torn)
			}
		}
		s = f.reopen(s)
		kept := len(f.place.Rows(f)) - before
		const gone = 15
		left := Batch(f.env.Handler, part.Without(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14))
		left.Name, left.Partial = whole.Name, true
		f.write(s, left)
		rows := f.place.Rows(f)[before:]
		seen := map[string]int{}
		for _, row := range rows {
			seen[asText(row["message"])]++
		}
		for i, rec := range records {
			if n := seen[rec.Message]; n > 1 || i >= gone && n == 0 {
				f.breach(contract, "record %d of %d is there %d times", i, len(records), n)
			}
		}
		if most := max(kept, len(want)-gone); len(rows) < most {
			f.breach(contract, "%d rows, want at least %d", len(rows), most)
		}
	}
}

// testJournalModel writes, tears, crashes and cancels in random order.
func testJournalModel(f *fixture) {
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	s, r, all := f.journaled(), NewRun(1), map[string]int{}
	var steps []string
	defer func() {
		if f.Failed() {
			f.Logf("seed %d, steps: %v", seed, steps)
		}
	}()
	for round := range 40 {
		records, want := logs(fmt.Sprint("m", round), rng.IntN(60))
		b := Batch(f.env.Handler, r.Part(records...))
		for k := range want {
			all[k] = 1
		}
		for done := false; !done; {
			step := []string{"write", "write", "tear", "crash", "cancel", "begin"}[rng.IntN(6)]
			steps = append(steps, step)
			switch step {
			case "write":
				f.write(s, b)
				done = true
			case "tear":
				f.write(s, b)
				if f.place.Tear != nil && len(records) > 0 {
					f.place.Tear(f, rng.IntN(40*len(records)))
					f.journal.in = false
				}
			case "crash":
				s = f.reopen(s)
			case "cancel":
				err := f.send(&countdown{Context: context.Background(), left: rng.IntN(4)}, s, b)
				if err != nil && !errors.Is(err, context.Canceled) {
					f.Fatalf("Write: %v", err)
				}
			case "begin":
				if _, err := f.prepare(context.Background(), s, b); err != nil {
					f.Fatalf("Prepare: %v", err)
				}
			}
		}
	}
	f.wantMessages(onceWherever, all)
}

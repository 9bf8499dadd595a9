package sinktest

import (
	"context"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

func runPosition(run func(string, func(*fixture))) {
	run("claim", testClaim)
	run("elsewhere", testElsewhere)
	run("owners", testOwners)
	run("known", testKnown)
	run("forget", testForget)
	run("sweep", testSweep)
	run("handlers", testHandlers)
	run("lost position", testLostPosition)
	run("model", testModel)
}

func (f *fixture) positioned(more string) sink.Positioned {
	f.Helper()
	p, ok := f.open(more).(sink.Positioned)
	if !ok {
		f.Fatal("the kind is of class position, but its sink has no Claim and Forget")
	}
	return p
}

func (f *fixture) claims(p sink.Positioned, owner string, c ...sink.Claim) ([]record.Place, error) {
	return p.Claim(context.Background(), owner, c)
}

func testClaim(f *fixture) {
	const contract = "Claim returns, in the order of the runs, where each stands; a run without a row gets one at its Start"
	p := f.positioned("")
	at := func(pos uint64, i uint32) record.Place { return record.Place{Position: pos, Index: i} }
	runs := []sink.Claim{{Run: 0xffffffffffffff01, Start: at(4096, 0)}, {Run: 2, Start: at(1<<40, 7)}}
	for range 2 {
		got, err := f.claims(p, "owner-1", runs...)
		if err != nil || len(got) != 2 || got[0] != runs[0].Start || got[1] != runs[1].Start {
			f.breach(contract, "Claim gave %v, %v", got, err)
		}
	}
	r := NewRun(2)
	r.Seek(runs[1].Start)
	records, want := logs("x", 2)
	f.write(p, Batch(f.env.Handler, r.Part(records...)))
	runs[0], runs[1] = runs[1], runs[0]
	runs[0].Start = at(99, 0)
	got, err := f.claims(p, "owner-2", runs...)
	if err != nil || len(got) != 2 || got[0] != r.Next() || got[1] != at(4096, 0) {
		f.breach(contract+"; Start is only for runs without a row", "after a batch to %v Claim gave %v, %v", r.Next(), got, err)
	}
	if got, err := f.claims(p, "owner-2"); err != nil || len(got) != 0 {
		f.breach(contract, "a Claim of no runs gave %v, %v", got, err)
	}
	f.wantMessages(forGood, want)
}

func testElsewhere(f *fixture) {
	const contract = "a position that stands neither at From nor at To means that somebody else writes here: *Fenced, and nothing of the batch is in"
	s, r := f.opened("")
	records, want := logs("in", 3)
	first := r.Part(records...)
	f.write(s, Batch(f.env.Handler, first))
	end := r.Next()
	others, _ := logs("out", 3)
	for _, from := range []record.Place{
		{Position: end.Position + 64}, {Position: end.Position - 8}, {Position: end.Position, Index: 1}, {Position: 0},
	} {
		r.Seek(from)
		f.wantFenced(contract, s.Write(context.Background(), Batch(f.env.Handler, r.Part(others...))))
	}
	// Two runs, of which only one stands where it should.
	other := NewRun(0x1002)
	f.claim(s, "owner-1", other)
	r.Seek(record.Place{Position: end.Position + 8})
	f.wantFenced(contract, s.Write(context.Background(), Batch(f.env.Handler, other.Part(others...), r.Part(others...))))
	f.wantMessages(contract, want)
	other = NewRun(0x1002)
	f.wantFenced("one position at To and one at From is no batch that ever was: *Fenced",
		s.Write(context.Background(), Batch(f.env.Handler, first, other.Part(others...))))
	f.wantMessages(contract, want)
	r.Seek(end)
	f.write(s, Batch(f.env.Handler, r.Part(others...)))
}

func testOwners(f *fixture) {
	const contract = "Claim makes its owner the only one that may move the positions: who held them before is fenced"
	old, r := f.opened("")
	records, want := logs("old", 5)
	b := Batch(f.env.Handler, r.Part(records...))
	f.write(old, b)
	next := f.open("")
	if got := f.claim(next, "owner-2", r); got[0] != r.Next() {
		f.breach("Claim of a run that another owner had returns where it stands", "got %v, want %v", got[0], r.Next())
	}
	late, _ := logs("late", 5)
	at := r.Next()
	f.wantFenced(contract, old.Write(context.Background(), Batch(f.env.Handler, r.Part(late...))))
	f.wantFenced(contract+", also for a batch that is in", old.Write(context.Background(), b))
	r.Seek(at)
	records, more := logs("new", 5)
	f.write(next, Batch(f.env.Handler, r.Part(records...)))
	for k, v := range more {
		want[k] = v
	}
	f.wantFenced(contract, old.Write(context.Background(), Batch(f.env.Handler, r.Part(late...))))
	f.wantMessages(contract, want)
}

func testKnown(f *fixture) {
	const contract = "a run that is Known but has no row means that the destination was replaced or restored: Claim fails with *Refused and changes nothing"
	p := f.positioned("")
	start := record.Place{Position: 4096}
	_, err := f.claims(p, "owner-1", sink.Claim{Run: 5, Start: start}, sink.Claim{Run: 6, Start: start, Known: true})
	f.wantRefused(contract, err)
	got, err := f.claims(p, "owner-1", sink.Claim{Run: 5, Start: record.Place{Position: 8192}})
	if err != nil || got[0].Position != 8192 {
		f.breach(contract, "the other run of the failed Claim stands at %v (%v)", got, err)
	}
	if _, err := f.claims(p, "owner-1", sink.Claim{Run: 5, Known: true}); err != nil {
		f.breach("a Known run that has a row is claimed", "%v", err)
	}
}

func testForget(f *fixture) {
	const contract = "Forget deletes the positions of its runs and no others"
	s, r := f.opened("")
	p := s.(sink.Positioned)
	kept := NewRun(0x77)
	f.claim(s, "owner-1", kept)
	records, want := logs("x", 2)
	f.write(s, Batch(f.env.Handler, r.Part(records...)))
	if err := p.Forget(context.Background(), []record.RunID{r.Origin.Run, 0xdead}); err != nil {
		f.breach(contract+"; one without a row is no error", "%v", err)
	}
	_, err := f.claims(p, "owner-1", sink.Claim{Run: r.Origin.Run, Known: true})
	f.wantRefused(contract, err)
	if _, err = f.claims(p, "owner-1", sink.Claim{Run: kept.Origin.Run, Known: true}); err != nil {
		f.breach(contract, "the other run: %v", err)
	}
	f.wantMessages("Forget leaves the rows alone", want)
}

func testSweep(f *fixture) {
	const contract = "Sweep deletes the positions of its service and handler that nobody has looked after, and no others"
	s, r := f.opened("")
	p, ok := s.(sink.Sweeper)
	if !ok || f.place.AgePositions == nil {
		f.Skip("the sink has no Sweep, or the subject no AgePositions")
	}
	records, want := logs("x", 2)
	f.write(s, Batch(f.env.Handler, r.Part(records...)))
	old, living, fresh := NewRun(0x77), NewRun(0x78), NewRun(0x79)
	f.claim(s, "owner-1", old, living)
	f.env.Handler = "second"
	second := f.open("")
	f.claim(second, "owner-1", old)
	f.env.Handler, f.env.Service = "warehouse", "another"
	another := f.open("")
	f.claim(another, "owner-1", old)
	f.env.Service = "sinktest"
	sweep := func(want int, living ...record.RunID) {
		f.Helper()
		if n, err := p.Sweep(context.Background(), living, 30*24*time.Hour); err != nil || n != want {
			f.breach(contract, "Sweep gave %d, %v, want %d", n, err, want)
		}
	}
	sweep(0)
	f.place.AgePositions(f)
	f.claim(s, "owner-1", fresh)
	sweep(2, living.Origin.Run, 0xdead)
	sweep(0)
	known := func(s sink.Sink, run *Spool) error {
		_, err := s.(sink.Positioned).Claim(context.Background(), "owner-1", []sink.Claim{{Run: run.Origin.Run, Known: true}})
		return err
	}
	f.wantRefused(contract, known(s, old))
	f.wantRefused(contract, known(s, r))
	for what, err := range map[string]error{
		"a run that lives": known(s, living), "one that was claimed since": known(s, fresh),
		"another handler's": known(second, old), "another service's": known(another, old),
	} {
		if err != nil {
			f.breach(contract, "%s: %v", what, err)
		}
	}
	f.wantMessages("Sweep leaves the rows alone", want)
}

func testHandlers(f *fixture) {
	const contract = "a position belongs to (service, run, handler): others that write to the same destination have their own"
	s, r := f.opened("")
	records, want := logs("one", 3)
	part := r.Part(records...)
	f.write(s, Batch(f.env.Handler, part))
	f.env.Handler = "second"
	second := f.open("")
	if got := f.claim(second, "owner-9", r); got[0] != r.Start {
		f.breach(contract, "another handler begins at %v, want %v", got[0], r.Start)
	}
	f.write(second, Batch(f.env.Handler, part))
	f.env.Service = "another"
	third := f.open("")
	if got := f.claim(third, "owner-9", r); got[0] != r.Start {
		f.breach(contract, "another service begins at %v, want %v", got[0], r.Start)
	}
	f.env.Handler, f.env.Service = "warehouse", "sinktest"
	more, w := logs("two", 3)
	f.write(s, Batch(f.env.Handler, r.Part(more...)))
	for k := range want {
		w[k] = 2
	}
	f.wantMessages(contract, w)
}

func testLostPosition(f *fixture) {
	if f.place.DropPositions == nil {
		f.Skip("the subject has no DropPositions")
	}
	const contract = "a position that is gone means that the destination was replaced: *Refused, and nothing is written"
	s, r := f.opened("")
	records, want := logs("before", 3)
	f.write(s, Batch(f.env.Handler, r.Part(records...)))
	f.place.DropPositions(f)
	records, _ = logs("after", 3)
	f.wantRefused(contract, s.Write(context.Background(), Batch(f.env.Handler, r.Part(records...))))
	f.wantMessages(contract, want)
}

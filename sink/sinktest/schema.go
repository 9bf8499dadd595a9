package sinktest

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/girok/girok/sink"
)

func runSchema(run func(string, func(*fixture))) {
	run("no table", testNoTable)
	run("table dropped", testTableDropped)
	run("column dropped", testColumnDropped)
	run("column required", testColumnRequired)
	run("column missing", testColumnMissing)
}

// without is the place's configuration without create: true.
func (f *fixture) without() {
	f.place.Config = strings.Replace(f.place.Config, "create: true", "create: false", 1)
}

// openOrWrite gives the error that the sink says first: some look at the table
// when they are opened, others when they write.
func (f *fixture) openOrWrite(more string) error {
	s, err := f.tryOpen(more)
	if err != nil {
		return err
	}
	r := NewRun(0x3001)
	if p, ok := s.(sink.Positioned); ok {
		if _, err := p.Claim(context.Background(), "owner-1", []sink.Claim{{Run: r.Origin.Run, Start: r.Start}}); err != nil {
			return err
		}
	}
	return f.send(context.Background(), s, Batch(f.env.Handler, r.Part(Log("x"))))
}

func testNoTable(f *fixture) {
	f.without()
	f.wantRefused("without create: true nothing is made; a missing table is *Refused, with what to run", f.openOrWrite(""))
	if rows := f.place.Rows(f); rows != nil {
		f.breach("without create: true nothing is made", "there is a table")
	}
}

// testTableDropped drops the table between a batch and its redelivery.
func testTableDropped(f *fixture) {
	if f.place.DropTable == nil {
		f.Skip("the subject has no DropTable")
	}
	s, r := f.opened("")
	f.write(s, Batch(f.env.Handler, r.Part(Log("before"))))
	f.place.DropTable(f)
	b := Batch(f.env.Handler, r.Part(Log("after")))
	for range 2 { // it may be told once before it is made again
		err := f.send(context.Background(), s, b)
		if err == nil {
			f.wantMessages("create: true makes what is missing, also what somebody dropped", map[string]int{"after": 1})
			return
		}
		f.wantRefused("a table that is gone is *Refused until it is there again", err)
	}
	f.breach("a state of Refused heals by itself: with create: true the table is made again", "it is still refused")
}

func testColumnDropped(f *fixture) {
	if f.place.DropColumn == nil {
		f.Skip("the subject has no DropColumn")
	}
	const contract = "a column that is gone is *Refused and names it; nothing is in"
	s, r := f.opened("")
	before := r.Part(Log("before"))
	f.write(s, Batch(f.env.Handler, before))
	f.place.DropColumn(f, "host")
	after := Batch(f.env.Handler, r.Part(Log("after")))
	for range 2 {
		err := f.send(context.Background(), s, after)
		f.wantRefused(contract, err)
	}
	f.wantMessages(contract, map[string]int{"before": 1})
	s.Close()
	s = f.open("new_columns: add\n")
	f.claim(s, "owner-2", r)
	f.write(s, after)
	f.wantMessages("new_columns: add adds what is missing, and the batch that was refused goes in once", map[string]int{"before": 1, "after": 1})
}

func testColumnRequired(f *fixture) {
	if f.place.AddRequired == nil {
		f.Skip("the subject has no AddRequired")
	}
	s, r := f.opened("")
	f.place.AddRequired(f, "must")
	err := f.send(context.Background(), s, Batch(f.env.Handler, r.Part(Log("a"), Log("b"))))
	var reject *sink.Reject
	var refused *sink.Refused
	if !errors.As(err, &reject) && !errors.As(err, &refused) {
		f.breach("what the store says against a row is *Reject, against the table *Refused; never a Retry that goes on for ever", "got %T: %v", err, err)
	}
	f.wantMessages("after *Reject and *Refused nothing of the batch is in", map[string]int{})
}

// testColumnMissing opens a table that was made for fewer columns.
func testColumnMissing(f *fixture) {
	if f.place.DropColumn == nil {
		f.Skip("the subject has no DropColumn: its tables have no columns of their own")
	}
	const columns = "columns:\n  message: message\n"
	s, r := f.opened(columns)
	f.write(s, Batch(f.env.Handler, r.Part(Log("x"))))
	s.Close()
	err := f.openOrWrite(columns + "  extra: attr.extra\n")
	f.wantRefused("a column that the table lacks is *Refused and named", err)
	if err != nil && !strings.Contains(err.Error(), "extra") {
		f.breach("a column that the table lacks is *Refused and named", "got: %v", err)
	}
	s = f.open("new_columns: add\n" + columns + "  extra: attr.extra\n")
	f.claim(s, "owner-2", r)
	f.write(s, Batch(f.env.Handler, r.Part(Log("y", slog.String("extra", "e")))))
	f.wantRow(f.byMessage()["y"], map[string]want{"extra": text("e")})
}

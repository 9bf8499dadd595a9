// Package sinktest is the conformance suite that every sink runs:
//
//	func TestConformance(t *testing.T) {
//		sinktest.Run(t, sinktest.Subject{Kind: sqlite.Kind, Columns: true, New: newPlace})
//	}
//
// Each failure says what the contract of package sink demands and why. The suite
// reads what the sink wrote through the subject's own reader, which should be
// another client than the sink's.
package sinktest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// Subject is a kind of sink under test.
type Subject struct {
	Kind sink.Kind
	// New makes an empty place to write to. It is called for each test.
	New func(t *testing.T) Place
	// Columns says that the kind has the keys of package table.
	Columns bool
	// Tables says that Place.Tables is set: the table's name may hold {date}.
	Tables bool
	// NUL says that texts may hold the character NUL.
	NUL bool
}

// Place is where one test's records go.
type Place struct {
	// Config is the handler's keys in YAML, one a line, with create: true where
	// the kind knows it. The suite appends columns, rest, new_columns, mismatch
	// and tz, so they must not be in it.
	Config string
	// Rows reads all rows, in any order, by another client; columns that are NULL
	// are nil or absent. nil if there is no table.
	Rows func(t testing.TB) []map[string]any
	// Tables is where the records of a day have a table of their own.
	Tables *Tables
	// What another client can do to the place; nil where it makes no sense.
	DropTable     func(t testing.TB)
	DropPositions func(t testing.TB)              // all rows of girok_position
	AgePositions  func(t testing.TB)              // makes all of them 31 days older
	DropColumn    func(t testing.TB, name string) // of the table
	AddRequired   func(t testing.TB, name string) // a column that must not be NULL and has no default
	// Tear takes back the last n bytes that were written, as a kill in the middle
	// of Write leaves it; nil where a batch is in or it is not.
	Tear func(t testing.TB, n int)
}

// Run runs the suite.
func Run(t *testing.T, s Subject) {
	run := func(name string, f func(*fixture)) {
		t.Run(name, func(t *testing.T) { f(newFixture(t, s)) })
	}
	run("write", testWrite)
	run("empty", testEmpty)
	run("runs", testRuns)
	run("cancelled", testCancelled)
	run("texts", testTexts)
	if s.Kind.Class() != sink.None {
		run("again", testAgain)
	}
	if s.Kind.Class() == sink.Position {
		runPosition(run)
	}
	if s.Kind.Class().Journaled() {
		runFile(run)
	}
	if s.Columns {
		runColumns(t, s, run)
	}
	if s.Tables {
		runTables(run)
	}
}

// fixture is one place and the sinks that were opened on it.
type fixture struct {
	*testing.T
	s     Subject
	place Place
	env   sink.Env

	journal journal // of a sink of class file
}

func newFixture(t *testing.T, s Subject) *fixture {
	return &fixture{T: t, s: s, place: s.New(t), env: sink.Env{
		Service: "sinktest", Handler: "warehouse", Location: time.FixedZone("KST", 9*3600), Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler),
	}}
}

// open opens a sink whose configuration has more keys than the place's.
func (f *fixture) open(more string) sink.Sink {
	f.Helper()
	s, err := f.tryOpen(more)
	if err != nil {
		f.Fatalf("Open: %v", err)
	}
	return s
}

func (f *fixture) tryOpen(more string) (sink.Sink, error) {
	f.Helper()
	c := Decode(f, f.s.Kind, f.place.Config+more)
	s, err := f.s.Kind.Open(context.Background(), f.env, c)
	if err == nil {
		f.Cleanup(func() { s.Close() })
	}
	return s, err
}

// Decode reads a handler's keys, as the root package does.
func Decode(t testing.TB, k sink.Kind, yaml string) sink.Config {
	t.Helper()
	doc, err := config.Parse("sinktest.yaml", []byte(yaml))
	if err != nil {
		t.Fatalf("%v\nin:\n%s", err, yaml)
	}
	var ps config.Problems
	c := k.Decode(doc.Root, &ps, &struct{}{})
	if err := ps.Err(); err != nil {
		t.Fatalf("%v\nin:\n%s", err, yaml)
	}
	return c
}

// claim makes owner the owner of runs, where the class has owners.
func (f *fixture) claim(s sink.Sink, owner string, runs ...*Spool) []record.Place {
	f.Helper()
	p, ok := s.(sink.Positioned)
	if !ok {
		return nil
	}
	claims := make([]sink.Claim, len(runs))
	for i, r := range runs {
		claims[i] = sink.Claim{Run: r.Origin.Run, Start: r.Start}
	}
	places, err := p.Claim(context.Background(), owner, claims)
	if err != nil {
		f.Fatalf("Claim: %v", err)
	}
	return places
}

// opened is a sink with a run that it owns.
func (f *fixture) opened(more string) (sink.Sink, *Spool) {
	f.Helper()
	s, r := f.open(more), NewRun(0x1001)
	f.claim(s, "owner-1", r)
	return s, r
}

func (f *fixture) write(s sink.Sink, b *sink.Batch) {
	f.Helper()
	if err := f.send(context.Background(), s, b); err != nil {
		f.Fatalf("Write: %v", err)
	}
}

// breach fails the test, with what the contract says.
func (f *fixture) breach(contract, format string, args ...any) {
	f.Helper()
	f.Errorf("%s\n\tthe contract: %s", fmt.Sprintf(format, args...), contract)
}

// wantRows compares how often each message is there.
func (f *fixture) wantMessages(contract string, want map[string]int) {
	f.Helper()
	got := map[string]int{}
	for _, r := range f.place.Rows(f) {
		got[asText(r["message"])]++
	}
	for m, n := range want {
		if got[m] != n {
			f.breach(contract, "%d rows with message %.40q, want %d", got[m], m, n)
		}
		delete(got, m)
	}
	for m, n := range got {
		f.breach(contract, "%d rows with message %.40q, want none", n, m)
	}
}

func (f *fixture) wantFenced(contract string, err error) {
	f.Helper()
	var fenced *sink.Fenced
	if !errors.As(err, &fenced) {
		f.breach(contract, "want *sink.Fenced, got %T: %v", err, err)
	}
}

func (f *fixture) wantRefused(contract string, err error) {
	f.Helper()
	var refused *sink.Refused
	if !errors.As(err, &refused) {
		f.breach(contract, "want *sink.Refused, got %T: %v", err, err)
		return
	}
	if refused.Remedy == "" {
		f.breach("Remedy says what to do: whoever reads the message at night must not have to look it up", "no remedy: %v", err)
	}
}

// rejected gives the rows that a Reject names, in order; it fails for any other
// answer, and for a Reject that has no reasons.
func (f *fixture) rejected(err error) []int {
	f.Helper()
	var reject *sink.Reject
	if !errors.As(err, &reject) {
		f.Fatalf("want *sink.Reject, got %T: %v", err, err)
	}
	var rows []int
	for _, r := range reject.Rows {
		if r.Reason == "" {
			f.breach("RowError says why: the reason stands in the dead letter", "row %d has no reason", r.Index)
		}
		rows = append(rows, r.Index)
	}
	return rows
}

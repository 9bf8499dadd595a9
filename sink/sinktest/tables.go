package sinktest

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"testing"
	"time"

	"github.com/girok/girok/sink"
)

// Tables is a place where the records of each day have a table of their own.
type Tables struct {
	Name string // of the handler's table, with {date} in it
	// Rows reads all rows of the table of a day, as Place.Rows does.
	Rows func(t testing.TB, day time.Time) []map[string]any
}

func runTables(run func(string, func(*fixture))) {
	run("tables", testTables)
	run("tables/bad", testTablesBad)
	run("tables/many", testTablesMany)
	run("tables/add", testTablesAdd)
}

const onePart = "with {date} in the table's name a record goes to the table of its day, once, whatever tables its batch has records for"

// tables opens a sink for tables of days, with a run that it owns.
func (f *fixture) tables(more string) (sink.Sink, *Spool) {
	f.Helper()
	f.place.Config = tableKey.ReplaceAllLiteralString(f.place.Config, "table: "+f.place.Tables.Name)
	return f.opened(more)
}

var tableKey = regexp.MustCompile(`(?m)^table: .*$`)

// day is midnight of a day, days after the first, where the fixture is.
func (f *fixture) day(days int) time.Time {
	return time.Date(2026, 11, 25+days, 0, 0, 0, 0, f.env.Location)
}

// dated is a record of a moment.
func dated(at time.Time, message string, attrs ...slog.Attr) Record {
	r := Log(message, attrs...)
	r.Time = at
	return r
}

func (f *fixture) wantDay(days int, want map[string]int) {
	f.Helper()
	got := map[string]int{}
	for _, r := range f.place.Tables.Rows(f, f.day(days)) {
		got[asText(r["message"])]++
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		f.breach(onePart, "the table of %s has %v, want %v", f.day(days).Format(time.DateOnly), got, want)
	}
}

func testTables(f *fixture) {
	s, r := f.tables("")
	last := f.day(1).Add(-time.Microsecond)
	b := Batch(f.env.Handler, r.Part(
		dated(f.day(1), "b"), dated(last.UTC(), "a"), dated(f.day(2).Add(time.Hour), "c"), dated(f.day(0), "a2"), dated(f.day(1).Add(time.Hour).UTC(), "b2"),
	))
	for range 2 {
		f.write(s, b)
	}
	s.Close()
	s = f.open("") // as a process that was killed after the answer was lost
	f.claim(s, "owner-1", r)
	f.write(s, b)
	f.write(s, Batch(f.env.Handler, r.Part()))
	f.write(s, Batch(f.env.Handler, r.Part(dated(last, "a3"))))
	f.wantDay(0, map[string]int{"a": 1, "a2": 1, "a3": 1})
	f.wantDay(1, map[string]int{"b": 1, "b2": 1})
	f.wantDay(2, map[string]int{"c": 1})
}

// A bad row is named by its place in the whole batch, and takes no other table's rows
// with it.
func testTablesBad(f *fixture) {
	s, r := f.tables("rest: drop\ncolumns:\n  message: message\n  n: {from: attr.n, type: int}\n")
	p := r.Part(
		dated(f.day(0), "a", slog.Int("n", 1)), dated(f.day(1), "b", slog.Int("n", 2)),
		dated(f.day(0), "a2", slog.Int("n", 3)), dated(f.day(1), "bad", slog.String("n", "none")), dated(f.day(1), "b2", slog.Int("n", 4)),
	)
	bad := f.rejected(f.send(context.Background(), s, Batch(f.env.Handler, p)))
	if len(bad) != 1 || bad[0] != 3 {
		f.breach("Reject names the rows that are at fault, by their index in the batch", "rows %v, want 3", bad)
	}
	f.wantDay(0, map[string]int{})
	f.write(s, Batch(f.env.Handler, p.Without(3)))
	f.wantDay(0, map[string]int{"a": 1, "a2": 1})
	f.wantDay(1, map[string]int{"b": 1, "b2": 1})
}

// A batch that has come for more tables than one should have, as before a girok that
// cuts them was there, is written all the same.
func testTablesMany(f *fixture) {
	s, r := f.tables("")
	const days = 70
	f.wantFit(s, days)
	for turn := range 2 {
		var records []Record
		for i := range days {
			records = append(records, dated(f.day(i), fmt.Sprint("r", i)))
		}
		f.write(s, Batch(f.env.Handler, r.Part(records...)))
		for _, i := range []int{0, 63, 64, days - 1} {
			f.wantDay(i, map[string]int{fmt.Sprint("r", i): turn + 1})
		}
	}
}

func (f *fixture) wantFit(s sink.Sink, days int) {
	f.Helper()
	const rule = "a sink with a table a day is a Cutter: of a batch, the records of the first 64 tables fit"
	c, ok := s.(sink.Cutter)
	if !ok {
		f.breach(rule, "it is none")
	}
	var records []Record
	for i := range days {
		records = append(records, dated(f.day(i), "fit"), dated(f.day(i/2), "fit"))
	}
	for n, want := range map[int]int{0: 0, 1: 1, 2 * 64: 2 * 64, 2*64 + 1: 2 * 64, 2 * days: 2 * 64} {
		b := sink.NewBatch("", "", nil, NewRun(1).Part(records[:n]...).Items)
		if got := c.Fit(b); got != want {
			f.breach(rule, "of %d records %d fit, want %d", n, got, want)
		}
	}
}

func testTablesAdd(f *fixture) {
	s, r := f.tables("new_columns: add\n")
	f.write(s, Batch(f.env.Handler, r.Part(dated(f.day(0), "a", slog.Int("one", 1)), dated(f.day(1), "b", slog.Int("two", 2)))))
	f.write(s, Batch(f.env.Handler, r.Part(dated(f.day(1), "b2", slog.Int("one", 3)), dated(f.day(0), "a2", slog.Int("one", 4)))))
	f.wantDay(0, map[string]int{"a": 1, "a2": 1})
	f.wantDay(1, map[string]int{"b": 1, "b2": 1})
	for _, row := range f.place.Tables.Rows(f, f.day(1)) {
		if m := asText(row["message"]); m == "b2" && asText(row["one"]) != "3" || m == "b" && asText(row["two"]) != "2" {
			f.breach("new_columns: add adds a column to the table that its record goes to", "row %v", row)
		}
	}
}

package table_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
	"github.com/girok/girok/sink/table"
)

// listing is a wire that shows each value, and counts. It refuses one number.
type listing struct {
	made   int
	refuse int64
}

var errRefused = errors.New("this number")

func (l *listing) AppendValue(dst []byte, column int, v *table.Value) ([]byte, error) {
	l.made++
	if l.refuse != 0 && v.Type == table.Int && v.Num == l.refuse {
		return dst, errRefused
	}
	return fmt.Appendf(dst, "%d %d %d %q\n", column, v.Type, v.Num, v.Raw), nil
}

const everySource = `table: t
columns:
  a: time
  b: levelname
  c: {from: levelno, type: string}
  d: message
  e: logger
  f: severity
  g: =same
  h: host
  i: service
  j: {from: caller, type: json}
  k: lineno
  l: attr.user
  m: source
  n: record_id
  o: kind
  p: run
  q: {from: attr.g.n, type: int}
`

// TestWriterMakesWhatRowMakes writes records that share much, in turns.
func TestWriterMakesWhatRowMakes(t *testing.T) {
	var parts [2]sinktest.Part
	for run := range parts {
		var records []sinktest.Record
		for i := range 60 {
			r := sinktest.Log(fmt.Sprint("message ", i), slog.Int("i", i))
			switch r.Level = record.Level(i % 5 * 10); i % 7 {
			case 0:
				r.Attrs = nil
			case 1:
				r.Attrs = append(r.Attrs, slog.String("user", "kim"), slog.Group("g", slog.Int("n", i), slog.Int("m", i)))
			case 2:
				r.Attrs = append(r.Attrs, slog.Group("g", slog.String("n", "no number")))
			}
			r.Logger = []string{"", "a", "a.b", "caf\xe9\x00"}[i/3%4]
			r.Time = sinktest.At.Add(time.Duration(i) * time.Hour)
			if i%4 == 1 {
				r.Caller = record.Caller{File: "/a/b.go", Line: i % 8, Function: "a.F"}
				r.Source = "stdin"
			}
			records = append(records, r)
		}
		parts[run] = sinktest.NewRun(record.RunID(run + 1)).Part(records...)
	}
	items := append(parts[0].Items, parts[1].Items...)
	items = append(items, parts[0].Items...)
	b := sink.NewBatch("h", "n", nil, items)
	for _, yaml := range []string{"table: t", everySource + "mismatch: rest", everySource + "mismatch: \"null\"\nrest: drop"} {
		m, plain, wire := mapper(t, yaml, table.Options{}), mapper(t, yaml, table.Options{}), &listing{}
		w := m.NewWriter(wire)
		for i := range b.Len() {
			got, err := w.Append([]byte("before\n"), b, i)
			if err != nil {
				t.Fatal(err)
			}
			plain.Reset()
			row, err := plain.Row(b, i, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := []byte("before\n")
			for j := range row {
				want, _ = (&listing{}).AppendValue(want, j, &row[j])
			}
			if string(got) != string(want) {
				t.Fatalf("record %d\ngot  %s\nwant %s", i, got, want)
			}
		}
		if cells := b.Len() * len(m.Columns()); wire.made > cells*9/10 {
			t.Errorf("%d of %d values were made anew", wire.made, cells)
		}
	}
}

// TestWriterRejects: what the wire refuses, or the mapper, is not kept.
func TestWriterRejects(t *testing.T) {
	b := batch(sinktest.Log("x", slog.String("n", "no number")), sinktest.Record{Level: 30}, sinktest.Record{Level: 20}, sinktest.Record{Level: 30})
	m := mapper(t, "table: t\ncolumns: {l: levelno, n: {from: attr.n, type: int}}\nmismatch: dead", table.Options{})
	w := m.NewWriter(&listing{refuse: 30})
	var got []string
	for i := range b.Len() {
		row, err := w.Append(nil, b, i)
		got = append(got, fmt.Sprint(strings.Count(string(row), "\n"), " ", err))
	}
	want := "[0 column n: a string of 9 bytes does not fit int 0 this number 3 <nil> 0 this number]"
	if fmt.Sprint(got) != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
}

func TestWriterAllocatesNothing(t *testing.T) {
	m := mapper(t, "table: t", table.Options{})
	b := batch(sinktest.Log("a", slog.Int("n", 1)), sinktest.Record{Level: 30, Logger: "b"}, sinktest.Log("c", slog.String("trace_id", "x")))
	w, dst := m.NewWriter(quiet{}), []byte(nil)
	once := func() {
		dst = dst[:0]
		for i := range b.Len() {
			var err error
			if dst, err = w.Append(dst, b, i); err != nil {
				t.Fatal(err)
			}
		}
	}
	once()
	if n := testing.AllocsPerRun(100, once); n != 0 {
		t.Errorf("%v allocations for 3 rows", n)
	}
}

// quiet is a wire that allocates nothing.
type quiet struct{}

func (quiet) AppendValue(dst []byte, _ int, v *table.Value) ([]byte, error) {
	return append(dst, v.Raw...), nil
}

// TestNamesOfLevels gives levels other names while rows are made.
func TestNamesOfLevels(t *testing.T) {
	const yaml = "table: t\ncolumns: {l: levelname}\nrest: drop"
	m, plain := mapper(t, yaml, table.Options{}), mapper(t, yaml, table.Options{})
	w, b := m.NewWriter(quiet{}), batch(sinktest.Record{Level: 20}, sinktest.Record{Level: 25})
	want := func(names ...string) {
		t.Helper()
		for i, name := range names {
			got, err := w.Append(nil, b, i)
			if err != nil || string(got) != name {
				t.Errorf("a writer writes %q, %v; want %s", got, err, name)
			}
			row, err := plain.Row(b, i, nil)
			if err != nil || string(row[0].Raw) != name {
				t.Errorf("a row has %q, %v; want %s", row[0].Raw, err, name)
			}
		}
	}
	want("INFO", "Level 25")
	t.Cleanup(func() { record.AddLevelName(20, "INFO"); record.AddLevelName(25, "Level 25") })
	record.AddLevelName(25, "NOTICE")
	want("INFO", "NOTICE")
	record.AddLevelName(20, "FYI")
	want("FYI", "NOTICE")
}

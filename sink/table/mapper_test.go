package table_test

import (
	"errors"
	"log/slog"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
	"github.com/girok/girok/sink/table"
)

func mapper(t testing.TB, yaml string, opt table.Options) *table.Mapper {
	t.Helper()
	doc, err := config.Parse("c.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	c := table.DefaultConfig()
	var ps config.Problems
	config.Decode(doc.Root, &ps, &c)
	if err := ps.Err(); err != nil {
		t.Fatal(err)
	}
	return table.NewMapper(&c, opt)
}

func batch(records ...sinktest.Record) *sink.Batch {
	return sinktest.Batch("h", sinktest.NewRun(9).Part(records...))
}

func TestRowAllocatesNothing(t *testing.T) {
	m := mapper(t, `table: t
columns:
  at: time
  level: levelname
  message: message
  where: caller
  id: record_id
  host: host
  status: {from: attr.http.status, type: int}
  ms: {from: attr.ms, type: float}
  price: {from: attr.price, type: json}
  day: {from: time, type: date}
`, table.Options{Location: time.FixedZone("KST", 9*3600)})
	rec := sinktest.Log("hello", slog.Group("http", slog.Int("status", 200), slog.String("path", "/x")),
		slog.Float64("ms", 1.5), slog.Any("price", map[string]int{"won": 5}), slog.String("user", "a"))
	rec.Caller = record.Caller{File: "/a/b.go", Line: 3, Function: "a.F"}
	b := batch(rec, rec, rec)
	var row []table.Value
	once := func() {
		m.Reset()
		for i := range b.Len() {
			var err error
			if row, err = m.Row(b, i, row[:0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	once()
	if n := testing.AllocsPerRun(100, once); n != 0 {
		t.Errorf("%v allocations for 3 rows", n)
	}
}

// TestValuesStayUntilReset maps many rows before it looks at the first.
func TestValuesStayUntilReset(t *testing.T) {
	m := mapper(t, "table: t", table.Options{})
	rec := sinktest.Log("x", slog.String("a", "first"))
	var records []sinktest.Record
	for range 500 {
		records = append(records, rec)
	}
	b := batch(records...)
	var all []table.Value
	for i := range b.Len() {
		var err error
		if all, err = m.Row(b, i, all); err != nil {
			t.Fatal(err)
		}
	}
	n := len(m.Columns())
	for i := range b.Len() {
		if got := string(all[i*n+5].Raw); got != `{"a":"first"}` {
			t.Fatalf("row %d: attributes are %q", i, got)
		}
	}
}

func TestStoresThatLackNaN(t *testing.T) {
	const yaml = "table: t\ncolumns: {v: {from: attr.v, type: float}}"
	for _, c := range []struct {
		opt   table.Options
		value float64
		fits  bool
	}{
		{table.Options{}, math.NaN(), true}, {table.Options{}, math.Inf(1), true},
		{table.Options{NoNaN: true}, math.NaN(), false}, {table.Options{NoNaN: true}, math.Inf(1), true},
		{table.Options{NoInf: true}, math.NaN(), true}, {table.Options{NoInf: true}, math.Inf(-1), false},
	} {
		_, err := mapper(t, yaml, c.opt).Row(batch(sinktest.Log("x", slog.Float64("v", c.value))), 0, nil)
		if (err == nil) != c.fits {
			t.Errorf("%+v with %v: %v", c.opt, c.value, err)
		}
	}
}

func TestUnknownEncodingWaits(t *testing.T) {
	p := sinktest.Log("x").Payload()
	p[9] = 99
	b := sink.NewBatch("h", "n", nil, []sink.Item{{Origin: &sink.Origin{Run: 1}, Payload: p}})
	if _, err := mapper(t, "table: t", table.Options{}).Row(b, 0, nil); !errors.Is(err, record.ErrEncoding) {
		t.Errorf("got %v, want record.ErrEncoding", err)
	}
}

func TestReasonsDoNotShowText(t *testing.T) {
	m := mapper(t, "table: t\ncolumns: {v: {from: attr.v, type: int}}", table.Options{})
	_, err := m.Row(batch(sinktest.Log("x", slog.String("v", "a private text"))), 0, nil)
	if err == nil || err.Error() != "column v: a string of 14 bytes does not fit int" {
		t.Errorf("got %v", err)
	}
}

func TestColumnsAreLimited(t *testing.T) {
	m := mapper(t, "table: t\nnew_columns: add\ncolumns: {message: message}", table.Options{})
	for i := range 60 {
		var attrs []slog.Attr
		for k := range 10 {
			attrs = append(attrs, slog.Int("key"+string(rune('a'+i%26))+string(rune('a'+i/26))+string(rune('a'+k)), 1))
		}
		m.Add(m.Discover(batch(sinktest.Log("x", attrs...))))
	}
	if n := len(m.Columns()); n != 500 {
		t.Errorf("%d columns, want 500", n)
	}
}

func BenchmarkRow(b *testing.B) {
	m := mapper(b, "table: t", table.Options{})
	in := batch(sinktest.Log("request served", slog.String("trace_id", "00000000000000000000000000000001"), slog.Int("status", 200),
		slog.Float64("duration_ms", 1.25), slog.String("path", "/v1/masks"), slog.String("user", "user-1")))
	row := make([]table.Value, 0, 32)
	b.ReportAllocs()
	for b.Loop() {
		m.Reset()
		var err error
		if row, err = m.Row(in, 0, row[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

// TestRestInOneWalk compares rows whose attributes are all common with the same
// rows made by the walk that finds what columns take, which a mapper goes back to
// behind a record that is not common.
func TestRestInOneWalk(t *testing.T) {
	const yaml = "table: logs\ncolumns: {level: levelname, id: attr.id}"
	odd := sinktest.Log("m", slog.Group("g", slog.String("id", "not this")))
	for i, attrs := range [][]slog.Attr{
		nil,
		{slog.String("user", "u"), slog.Int("n", -3), slog.Bool("on", true), slog.Float64("f", math.NaN())},
		{slog.String("no", "has the length of id"), slog.String("x", "y")},
		{slog.String("user", "u"), slog.String("id", "taken")},
		{slog.String("user", "caf\u00e9\x00")},
		odd.Attrs,
	} {
		b := batch(odd, sinktest.Log("m", attrs...))
		got, err := mapper(t, yaml, table.Options{}).Row(b, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		other := mapper(t, yaml, table.Options{})
		if _, err := other.Row(b, 0, nil); err != nil {
			t.Fatal(err)
		}
		want, err := other.Row(b, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("record %d: got %v, want %v", i, got, want)
		}
	}
}

// TestPlainText puts each byte at each place of texts of several lengths: what is
// passed as plain keeps the rules for text.
func TestPlainText(t *testing.T) {
	m := mapper(t, "table: t\ncolumns: {message: message}\nrest: drop", table.Options{})
	for _, size := range []int{1, 3, 8, 17} {
		for at := range size {
			for b := range 256 {
				s := []byte(strings.Repeat("a", size))
				s[at] = byte(b)
				row, err := m.Row(batch(sinktest.Log(string(s))), 0, nil)
				if err != nil {
					t.Fatal(err)
				}
				want := strings.ToValidUTF8(strings.ReplaceAll(string(s), "\x00", "\ufffd"), "\ufffd")
				if string(row[0].Raw) != want {
					t.Fatalf("byte %#x at %d of %d: got %q", b, at, size, row[0].Raw)
				}
			}
		}
	}
}

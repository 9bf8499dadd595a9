package sinktest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// writeOrReject writes a part; if rows are rejected it checks that nothing is in
// and writes the rest, as deliver does. It returns the bad rows and why.
func (f *fixture) writeOrReject(s sink.Sink, p Part) map[int]string {
	f.Helper()
	bad := map[int]string{}
	before := len(f.place.Rows(f))
	err := f.send(context.Background(), s, Batch(f.env.Handler, p))
	if err == nil {
		return bad
	}
	f.rejected(err)
	var reject *sink.Reject
	errors.As(err, &reject)
	for _, r := range reject.Rows {
		bad[r.Index] = r.Reason
	}
	if n := len(f.place.Rows(f)); n != before {
		f.breach("after *Reject nothing of the batch is in", "%d rows are in", n-before)
	}
	rest := p.Without(slices.Collect(maps.Keys(bad))...)
	if err := f.send(context.Background(), s, Batch(f.env.Handler, rest)); err != nil {
		f.breach("Reject with Rows names exactly the bad rows: what is left is written", "the rest: %v", err)
	}
	return bad
}

func runColumns(t *testing.T, s Subject, run func(string, func(*fixture))) {
	run("default schema", testDefaultSchema)
	for _, typ := range slices.Sorted(maps.Keys(fits)) {
		run("type "+typ, testType(typ))
	}
	run("bad rows", testBadRows)
	run("sources", testSources)
	run("paths", testPaths)
	run("rest", testRest)
	run("rest drop", testRestDrop)
	run("mismatch null", testMismatchNull)
	run("mismatch rest", testMismatchRest)
	run("new_columns add", testAdd)
	run("new_columns add again", testAddAgain)
	run("new_columns reject", testNewReject)
	run("tz", testTZ)
	runSchema(run)
}

func testDefaultSchema(f *fixture) {
	s, r := f.opened("")
	rec := Log("hello", slog.String("trace_id", "00ff"), slog.String("span_id", "0a"), slog.Int("n", 1),
		slog.Group("g", slog.Float64("x", 0.5)), slog.Any("nan", []string{"a"}))
	rec.Level, rec.Source = record.Warning, "stdin"
	plain := Log("plain")
	plain.Level = 22
	part := r.Part(rec, plain)
	f.write(s, Batch(f.env.Handler, part))
	rows := f.byMessage()
	f.wantRow(rows["hello"], map[string]want{
		"created_at": moment("2026-11-25T20:32:58.123456Z"), "level": text("WARNING"), "severity": num("13"),
		"logger": text("test.logger"), "message": text("hello"), "trace_id": text("00ff"), "span_id": text("0a"),
		"source": text("stdin"), "host": text("here"), "service": text("sinktest"), "service_version": text("1.2.3"),
		"record_id":  text(string(Batch("", part).AppendID(nil, 0, view(part, 0)))),
		"attributes": jsonText(`{"n":1,"g":{"x":0.5},"nan":["a"]}`),
	})
	f.wantRow(rows["plain"], map[string]want{
		"level": text("Level 22"), "source": isNull, "trace_id": isNull, "span_id": isNull, "attributes": isNull,
	})
}

func view(p Part, i int) *record.View {
	v := new(record.View)
	if err := v.Parse(p.Items[i].Payload); err != nil {
		panic(err)
	}
	return v
}

func (f *fixture) byMessage() map[string]map[string]any {
	rows := map[string]map[string]any{}
	for _, row := range f.place.Rows(f) {
		rows[asText(row["message"])] = row
	}
	return rows
}

func (f *fixture) wantRow(row map[string]any, wants map[string]want) {
	f.Helper()
	for name, w := range wants {
		if !w(row[name]) {
			f.breach("each column takes what its source says", "column %s is %v (%T)", name, row[name], row[name])
		}
	}
}

func testBadRows(f *fixture) {
	s, r := f.opened("columns:\n  message: message\n  n: {from: attr.n, type: int}\n")
	var records []Record
	want := map[string]int{}
	bad := []int{0, 3, 24, 25, 77, 119}
	for i := range 120 {
		n := slog.Int("n", i)
		if slices.Contains(bad, i) {
			n = slog.String("n", "bad")
		} else {
			want[fmt.Sprint(i)] = 1
		}
		records = append(records, Log(fmt.Sprint(i), n))
	}
	part := r.Part(records...)
	err := f.send(context.Background(), s, Batch(f.env.Handler, part))
	if got := f.rejected(err); !slices.Equal(got, bad) {
		f.breach("Reject names exactly the bad rows, by their index in the batch", "got %v, want %v", got, bad)
	}
	f.wantMessages("after *Reject nothing of the batch is in", map[string]int{})
	f.write(s, Batch(f.env.Handler, part.Without(bad...)))
	f.wantMessages("one bad row never takes good rows with it", want)
	more := r.Part(Log("only bad", slog.String("n", "x")))
	if got := f.rejected(f.send(context.Background(), s, Batch(f.env.Handler, more))); !slices.Equal(got, []int{0}) {
		f.breach("Reject names exactly the bad rows", "got %v, want [0]", got)
	}
	f.write(s, Batch(f.env.Handler, more.Without(0)))
	f.wantMessages("a batch whose rows are all set aside still moves the position", want)
}

func testSources(f *fixture) {
	s, r := f.opened(`columns:
  message: message
  t: time
  ts: {from: created, type: float}
  levelno: levelno
  name: name
  kind: kind
  run: run
  id: record_id
  caller: caller
  pathname: pathname
  filename: filename
  module: module
  lineno: lineno
  func: funcName
  zone: "=eu"
  one: {from: "=1", type: int}
  j: {from: logger, type: json}
`)
	rec := Log("x")
	rec.Kind, rec.Level, rec.ID = record.Event, record.Error, "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	rec.Caller = record.Caller{File: "/src/shop/orders.go", Function: "shop/orders.(*Orders).Place", Line: 42}
	f.write(s, Batch(f.env.Handler, r.Part(rec, Log("y"))))
	rows := f.byMessage()
	f.wantRow(rows["x"], map[string]want{
		"t": moment("2026-11-25T20:32:58.123456Z"), "ts": float(float64(At.Unix()) + float64(At.Nanosecond())/1e9), "levelno": num("40"), "name": text("test.logger"),
		"kind": text("event"), "run": text("0000000000001001"), "id": text(rec.ID), "caller": text("/src/shop/orders.go:42"),
		"pathname": text("/src/shop/orders.go"), "filename": text("orders.go"), "module": text("orders"), "lineno": num("42"),
		"func": text("Place"), "zone": text("eu"), "one": num("1"), "j": jsonText(`"test.logger"`),
	})
	f.wantRow(rows["y"], map[string]want{"caller": isNull, "lineno": isNull, "func": isNull, "zone": text("eu"), "kind": text("log")})
}

func testPaths(f *fixture) {
	s, r := f.opened(`columns:
  message: message
  abc: {from: attr.a.b.c, type: int}
  js: {from: attr.j.k.l, type: int}
  whole: {from: attr.w, type: json}
`)
	f.write(s, Batch(f.env.Handler, r.Part(
		Log("group", slog.Group("a", slog.Int("x", 1), slog.Group("b", slog.Int("c", 7)))),
		Log("dotted", slog.Group("a", slog.Group("b", slog.Int("c", 1))), slog.Int("a.b.c", 2)),
		Log("half", slog.Group("a.b", slog.Int("c", 3)), slog.Group("a", slog.Group("b", slog.Int("c", 4)))),
		Log("json", slog.Any("j", map[string]any{"k": map[string]int{"l": 5, "m": 6}})),
		Log("wrong", slog.Int("a", 1), slog.Group("w", slog.Int("z", 1))),
		Log("twice", slog.Int("a.b.c", 1), slog.Int("a.b.c", 2)),
	)))
	rows := f.byMessage()
	const rest = "attributes"
	f.wantRow(rows["group"], map[string]want{"abc": num("7"), rest: jsonText(`{"a":{"x":1}}`)})
	f.wantRow(rows["dotted"], map[string]want{"abc": num("2"), rest: jsonText(`{"a":{"b":{"c":1}}}`)})
	f.wantRow(rows["half"], map[string]want{"abc": num("3"), rest: jsonText(`{"a":{"b":{"c":4}}}`)})
	f.wantRow(rows["json"], map[string]want{"js": num("5"), rest: jsonText(`{"j":{"k":{"m":6}}}`)})
	f.wantRow(rows["wrong"], map[string]want{"abc": isNull, "whole": jsonText(`{"z":1}`), rest: jsonText(`{"a":1}`)})
	f.wantRow(rows["twice"], map[string]want{"abc": num("2"), rest: jsonText(`{"a.b.c":1}`)})
}

func testRest(f *fixture) {
	s, r := f.opened("rest: more\ncolumns:\n  message: message\n")
	f.write(s, Batch(f.env.Handler, r.Part(Log("x", slog.Int("a", 1), slog.String("b", "2")))))
	f.wantRow(f.byMessage()["x"], map[string]want{"more": jsonText(`{"a":1,"b":"2"}`), "attributes": isNull})
}

func testRestDrop(f *fixture) {
	s, r := f.opened("rest: drop\ncolumns:\n  message: message\n  a: attr.a\n")
	f.write(s, Batch(f.env.Handler, r.Part(Log("x", slog.Int("a", 1), slog.String("b", "2")))))
	for name, v := range f.byMessage()["x"] {
		if name != "message" && name != "a" {
			f.breach("rest: drop loses what has no column", "there is a column %s: %v", name, v)
		}
	}
}

var misfits = []Record{
	Log("string", slog.String("n", "x"), slog.Int("o", 1)),
	Log("big", slog.Uint64("n", 1<<63)),
	Log("good", slog.Int("n", 5)),
	{Message: "year 12000", Time: far},
}

const misfitColumns = "columns:\n  message: message\n  t: time\n  n: {from: attr.n, type: int}\n"

func testMismatchNull(f *fixture) {
	s, r := f.opened("mismatch: 'null'\n" + misfitColumns)
	f.write(s, Batch(f.env.Handler, r.Part(misfits...)))
	rows := f.byMessage()
	f.wantRow(rows["string"], map[string]want{"n": isNull, "attributes": jsonText(`{"o":1}`)})
	f.wantRow(rows["big"], map[string]want{"n": isNull, "attributes": isNull})
	f.wantRow(rows["good"], map[string]want{"n": num("5")})
	f.wantRow(rows["year 12000"], map[string]want{"t": isNull})
}

func testMismatchRest(f *fixture) {
	s, r := f.opened("mismatch: rest\n" + misfitColumns)
	f.write(s, Batch(f.env.Handler, r.Part(misfits...)))
	rows := f.byMessage()
	f.wantRow(rows["string"], map[string]want{"n": isNull, "attributes": jsonText(`{"n":"x","o":1}`)})
	f.wantRow(rows["big"], map[string]want{"n": isNull, "attributes": jsonText(`{"n":9223372036854775808}`)})
	f.wantRow(rows["good"], map[string]want{"n": num("5"), "attributes": isNull})
}

const added = "new_columns: add\ncolumns:\n  message: message\n"

func testAdd(f *fixture) {
	s, r := f.opened(added)
	f.write(s, Batch(f.env.Handler, r.Part(
		Log("1", slog.Any("null", nil), slog.Int("i", 1)),
		Log("2", slog.Float64("f", 0.5), slog.Bool("b", true), slog.Time("at", noon), slog.String("http.status", "ok")),
		Log("3", slog.Group("g", slog.Int("x", 1)), slog.String("i", "not a number"), slog.String("message", "mine")),
	)))
	f.write(s, Batch(f.env.Handler, r.Part(Log("4", slog.String("late", "x"), slog.Int("i", 9)))))
	rows := f.byMessage()
	f.wantRow(rows["1"], map[string]want{"i": num("1"), "f": isNull})
	f.wantRow(rows["2"], map[string]want{"f": float(0.5), "b": boolean(true), "at": moment("2026-11-25T03:00:00.123456Z"), "http_status": text("ok")})
	f.wantRow(rows["3"], map[string]want{"g": jsonText(`{"x":1}`), "i": isNull, "attributes": jsonText(`{"i":"not a number","message":"mine"}`)})
	f.wantRow(rows["4"], map[string]want{"late": text("x"), "i": num("9"), "attributes": isNull})
}

func testAddAgain(f *fixture) {
	s, r := f.opened(added)
	f.write(s, Batch(f.env.Handler, r.Part(Log("1", slog.Int("i", 1)))))
	other := f.open(added) // as another process that has not seen the column
	f.claim(other, "owner-2", r)
	f.write(other, Batch(f.env.Handler, r.Part(Log("2", slog.Int("i", 2), slog.Int("k", 3)))))
	f.claim(s, "owner-3", r)
	f.write(s, Batch(f.env.Handler, r.Part(Log("3", slog.Int("k", 4)))))
	rows := f.byMessage()
	f.wantRow(rows["2"], map[string]want{"i": num("2"), "k": num("3"), "attributes": isNull})
	f.wantRow(rows["3"], map[string]want{"k": num("4"), "attributes": isNull})
}

func testNewReject(f *fixture) {
	s, r := f.opened("new_columns: reject\ncolumns:\n  message: message\n  n: {from: attr.g.n, type: int}\n")
	bad := f.writeOrReject(s, r.Part(
		Log("good", slog.Group("g", slog.Int("n", 1))),
		Log("stray", slog.Int("x", 1)),
		Log("inner", slog.Group("g", slog.Int("n", 1), slog.Int("o", 1))),
	))
	if len(bad) != 2 || bad[1] == "" || bad[2] == "" {
		f.breach("new_columns: reject rejects the records that have attributes without a column", "rejected: %v", bad)
	}
	f.wantMessages(forGood, map[string]int{"good": 1})
}

func testTZ(f *fixture) {
	s, r := f.opened("tz: America/New_York\ncolumns:\n  message: message\n  d: {from: time, type: datetime}\n  day: {from: time, type: date}\n")
	rec := Log("x")
	rec.Time = time.Date(2026, 7, 2, 3, 59, 0, 0, time.UTC)
	f.write(s, Batch(f.env.Handler, r.Part(rec)))
	f.wantRow(f.byMessage()["x"], map[string]want{"d": moment("2026-07-01T23:59:00"), "day": moment("2026-07-01")})
}

package sqlite

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
)

// TestSharedColumns writes rows that agree in some columns for many statements,
// then differ in one place, then agree in others: each row keeps its own values.
func TestSharedColumns(t *testing.T) {
	const statements = 6 * patience
	s, r, path := opened(t, "columns: {message: message, a: attr.a, b: {from: attr.b, type: float}, c: {from: attr.c, type: int}, host: host}\n")
	other := sinktest.NewRun(8)
	other.Origin.Host = "there"
	if _, err := s.Claim(ctx, "me", []sink.Claim{{Run: 7, Start: r.Start}, {Run: 8, Start: other.Start}}); err != nil {
		t.Fatal(err)
	}
	var parts []sinktest.Part
	want := map[string]string{}
	add := func(run *sinktest.Spool, from, to int) {
		var records []sinktest.Record
		for i := from; i < to; i++ {
			a, b, c := "same", 1.5, any(nil)
			switch at := i / rowsPerStatement; {
			case i == (3*patience+5)*rowsPerStatement+7: // one row of a statement, long before it is asked again
				a, b, c = "other", 2.5, 3
			case at >= 4*patience+5: // a varies, c is shared
				a, c = fmt.Sprint("a", i), 4
			}
			m := fmt.Sprint("m", i)
			records = append(records, sinktest.Log(m, slog.String("a", a), slog.Float64("b", b), slog.Any("c", c)))
			text := "NULL"
			if c != nil {
				text = fmt.Sprint(c)
			}
			want[m] = fmt.Sprint(a, b, text, run.Origin.Host)
		}
		parts = append(parts, run.Part(records...))
	}
	add(r, 0, (2*patience+5)*rowsPerStatement+3) // the second run begins within a statement
	add(other, (2*patience+5)*rowsPerStatement+3, statements*rowsPerStatement)
	if err := s.Write(ctx, sinktest.Batch("warehouse", parts...)); err != nil {
		t.Fatal(err)
	}
	rows := run(t, path, "select message, a, b, ifnull(c, 'NULL') as c, host from logs")
	if len(rows) != len(want) {
		t.Errorf("%d rows, want %d", len(rows), len(want))
	}
	for _, row := range rows {
		got := fmt.Sprint(row["a"], row["b"], row["c"], row["host"])
		if m := row["message"].(string); got != want[m] {
			t.Fatalf("row %s: got %s, want %s", m, got, want[m])
		}
	}
}

// TestManyColumns has more columns than a set holds.
func TestManyColumns(t *testing.T) {
	var keys strings.Builder
	attrs := make([]slog.Attr, 70)
	for i := range attrs {
		fmt.Fprintf(&keys, ", c%d: {from: attr.c%d, type: int}", i, i)
		attrs[i] = slog.Int(fmt.Sprint("c", i), i)
	}
	s, r, path := opened(t, "columns: {message: message"+keys.String()+"}\n")
	var records []sinktest.Record
	for i := range 3 * rowsPerStatement {
		records = append(records, sinktest.Log(fmt.Sprint("m", i), attrs...))
	}
	if err := s.Write(ctx, sinktest.Batch("warehouse", r.Part(records...))); err != nil {
		t.Fatal(err)
	}
	if n := len(run(t, path, "select 1 from logs where c0 = 0 and c42 = 42 and c63 = 63 and c64 = 64 and c69 = 69 group by message")); n != len(records) {
		t.Errorf("%d rows are right, want %d", n, len(records))
	}
}

// TestBadRowAmongShared rejects one row of a statement whose columns are shared.
func TestBadRowAmongShared(t *testing.T) {
	s, r, path := opened(t, "columns: {message: message, logger: logger}\n")
	run(t, path, "create trigger no before insert on logs when new.message = 'm30' begin select raise(abort, 'not this'); end")
	var records []sinktest.Record
	for i := range 3 * rowsPerStatement {
		records = append(records, sinktest.Log(fmt.Sprint("m", i)))
	}
	part := r.Part(records...)
	var reject *sink.Reject
	if err := s.Write(ctx, sinktest.Batch("warehouse", part)); !errors.As(err, &reject) || len(reject.Rows) != 1 || reject.Rows[0].Index != 30 {
		t.Fatalf("want row 30 rejected, got %v", err)
	}
	goesIn(t, s, path, sinktest.Batch("warehouse", part.Without(30)), len(records)-1)
}

// TestOriginsInTurn maps records of two origins in turn.
func TestOriginsInTurn(t *testing.T) {
	s, r, path := opened(t, "columns: {message: message, level: levelname, service: service, version: service_version, host: host, run: run}\n")
	other := sinktest.NewRun(8)
	other.Origin = sink.Origin{Run: 8, Service: "else"}
	if _, err := s.Claim(ctx, "me", []sink.Claim{{Run: 7, Start: r.Start}, {Run: 8, Start: other.Start}}); err != nil {
		t.Fatal(err)
	}
	for i, from := range []*sinktest.Spool{r, other, r, other} {
		rec := sinktest.Log("m")
		rec.Level = record.Level(20 + 5*i)
		if err := s.Write(ctx, sinktest.Batch("warehouse", from.Part(rec))); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, row := range run(t, path, "select level || ' ' || service || ' ' || ifnull(version, '-') || ' ' || ifnull(host, '-') || ' ' || run as x from logs order by rowid") {
		got = append(got, row["x"].(string))
	}
	want := "[INFO sinktest 1.2.3 here 0000000000000007 Level 25 else - - 0000000000000008 WARNING sinktest 1.2.3 here 0000000000000007 Level 35 else - - 0000000000000008]"
	if fmt.Sprint(got) != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
}

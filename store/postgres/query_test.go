//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/sink"
)

func all(t *testing.T, rows sink.Rows) string {
	t.Helper()
	got := fmt.Sprint(rows.Columns())
	for {
		row, err := rows.Next(ctx)
		if err == io.EOF {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		got += "\n" + fmt.Sprintf("%#v", row)
	}
}

func ask(t *testing.T, q sink.Queryer, sql string) string {
	t.Helper()
	rows, err := q.Query(ctx, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer rows.Close()
	return all(t, rows)
}

func TestQueryGivesValues(t *testing.T) {
	s, r, p := opened(t, "")
	if err := s.Write(ctx, batch(r, "a", "b")); err != nil {
		t.Fatal(err)
	}
	for sql, want := range map[string]string{
		"select message, severity, null as n from " + p.schema + ".logs order by 1;": "[{message false} {severity false} {n false}]\n[]interface {}{\"a\", 9, interface {}(nil)}\n[]interface {}{\"b\", 9, interface {}(nil)}",
		"select '\\x00ff'::bytea as b, true as t -- comment":                         "[{b false} {t false}]\n[]interface {}{[]uint8{0x0, 0xff}, true}",
		"select 9007199254740993 as i, 18446744073709551615 as n, 0.5::real as f, 1.50 as d": "[{i false} {n false} {f false} {d false}]\n" +
			"[]interface {}{9007199254740993, \"18446744073709551615\", 0.5, \"1.50\"}",
		"select date '2026-11-25' as day, timestamp '2026-11-25 01:02:03.4' as at, 'infinity'::timestamptz as never": "[{day false} {at false} {never false}]\n" +
			"[]interface {}{\"2026-11-25\", \"2026-11-25 01:02:03.4\", \"infinity\"}",
		`select '{"n":9007199254740993}'::jsonb as j, array[1, 2] as l, row(1, 'x') as s, 1 as "x;y"`: "[{j true} {l true} {s true} {x;y false}]\n" +
			"[]interface {}{\"{\\\"n\\\": 9007199254740993}\", \"[1,2]\", \"{\\\"f1\\\":1,\\\"f2\\\":\\\"x\\\"}\", 1}",
		"show server_encoding": "[{server_encoding false}]\n[]interface {}{\"UTF8\"}",
	} {
		if got := ask(t, s, sql); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", sql, got, want)
		}
	}
	rows, err := s.Query(ctx, "select created_at from "+p.schema+".logs limit 1")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if row, err := rows.Next(ctx); err != nil || row[0] != time.Date(2026, 11, 25, 20, 32, 58, 123456000, time.UTC) {
		t.Error(row, err)
	}
}

func TestQueryOnlyReads(t *testing.T) {
	s, r, p := opened(t, "")
	if err := s.Write(ctx, batch(r, "a")); err != nil {
		t.Fatal(err)
	}
	logs := p.schema + ".logs"
	for _, sql := range []string{
		"delete from " + logs, "drop table " + logs, "commit; delete from " + logs, "select 1; delete from " + logs,
		"with d as (delete from " + logs + " returning 1) select * from d", "do $$ begin commit; delete from " + logs + "; end $$",
		"set transaction read write", "select set_config('transaction_read_only', 'off', false)", "not sql",
	} {
		rows, err := s.Query(ctx, sql)
		if err == nil {
			_, err = rows.Next(ctx)
			rows.Close()
		}
		if err == nil {
			t.Errorf("%s was possible", sql)
		}
	}
	if got := p.messages(t); got != "a" {
		t.Errorf("after questions the table has %q", got)
	}
}

func TestQueryEnds(t *testing.T) {
	s, r, p := opened(t, "")
	const endless = "select generate_series(1, 1000000000)"
	rows, err := s.Query(ctx, endless)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rows.Next(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(ctx, batch(r, "a")); err != nil { // meanwhile
		t.Fatal(err)
	}
	short, cancel := context.WithCancel(ctx)
	slow, err := s.Query(short, "select pg_sleep(600)")
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := slow.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of its context: %v", err)
	}
	s.Close()
	if _, err := rows.Next(ctx); err == nil {
		t.Error("after Close there are more rows")
	}
	if _, err := s.Query(ctx, "select 1"); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Error(err)
	}
	p.until(t, "0", "select count(*) from pg_stat_activity where application_name like '%query'") // the server is rid of them too
}

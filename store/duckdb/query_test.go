//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/sink"
)

// all reads an answer to its end.
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

func ask(t *testing.T, path, sql string) string {
	t.Helper()
	rows, err := Query(ctx, path, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer rows.Close()
	return all(t, rows)
}

func TestQueryGivesValues(t *testing.T) {
	s, r, path := opened(t, "")
	if err := s.Write(ctx, batch(r, "a", "b")); err != nil {
		t.Fatal(err)
	}
	for sql, want := range map[string]string{
		"select message, severity, null as n from logs order by 1;": "[{message false} {severity false} {n false}]\n[]interface {}{\"a\", 9, interface {}(nil)}\n[]interface {}{\"b\", 9, interface {}(nil)}",
		"select '\\x00\\xFF'::blob as b, true as t -- comment":      "[{b false} {t false}]\n[]interface {}{[]uint8{0x0, 0xff}, true}",
		"select sum(severity) as x, sum(severity) as x from logs":   "[{x false} {x false}]\n[]interface {}{18, 18}",
		"select 9007199254740993 as i, 170141183460469231731687303715884105727 as h, 18446744073709551615::ubigint as u": "[{i false} {h false} {u false}]\n" +
			"[]interface {}{9007199254740993, \"170141183460469231731687303715884105727\", \"18446744073709551615\"}",
		"select 1.50::decimal(9,2) as d, 0.5::float as f, date '2026-11-25' as day, timestamp '2026-11-25 01:02:03.4' as at": "[{d false} {f false} {day false} {at false}]\n" +
			"[]interface {}{\"1.50\", 0.5, \"2026-11-25\", \"2026-11-25 01:02:03.4\"}",
		`select '{"n":9007199254740993, "f":1.10}'::json as j, [1, 2] as l, {'a': 1} as s`: "[{j true} {l true} {s true}]\n" +
			"[]interface {}{\"{\\\"n\\\":9007199254740993, \\\"f\\\":1.10}\", \"[1,2]\", \"{\\\"a\\\":1}\"}",
		"select name from (show tables) where name like 'girok%'": "[{name false}]\n[]interface {}{\"girok_position\"}",
		"select level, records from logs_daily":                   "[{level false} {records false}]\n[]interface {}{\"INFO\", 2}",
	} {
		if got := ask(t, path, sql); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", sql, got, want)
		}
	}
	if got := ask(t, path, "show tables"); !strings.Contains(got, "logs_daily") {
		t.Error(got)
	}
	if got := ask(t, path, "explain select * from logs"); !strings.Contains(got, "SEQ_SCAN") {
		t.Error(got)
	}
	rows, err := Query(ctx, path, "select created_at from logs limit 1")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	row, err := rows.Next(ctx)
	if at, ok := row[0].(time.Time); err != nil || !ok || at.Format(time.RFC3339Nano) != "2026-11-25T20:32:58.123456Z" {
		t.Errorf("a timestamp is %v (%v)", row, err)
	}
}

// TestQueryKeepsTheOrder asks for more rows than one of DuckDB's threads takes at
// once.
func TestQueryKeepsTheOrder(t *testing.T) {
	_, _, path := opened(t, "")
	rows, err := Query(ctx, path, "select hash(i)::varchar as h, i from range(500000) t(i) order by i desc")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for i := int64(499_999); i >= 0; i-- {
		row, err := rows.Next(ctx)
		if err != nil || row[1] != i {
			t.Fatalf("want row %d, got %v (%v)", i, row, err)
		}
	}
}

func TestQueryOnlyReads(t *testing.T) {
	s, r, path := opened(t, "")
	if err := s.Write(ctx, batch(r, "a")); err != nil {
		t.Fatal(err)
	}
	refuse := func(t *testing.T) {
		for _, sql := range []string{
			"delete from logs", "drop table logs", "commit; delete from logs", "commit", "set global memory_limit = '1GB'", "pragma memory_limit='1GB'",
			"attach '" + path + ".new' as n", "copy logs to '" + path + ".csv'", "checkpoint", "install httpfs", "explain analyze delete from logs",
			"with x as (select 1) insert into logs (message) select 'x'", "select 1) as t(c0); delete from logs; select * from (select 1", "", ";",
		} {
			if rows, err := Query(ctx, path, sql); err == nil {
				rows.Close()
				t.Errorf("%q was possible", sql)
			}
		}
	}
	t.Run("while it is written", refuse)
	s.Close()
	t.Run("by itself", refuse)
	if n := count(t, path); n != 1 {
		t.Errorf("%d rows", n)
	}
	if _, err := Query(ctx, path+".not", "select 1"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

const endless = "select count(*) from range(1000000000000) a(i), range(1000000) b(j) where hash(i + j) = 7"

func TestQueryEndsWithItsContext(t *testing.T) {
	_, _, path := opened(t, "")
	slow, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := Query(slow, path, endless); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a query without end: %v", err)
	}
}

// TestCloseEndsQueries closes a sink while one question is worked on and another
// is read: another process can have the file then.
func TestCloseEndsQueries(t *testing.T) {
	s, r, path := opened(t, "")
	if err := s.Write(ctx, batch(r, "a", "b")); err != nil {
		t.Fatal(err)
	}
	rows, err := s.Query(ctx, "select message from logs order by 1")
	if err != nil {
		t.Fatal(err)
	}
	if row, err := rows.Next(ctx); err != nil || row[0] != "a" {
		t.Fatal(row, err)
	}
	worked := make(chan error)
	go func() {
		_, err := s.Query(ctx, endless)
		worked <- err
	}()
	for working := 0; working < 2; { // answers of s
		s.asked.Lock()
		working = len(s.asked.answers)
		s.asked.Unlock()
	}
	s.Close()
	if err := <-worked; err == nil {
		t.Error("a query without end ended")
	}
	if _, err := rows.Next(ctx); err == nil || err == io.EOF {
		t.Errorf("after Close rows go on: %v", err)
	}
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
	if _, says, _ := hold(t, path); says != "[[a] [b]] <nil>\n" {
		t.Errorf("another process reads %q", says)
	}
	if _, err := s.Query(ctx, "select 1"); err == nil {
		t.Error("a closed sink answers")
	}
}

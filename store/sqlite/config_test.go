package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
)

var (
	ctx   = context.Background()
	seoul = time.FixedZone("KST", 9*3600)
)

func testEnv(dir string) sink.Env {
	return sink.Env{Service: "svc", Handler: "warehouse", Location: seoul, Dir: dir, Log: slog.New(slog.DiscardHandler)}
}

// opened is a sink on a new database with the table logs, and a run it owns.
func opened(t testing.TB, more string) (s *store, r *sinktest.Spool, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "a.db")
	s, r = reopened(t, path, "create: true\n"+more)
	return s, r, path
}

func reopened(t testing.TB, path, more string) (*store, *sinktest.Spool) {
	t.Helper()
	c := sinktest.Decode(t, Kind, "path: '"+path+"'\ntable: logs\n"+more)
	opened, err := Kind.Open(ctx, testEnv(""), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	s, r := opened.(*store), sinktest.NewRun(7)
	if _, err := s.Claim(ctx, "me", []sink.Claim{{Run: 7, Start: r.Start}}); err != nil {
		t.Fatal(err)
	}
	return s, r
}

func batch(r *sinktest.Spool, messages ...string) *sink.Batch {
	var records []sinktest.Record
	for _, m := range messages {
		records = append(records, sinktest.Log(m))
	}
	return sinktest.Batch("warehouse", r.Part(records...))
}

func count(t testing.TB, path string) int {
	t.Helper()
	return len(run(t, path, "select 1 from logs"))
}

// The keys of package table have their tests in the conformance suite; the rest
// of ours are here.

func TestPathIsRelativeToTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	c := sinktest.Decode(t, Kind, "path: data/a.db\ntable: logs\ncreate: true\n")
	s, err := Kind.Open(ctx, testEnv(dir), c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := os.Stat(filepath.Join(dir, "data", "a.db")); err != nil {
		t.Error(err)
	}
}

func TestTableAndTarget(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	c := sinktest.Decode(t, Kind, "path: '"+path+"'\ntable: 'my \"logs\"; 한'\ncreate: true\n")
	if c.Target() != `my "logs"; 한` {
		t.Error(c.Target())
	}
	s, err := Kind.Open(ctx, testEnv(""), c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := sinktest.NewRun(7)
	if _, err := s.(sink.Positioned).Claim(ctx, "me", []sink.Claim{{Run: 7, Start: r.Start}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(ctx, batch(r, "x")); err != nil {
		t.Fatal(err)
	}
	if rows := run(t, path, `select * from "my ""logs""; 한"`); len(rows) != 1 {
		t.Error(rows)
	}
}

func TestBatchLimits(t *testing.T) {
	c := sinktest.Decode(t, Kind, "path: a\ntable: logs\n")
	if got, want := c.Limits(), (sink.Limits{Records: 5000, Bytes: 4 << 20, Age: config.Duration(time.Second)}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	c = sinktest.Decode(t, Kind, "path: a\ntable: logs\nbatch: {records: 7, age: 2m}\n")
	if got, want := c.Limits(), (sink.Limits{Records: 7, Bytes: 4 << 20, Age: config.Duration(2 * time.Minute)}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEndpointIsOneForOneFile(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Skip(err)
	}
	endpoint := func(path string) string {
		return sinktest.Decode(t, Kind, "path: '"+path+"'\ntable: logs\n").Endpoint(testEnv(dir))
	}
	want := filepath.Join(dir, "x", "a.db")
	for _, p := range []string{"x/a.db", "./x/../x/a.db", link + "/x/a.db", want} {
		if got := endpoint(p); got != want {
			t.Errorf("endpoint of %s is %s, want %s", p, got, want)
		}
	}
}

func TestDurableSyncsEveryCommit(t *testing.T) {
	for durable, want := range map[bool]int64{false: 1, true: 2} {
		env := testEnv("")
		env.Durable = durable
		c := sinktest.Decode(t, Kind, "path: '"+filepath.Join(t.TempDir(), "a.db")+"'\ntable: logs\ncreate: true\n")
		s, err := Kind.Open(ctx, env, c)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for pragma, want := range map[string]any{"synchronous": want, "journal_mode": "wal"} {
			if got, err := s.(*store).db.query("pragma " + pragma); err != nil || got[0][0] != want {
				t.Errorf("durable %v: %s is %v (%v), want %v", durable, pragma, got, err, want)
			}
		}
	}
}

func TestCreateMakesIndexAndView(t *testing.T) {
	s, r, path := opened(t, "")
	day := sinktest.Log("x")
	day.Time = time.Date(2026, 11, 25, 15, 0, 0, 0, time.UTC) // the 26th in Seoul
	if err := s.Write(ctx, sinktest.Batch("warehouse", r.Part(day, day, sinktest.Record{Level: record.Error, Logger: "b"}))); err != nil {
		t.Fatal(err)
	}
	rows := run(t, path, "select * from logs_daily order by day, level, logger, records")
	got := fmt.Sprint(rows)
	want := "[map[day:2026-11-26 level:ERROR logger:b records:1] map[day:2026-11-26 level:INFO logger:test.logger records:2]]"
	if got != want {
		t.Errorf("logs_daily is\n%s, want\n%s", got, want)
	}
	plan, err := connection(path, "explain query plan select * from logs where created_at > '2026'")
	if err != nil || !strings.Contains(fmt.Sprint(plan), "logs_created_at") {
		t.Errorf("the index is not used: %v %v", plan, err)
	}
}

func TestDaysOfZonesWithClockChangesAreUTC(t *testing.T) {
	c := sinktest.Decode(t, Kind, "path: a\ntable: logs\ntz: America/New_York\n").(Config)
	if ddl := c.DDL(testEnv("")); !strings.Contains(ddl, "days in UTC, as SQLite can't follow the clock changes of America/New_York") {
		t.Error(ddl)
	}
	c = sinktest.Decode(t, Kind, "path: a\ntable: logs\ntz: Asia/Seoul\n").(Config)
	if ddl := c.DDL(testEnv("")); !strings.Contains(ddl, `date("created_at", '+32400 seconds')`) {
		t.Error(ddl)
	}
}

func TestDDLIsWhatCreateDoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	c := sinktest.Decode(t, Kind, "path: '"+path+"'\ntable: logs\n").(Config)
	run(t, path, c.DDL(testEnv("")))
	s, r := reopened(t, path, "")
	if err := s.Write(ctx, batch(r, "x")); err != nil {
		t.Fatal(err)
	}
	run(t, path, c.DDL(testEnv(""))) // may be run again
}

func TestMistakesHavePlaces(t *testing.T) {
	for yaml, want := range map[string]string{
		"table: logs\n":                         "path: is missing",
		"path: a\n":                             "table: is missing",
		"path: ':memory:'\ntable: logs\n":       "a.yaml:1:7: path: want the path of a file",
		"path: a\ntable: girok_position\n":      "a.yaml:2:8: table: the name \"girok_position\" is taken",
		"path: a\ntable: logs_{host}\n":         "a.yaml:2:8: table: there is no placeholder {host}",
		"path: a\ntable: logs\nbatch: {age: 1}": "a.yaml:3:14: batch.age: want a duration",
	} {
		doc, err := config.Parse("a.yaml", []byte(yaml))
		if err != nil {
			t.Fatal(err)
		}
		var ps config.Problems
		Kind.Decode(doc.Root, &ps, &struct{}{})
		if err := ps.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want %s", yaml, err, want)
		}
	}
}

func TestQuery(t *testing.T) {
	s, r, path := opened(t, "")
	if err := s.Write(ctx, batch(r, "a", "b")); err != nil {
		t.Fatal(err)
	}
	rows, err := Query(ctx, path, "select message, severity, null as n, x'00ff' as b from logs order by 1")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	got := fmt.Sprint(rows.Columns())
	for {
		row, err := rows.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got += fmt.Sprint(row)
	}
	if want := "[{message false} {severity false} {n false} {b false}][a 9 <nil> [0 255]][b 9 <nil> [0 255]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, sql := range []string{"delete from logs", "drop table logs", "pragma query_only = 0; delete from logs", "attach '" + path + ".new' as n; create table n.t (a)"} {
		if rows, err := Query(ctx, path, sql); err == nil {
			rows.Close()
			t.Errorf("%s was possible", sql)
		}
	}
	if count(t, path) != 2 {
		t.Error("a query changed the table")
	}
	if _, err := Query(ctx, path+".not", "select 1"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	slow, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := Query(slow, path, "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"); err == nil {
		t.Error("a query without end ended")
	}
}

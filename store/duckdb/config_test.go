//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	path = filepath.Join(t.TempDir(), "a.duckdb")
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
// of ours are here and in keys_test.go.

func TestPathIsRelativeToTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	c := sinktest.Decode(t, Kind, "path: data/a.duckdb\ntable: logs\ncreate: true\n")
	s, err := Kind.Open(ctx, testEnv(dir), c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := os.Stat(filepath.Join(dir, "data", "a.duckdb")); err != nil {
		t.Error(err)
	}
}

func TestTableAndTarget(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.duckdb")
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

func TestMemory(t *testing.T) {
	for more, want := range map[string]string{"": "1.0 GiB", "memory: 256MiB\n": "256.0 MiB"} {
		_, _, path := opened(t, more)
		if got := ask(t, path, "select current_setting('memory_limit') as m, current_setting('autoinstall_known_extensions') as i"); !strings.Contains(got, `"`+want+`", false`) {
			t.Errorf("%q: %s, want %s", more, got, want)
		}
	}
}

// TestLongTexts writes more text than the memory of a chunk holds, in one row too.
func TestLongTexts(t *testing.T) {
	s, r, path := opened(t, "")
	var records []sinktest.Record
	want := ""
	for i := range 25 {
		n := 100_000 + i
		records = append(records, sinktest.Log(strings.Repeat("x", n)), sinktest.Log("exactly 12 b"), sinktest.Log("13 bytes long"))
		want += fmt.Sprintf("\n[]interface {}{%d, 12, 13}", n)
	}
	wide := strings.Repeat("\x01", 120_000) // in JSON six times as long
	records = append(records, sinktest.Log("", slog.String("a", wide), slog.String("b", wide)))
	if err := s.Write(ctx, sinktest.Batch("warehouse", r.Part(records...))); err != nil {
		t.Fatal(err)
	}
	got := ask(t, path, "select max(length(message)), min(length(message)), min(case when length(message) > 12 then length(message) end) "+
		"from (select message, rowid // 3 as part from logs where rowid < 75) group by part order by part")
	if _, got, _ = strings.Cut(got, "\n"); "\n"+got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got := ask(t, path, "select length(attributes::varchar), length(attributes->>'a'), length(attributes->>'b') from logs where rowid = 75"); !strings.HasSuffix(got, "{1440015, 120000, 120000}") {
		t.Error(got)
	}
}

func TestCreateMakesView(t *testing.T) {
	s, r, path := opened(t, "")
	day := sinktest.Log("x")
	day.Time = time.Date(2026, 11, 25, 15, 0, 0, 0, time.UTC) // the 26th in Seoul
	if err := s.Write(ctx, sinktest.Batch("warehouse", r.Part(day, day, sinktest.Record{Level: record.Error, Logger: "b"}))); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(run(t, path, "select day::varchar as day, level, logger, records from logs_daily order by all"))
	want := "[map[day:2026-11-26 level:ERROR logger:b records:1] map[day:2026-11-26 level:INFO logger:test.logger records:2]]"
	if got != want {
		t.Errorf("logs_daily is\n%s, want\n%s", got, want)
	}
}

func TestDaysFollowTheClockChanges(t *testing.T) {
	s, r, path := opened(t, "tz: America/New_York\n")
	var records []sinktest.Record
	for _, at := range []time.Time{time.Date(2026, 7, 2, 3, 59, 0, 0, time.UTC), time.Date(2026, 1, 2, 4, 59, 0, 0, time.UTC)} {
		records = append(records, sinktest.Record{Time: at})
	}
	if err := s.Write(ctx, sinktest.Batch("warehouse", r.Part(records...))); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(run(t, path, "select day::varchar as day from logs_daily order by 1"))
	if want := "[map[day:2026-01-01] map[day:2026-07-01]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDDLIsWhatCreateDoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.duckdb")
	c := sinktest.Decode(t, Kind, "path: '"+path+"'\ntable: logs\n").(Config)
	run(t, path, c.DDL(testEnv("")))
	s, r := reopened(t, path, "")
	if err := s.Write(ctx, batch(r, "x")); err != nil {
		t.Fatal(err)
	}
	s.Close()
	run(t, path, c.DDL(testEnv(""))) // may be run again
}

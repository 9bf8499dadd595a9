package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
)

func wantRefused(t testing.TB, err error, remedy string) {
	t.Helper()
	var refused *sink.Refused
	if !errors.As(err, &refused) || !strings.Contains(refused.Remedy, remedy) {
		t.Errorf("want *sink.Refused with a remedy that has %q, got %T: %v", remedy, err, err)
	}
}

// goesIn writes a batch that failed once again, and counts.
func goesIn(t testing.TB, s *store, path string, b *sink.Batch, rows int) {
	t.Helper()
	var err error
	for range 2 { // after a repair the first try may still find the old state
		if err = s.Write(ctx, b); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatalf("the batch does not go in after the repair: %v", err)
	}
	if n := count(t, path); n != rows {
		t.Errorf("%d rows, want %d", n, rows)
	}
}

func TestBusyIsRetried(t *testing.T) {
	s, r, path := opened(t, "")
	if err := s.Write(ctx, batch(r, "a")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.exec("pragma busy_timeout = 50"); err != nil {
		t.Fatal(err)
	}
	other, err := openDB(path, false, false)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.exec("begin immediate"); err != nil {
		t.Fatal(err)
	}
	b := batch(r, "b")
	var retry *sink.Retry
	if err := s.Write(ctx, b); !errors.As(err, &retry) {
		t.Errorf("want *sink.Retry, got %T: %v", err, err)
	}
	if _, err := s.Claim(ctx, "me", []sink.Claim{{Run: 7}}); !errors.As(err, &retry) {
		t.Errorf("Claim: want *sink.Retry, got %T: %v", err, err)
	}
	if _, err := other.exec("commit"); err != nil {
		t.Fatal(err)
	}
	goesIn(t, s, path, b, 2)
}

// TestReaderDoesNotBlock holds a read transaction open while a batch is written.
func TestReaderDoesNotBlock(t *testing.T) {
	s, r, path := opened(t, "")
	if err := s.Write(ctx, batch(r, "a")); err != nil {
		t.Fatal(err)
	}
	rows, err := Query(ctx, path, "select * from logs, logs_daily")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	goesIn(t, s, path, batch(r, "b"), 2)
}

func TestReadOnlyFile(t *testing.T) {
	s, _, path := opened(t, "")
	s.Close()
	if _, err := client(t, path, "pragma journal_mode = delete"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		t.Skip("root may write a read-only file")
	}
	c := sinktest.Decode(t, Kind, "path: '"+path+"'\ntable: logs\n")
	_, err := Kind.Open(ctx, testEnv(""), c)
	wantRefused(t, err, "right to write")
}

// TestReadOnlyDatabase is the same by SQLite's own means, also for root.
func TestReadOnlyDatabase(t *testing.T) {
	s, r, path := opened(t, "")
	b := batch(r, "a")
	if _, err := s.db.exec("pragma query_only = 1"); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, s.Write(ctx, b), "right to write")
	goesIn(t, s, path, b, 1)
}

func TestNoFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "no", "a.db")
	c := sinktest.Decode(t, Kind, "path: '"+path+"'\ntable: logs\n")
	_, err := Kind.Open(ctx, testEnv(""), c)
	wantRefused(t, err, "create: true")
	if _, err := os.Stat(filepath.Dir(path)); err == nil {
		t.Error("the folder was made")
	}
}

func TestFolderIsAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := sinktest.Decode(t, Kind, "path: '"+file+"/a.db'\ntable: logs\ncreate: true\n")
	_, err := Kind.Open(ctx, testEnv(""), c)
	wantRefused(t, err, "folder")
}

func TestNotADatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("this is no database. ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	c := sinktest.Decode(t, Kind, "path: '"+path+"'\ntable: logs\ncreate: true\n")
	_, err := Kind.Open(ctx, testEnv(""), c)
	wantRefused(t, err, "not a database")
}

func TestDamagedFile(t *testing.T) {
	s, r, path := opened(t, "")
	for range 20 {
		if err := s.Write(ctx, batch(r, strings.Repeat("x", 3000), "y")); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := append(append([]byte{}, whole[:4096]...), []byte(strings.Repeat("\xa5", len(whole)-4096))...)
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	b := batch(r, "after")
	wantRefused(t, s.Write(ctx, b), "recover")
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	goesIn(t, s, path, b, 41)
}

func TestFullDisk(t *testing.T) {
	s, r, path := opened(t, "")
	if err := s.Write(ctx, batch(r, "a")); err != nil {
		t.Fatal(err)
	}
	pages, err := s.db.query("pragma page_count")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.query("pragma max_page_count = " + fmt.Sprint(pages[0][0])); err != nil {
		t.Fatal(err)
	}
	b := batch(r, strings.Repeat("x", 100_000))
	wantRefused(t, s.Write(ctx, b), "make room")
	if n := count(t, path); n != 1 {
		t.Errorf("%d rows after a batch that found no room, want 1", n)
	}
	goesIn(t, s, path, b, 2) // a new connection has no limit
}

func TestFileReplaced(t *testing.T) {
	s, r, path := opened(t, "")
	if err := s.Write(ctx, batch(r, "a")); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	b := batch(r, "b")
	wantRefused(t, s.Write(ctx, b), "put the database back")
	if n := count(t, path); n != 0 {
		t.Errorf("%d rows in a new file whose position is lost, want 0", n)
	}
}

func TestTableMissingHasItsDDL(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	run(t, path, "create table other (a)")
	c := sinktest.Decode(t, Kind, "path: '"+path+"'\ntable: logs\n")
	_, err := Kind.Open(ctx, testEnv(""), c)
	wantRefused(t, err, `create table if not exists "logs"`)
	var refused *sink.Refused
	errors.As(err, &refused)
	_, ddl, _ := strings.Cut(refused.Remedy, "run:\n")
	run(t, path, ddl)
	s, r := reopened(t, path, "")
	goesIn(t, s, path, batch(r, "x"), 1)
}

func TestConstraintNamesItsRows(t *testing.T) {
	s, r, path := opened(t, "")
	run(t, path, "create unique index once on logs (message)")
	var messages []string
	for i := range 60 {
		messages = append(messages, fmt.Sprint(i))
	}
	messages[33], messages[59] = messages[2], messages[2]
	records := make([]sinktest.Record, len(messages))
	for i, m := range messages {
		records[i] = sinktest.Log(m)
	}
	part := r.Part(records...)
	err := s.Write(ctx, sinktest.Batch("warehouse", part))
	var reject *sink.Reject
	if !errors.As(err, &reject) || len(reject.Rows) != 2 || reject.Rows[0].Index != 33 || reject.Rows[1].Index != 59 {
		t.Fatalf("want rows 33 and 59 rejected, got %v", err)
	}
	if !strings.Contains(reject.Rows[0].Reason, "UNIQUE") {
		t.Errorf("the reason is %q", reject.Rows[0].Reason)
	}
	goesIn(t, s, path, sinktest.Batch("warehouse", part.Without(33, 59)), 58)
}

func TestTriggerThatFailsIsRefused(t *testing.T) {
	s, r, path := opened(t, "")
	run(t, path, "create trigger bad before insert on logs begin insert into nowhere values (1); end")
	b := batch(r, "a")
	for range 2 {
		wantRefused(t, s.Write(ctx, b), "")
	}
	run(t, path, "drop trigger bad")
	goesIn(t, s, path, b, 1)
}

// TestCommitFails makes the commit itself fail: a deferred foreign key is
// checked there.
func TestCommitFails(t *testing.T) {
	s, r, path := opened(t, "")
	run(t, path, "create table parent (id TEXT primary key); drop view logs_daily; drop table logs")
	run(t, path, strings.Replace(tableDDL(s.config), `"host" TEXT`, `"host" TEXT references parent (id) deferrable initially deferred`, 1))
	if _, err := s.db.exec("pragma foreign_keys = 1"); err != nil {
		t.Fatal(err)
	}
	b := batch(r, "a")
	var reject *sink.Reject
	if err := s.Write(ctx, b); !errors.As(err, &reject) {
		t.Errorf("want *sink.Reject, got %T: %v", err, err)
	}
	if n := count(t, path); n != 0 {
		t.Errorf("a failed commit left %d rows", n)
	}
	run(t, path, "insert into parent values ('here')")
	goesIn(t, s, path, b, 1)
}

func TestCancelledBatchLeavesNothing(t *testing.T) {
	s, r, path := opened(t, "")
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	b := batch(r, "a")
	if err := s.Write(cancelled, b); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if n := count(t, path); n != 0 {
		t.Errorf("%d rows", n)
	}
	goesIn(t, s, path, b, 1)
}

// TestDeepValuesDoNotBreakTheColumn has one row that, if it were as deep as it was
// given, would make every query that looks into the column fail.
func TestDeepValuesDoNotBreakTheColumn(t *testing.T) {
	s, r, path := opened(t, "")
	var deep any = "end"
	for range 3000 {
		deep = []any{deep}
	}
	b := sinktest.Batch("warehouse", r.Part(sinktest.Log("a", slog.Int("n", 1)), sinktest.Log("b", slog.Any("deep", deep), slog.Int("n", 1))))
	if err := s.Write(ctx, b); err != nil {
		t.Fatal(err)
	}
	if n := len(run(t, path, "select 1 from logs where json_extract(attributes, '$.n') = 1 and json_valid(attributes)")); n != 2 {
		t.Errorf("%d rows can be looked into, want 2", n)
	}
}

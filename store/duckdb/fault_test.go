//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
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

// TestMain is another process that has a file open, if the environment says so.
func TestMain(m *testing.M) {
	path := os.Getenv("GIROK_DUCKDB_HOLD")
	if path == "" {
		os.Exit(m.Run())
	}
	c, err := connect(path, false)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	err = c.use(func() error {
		found, err := c.texts("select message from logs order by message")
		fmt.Println(found, err)
		return err
	})
	if err != nil {
		os.Exit(1)
	}
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // until the test is done
}

// hold opens a file in another process, which says what is in it.
func hold(t *testing.T, path string) (pid int, says string, release func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GIROK_DUCKDB_HOLD="+path)
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	release = func() {
		in.Close()
		_ = cmd.Wait() // the second time it has ended
	}
	t.Cleanup(release)
	return cmd.Process.Pid, line, release
}

func TestAnotherProcess(t *testing.T) {
	s, r, path := opened(t, "")
	if err := s.Write(ctx, batch(r, "a", "b")); err != nil {
		t.Fatal(err)
	}
	if _, says, _ := hold(t, path); !strings.Contains(says, fmt.Sprint(os.Getpid())) {
		t.Errorf("another process that opens the file gets %q", says)
	}
	s.Close()
	pid, says, release := hold(t, path)
	if says != "[[a] [b]] <nil>\n" {
		t.Fatalf("another process reads %q", says)
	}
	b := batch(r, "c")
	err := s.Write(ctx, b)
	var retry *sink.Retry
	var held *Held
	if !errors.As(err, &retry) || !errors.As(err, &held) || held.PID != pid || held.Path != path || !strings.Contains(err.Error(), held.Program) {
		t.Errorf("want a *sink.Retry with process %d, got %T: %v", pid, err, err)
	}
	if _, err := Query(ctx, path, "select 1"); !errors.As(err, &held) || held.PID != pid {
		t.Errorf("Query: want *Held with process %d, got %v", pid, err)
	}
	if got := look(t, "path: '"+path+"'\ntable: logs\n"); !strings.Contains(got, fmt.Sprintf("note %s is open in process %d", path, pid)) {
		t.Errorf("a look at what another process has open: %s", got)
	}
	release()
	goesIn(t, s, path, b, 3)
}

func TestReadOnlyFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ro")
	if err := os.Mkdir(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		t.Skip("root may write into a read-only folder; see TestReadOnlyDisk")
	}
	c := sinktest.Decode(t, Kind, "path: '"+dir+"/a.duckdb'\ntable: logs\ncreate: true\n")
	_, err := Kind.Open(ctx, testEnv(""), c)
	wantRefused(t, err, "right to write")
}

func TestNoFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "no", "a.duckdb")
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
	c := sinktest.Decode(t, Kind, "path: '"+file+"/a.duckdb'\ntable: logs\ncreate: true\n")
	_, err := Kind.Open(ctx, testEnv(""), c)
	wantRefused(t, err, "folder")
}

func TestNotADatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.duckdb")
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
	wantRefused(t, s.Write(ctx, b), "put a copy back")
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	goesIn(t, s, path, b, 41)
}

func TestFileReplaced(t *testing.T) {
	s, r, path := opened(t, "")
	other, _ := reopened(t, path, "") // another handler, which does nothing
	if err := s.Write(ctx, batch(r, "a")); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", ".wal"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	b := batch(r, "b")
	wantRefused(t, s.Write(ctx, b), "put the database back")
	if n := count(t, path); n != 0 {
		t.Errorf("%d rows in a new file whose position is lost, want 0", n)
	}
	wantRefused(t, other.Write(ctx, b), "put the database back")
}

func TestTableMissingHasItsDDL(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.duckdb")
	run(t, path, "create table other (a integer)")
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

// TestColumnsOfOthers writes into a table that was made by others: columns in
// another order and case, more of them, and of other types.
func TestColumnsOfOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.duckdb")
	run(t, path, positionDDL+`; create table logs (id integer default 7, Message varchar, n utinyint, u ubigint, "at" timestamp, price double,
		attributes varchar, doubled integer generated always as (n::integer * 2))`)
	const columns = "columns: {message: message, at: {from: time, type: timestamp}, n: {from: attr.n, type: int}, " +
		"u: {from: attr.u, type: 'decimal(20,0)'}, price: {from: attr.price, type: 'decimal(9,2)'}}\n"
	s, r := reopened(t, path, columns)
	good := sinktest.Log("good", slog.Int("n", 200), slog.Uint64("u", 1<<63), slog.Float64("price", -1.5), slog.String("more", "x"))
	bad := sinktest.Log("a secret", slog.Int("n", 256))
	part := r.Part(good, bad)
	err := s.Write(ctx, sinktest.Batch("warehouse", part))
	var reject *sink.Reject
	if !errors.As(err, &reject) || len(reject.Rows) != 1 || reject.Rows[0].Index != 1 {
		t.Fatalf("want row 1 rejected, got %v: %+v", err, reject.Rows)
	}
	if err := s.Write(ctx, sinktest.Batch("warehouse", part.Without(1))); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(run(t, path, `select id, message, n::int as n, u::varchar as u, "at"::varchar as "at", price, attributes, doubled from logs`))
	want := `[map[Message:good at:2026-11-25 20:32:58.123456 attributes:{"more":"x"} doubled:400 id:7 n:200 price:-1.5 u:9223372036854775808]]`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestConstraintNamesItsRows(t *testing.T) {
	s, r, path := opened(t, "")
	run(t, path, "create unique index once on logs (message)")
	var records []sinktest.Record
	for i := range 60 {
		records = append(records, sinktest.Log(fmt.Sprint("private-", i)))
	}
	records[33], records[59] = records[2], records[2]
	part := r.Part(records...)
	err := s.Write(ctx, sinktest.Batch("warehouse", part))
	var reject *sink.Reject
	if !errors.As(err, &reject) || len(reject.Rows) != 2 || reject.Rows[0].Index != 33 || reject.Rows[1].Index != 59 {
		t.Fatalf("want rows 33 and 59 rejected, got %v", err)
	}
	if reason := reject.Rows[0].Reason; !strings.Contains(reason, "UNIQUE") || strings.Contains(reason, "private") {
		t.Errorf("the reason is %q", reason)
	}
	if n := count(t, path); n != 0 {
		t.Errorf("after a Reject %d rows are in", n)
	}
	goesIn(t, s, path, sinktest.Batch("warehouse", part.Without(33, 59)), 58)
}

func TestManyBadRowsAreSplitByDelivery(t *testing.T) {
	s, r, path := opened(t, "")
	run(t, path, "alter table logs add column n utinyint") // not a column of ours
	run(t, path, "create unique index once on logs (message)")
	records := make([]sinktest.Record, 100)
	for i := range records {
		records[i] = sinktest.Log("the same")
	}
	err := s.Write(ctx, sinktest.Batch("warehouse", r.Part(records...)))
	var reject *sink.Reject
	if !errors.As(err, &reject) || len(reject.Rows) > 0 {
		t.Errorf("want a Reject without rows, got %v", err)
	}
}

func TestConflictIsRetried(t *testing.T) {
	s, r, path := opened(t, "")
	other, err := connect(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer other.close()
	b := batch(r, "a")
	err = other.use(func() error {
		return other.transaction(func() error {
			if _, err := other.exec("update girok_position set owner = 'other', moved_at = now()"); err != nil {
				return err
			}
			var retry *sink.Retry
			if err := s.Write(ctx, b); !errors.As(err, &retry) {
				t.Errorf("want *sink.Retry, got %T: %v", err, err)
			}
			return errors.New("roll back")
		})
	})
	if err.Error() != "roll back" {
		t.Fatal(err)
	}
	goesIn(t, s, path, b, 1)
}

// TestReaderDoesNotBlock holds a read transaction open while batches are written.
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

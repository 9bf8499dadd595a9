//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/girok/girok/internal/pgtest"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
)

func wantRefused(t testing.TB, err error, remedy string) {
	t.Helper()
	var refused *sink.Refused
	if !errors.As(err, &refused) || !strings.Contains(refused.Remedy, remedy) {
		t.Errorf("want *sink.Refused with a remedy that has %q, got %T: %v", remedy, err, err)
	}
	wantNoSecret(t, err)
}

func wantRetry(t testing.TB, err error, what string) {
	t.Helper()
	var retry *sink.Retry
	if !errors.As(err, &retry) || !strings.Contains(err.Error(), what) {
		t.Errorf("want *sink.Retry with %q, got %T: %v", what, err, err)
	}
	wantNoSecret(t, err)
}

func wantNoSecret(t testing.TB, err error) {
	t.Helper()
	for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%+v", err)} {
		if strings.Contains(text, pgtest.Password) || strings.Contains(text, "\n") && !strings.Contains(text, "run:\n") {
			t.Errorf("the error tells the password, or has many lines: %s", text)
		}
	}
}

// goesIn writes a batch that failed once again, and looks at what is there.
func goesIn(t testing.TB, s *store, p *place, b *sink.Batch, messages string) {
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
	if got := p.messages(t); got != messages {
		t.Errorf("the table has %q, want %q", got, messages)
	}
}

// connect is another client of the server.
func (p *place) connect(t testing.TB) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.Connect(ctx, p.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(ctx) })
	return conn
}

func TestConnectionIsTerminated(t *testing.T) {
	s, r, p := opened(t, "")
	if err := s.Write(ctx, batch(r, "a")); err != nil {
		t.Fatal(err)
	}
	p.run(t, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'girok svc/warehouse'")
	b := batch(r, "b")
	wantRetry(t, s.Write(ctx, b), "")
	goesIn(t, s, p, b, "a b")
}

// TestTerminatedInTheMiddle ends the connection while rows are copied: a trigger
// of the table does it.
func TestTerminatedInTheMiddle(t *testing.T) {
	s, r, p := opened(t, "")
	p.run(t, `create function boom() returns trigger language plpgsql as $$ begin
  if new.message = 'b' then perform pg_terminate_backend(pg_backend_pid()); end if; return new; end $$;
create trigger boom before insert on logs for each row execute function boom()`)
	b := batch(r, "a", "b", "c")
	wantRetry(t, s.Write(ctx, b), "57P01")
	p.run(t, "drop trigger boom on logs")
	goesIn(t, s, p, b, "a b c")
}

func TestLockIsWaitedFor(t *testing.T) {
	s, r, p := opened(t, "")
	other := p.connect(t)
	if _, err := run(ctx, other, stmt{sql: "begin"}, stmt{sql: "update " + p.schema + ".girok_position set idx = idx"}); err != nil {
		t.Fatal(err)
	}
	b := batch(r, "a")
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	if err := s.Write(short, b); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if got := p.messages(t); got != "" {
		t.Error(got)
	}
	if _, err := run(ctx, other, stmt{sql: "rollback"}); err != nil {
		t.Fatal(err)
	}
	goesIn(t, s, p, b, "a")
}

// TestOldCommitGoesFirst: a claim waits for a commit that its predecessor has under
// way, and begins behind it.
func TestOldCommitGoesFirst(t *testing.T) {
	s, r, p := opened(t, "")
	if err := s.Write(ctx, batch(r, "a")); err != nil {
		t.Fatal(err)
	}
	old := p.connect(t) // stands for a predecessor in the middle of its commit
	if _, err := run(ctx, old, stmt{sql: "begin"}, stmt{sql: "update " + p.schema + ".girok_position set next = 999999"}); err != nil {
		t.Fatal(err)
	}
	next := p.second(t)
	got := make(chan []record.Place)
	go func() {
		at, err := next.Claim(ctx, "other", []sink.Claim{{Run: 7}})
		if err != nil {
			t.Error(err)
		}
		got <- at
	}()
	p.until(t, "1", waiting)
	if _, err := run(ctx, old, stmt{sql: "commit"}); err != nil {
		t.Fatal(err)
	}
	if at := <-got; len(at) != 1 || at[0].Position != 999999 {
		t.Errorf("the claim begins at %v, before the commit that went first", at)
	}
}

// second is another sink on the place, that has claimed nothing.
func (p *place) second(t testing.TB) *store {
	t.Helper()
	s, err := Kind.Open(ctx, testEnv(), sinktest.Decode(t, Kind, p.keys()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.(*store)
}

func TestTransactionsHaveLimits(t *testing.T) {
	s, _, _ := opened(t, "")
	got := ""
	err := s.transaction(ctx, func(r []*pgconn.Result) error {
		got = string(r[0].Rows[0][0])
		return nil
	}, stmt{sql: "select concat_ws(' ', current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout'), current_setting('statement_timeout'), current_setting('transaction_isolation'))"})
	if err != nil || got != "15s 10s 5min read committed" {
		t.Errorf("the limits of a transaction are %q (%v)", got, err)
	}
}

func TestTwoCopiesOfOneSpool(t *testing.T) {
	s, r, p := opened(t, "")
	if err := s.Write(ctx, batch(r, "a")); err != nil {
		t.Fatal(err)
	}
	clone := p.second(t)
	if _, err := clone.Claim(ctx, "clone", []sink.Claim{{Run: 7, Known: true}}); err != nil {
		t.Fatal(err)
	}
	var fenced *sink.Fenced
	b := batch(r, "b")
	if err := s.Write(ctx, b); !errors.As(err, &fenced) || fenced.Owner != "clone" {
		t.Errorf("want *sink.Fenced, got %T: %v", err, err)
	}
	// Also when the connection broke in between.
	s.leave()
	if err := s.Write(ctx, b); !errors.As(err, &fenced) {
		t.Errorf("want *sink.Fenced, got %T: %v", err, err)
	}
	goesIn(t, clone, p, b, "a b")
}

// TestTwoAtATime: the claim comes while the old owner copies its rows; its
// position does not move any more.
func TestTwoAtATime(t *testing.T) {
	s, r, p := opened(t, "")
	open := p.gate(t)
	p.run(t, "create trigger meanwhile before insert on logs for each row execute function gate()")
	b := batch(r, "a")
	done := make(chan error)
	go func() { done <- s.Write(ctx, b) }()
	p.until(t, "1", sleeping)
	clone := p.second(t)
	if _, err := clone.Claim(ctx, "clone", []sink.Claim{{Run: 7, Known: true}}); err != nil {
		t.Fatal(err)
	}
	open()
	var fenced *sink.Fenced
	if err := <-done; !errors.As(err, &fenced) {
		t.Errorf("want *sink.Fenced, got %T: %v", err, err)
	}
	p.run(t, "drop trigger meanwhile on logs")
	goesIn(t, clone, p, b, "a")
}

func TestConstraintNamesItsRows(t *testing.T) {
	s, r, p := opened(t, "")
	p.run(t, "create unique index once on logs (message)")
	records := make([]sinktest.Record, 60)
	for i := range records {
		records[i] = sinktest.Log(fmt.Sprintf("m%02d", i))
	}
	records[33], records[59] = records[2], records[2]
	part := r.Part(records...)
	var reject *sink.Reject
	if err := s.Write(ctx, sinktest.Batch("warehouse", part)); !errors.As(err, &reject) || len(reject.Rows) != 2 || reject.Rows[0].Index != 33 || reject.Rows[1].Index != 59 {
		t.Fatalf("want rows 33 and 59 rejected, got %v", err)
	}
	if want := `duplicate key value violates unique constraint "once" (SQLSTATE 23505)`; reject.Rows[0].Reason != want {
		t.Errorf("the reason is %q, want %q", reject.Rows[0].Reason, want)
	}
	if got := p.messages(t); got != "" {
		t.Errorf("after a Reject there is %s", got)
	}
	if err := s.Write(ctx, sinktest.Batch("warehouse", part.Without(33, 59))); err != nil {
		t.Fatal(err)
	}
	if got := p.run(t, "select count(*) from logs"); got != "58" {
		t.Errorf("%s rows, want 58", got)
	}
}

// TestTypesOfOthers writes into a table that somebody else made: what has another
// form goes as text, what can't be read is rejected, and its value is told nobody.
func TestTypesOfOthers(t *testing.T) {
	p := newPlace(t)
	p.run(t, "create schema "+p.schema)
	p.run(t, `create type mood as enum ('good', 'bad'); create domain small as varchar(5);
create table logs (message small, ip inet, mood mood, n smallint, x numeric, f real, u uuid, at timestamp, raw text, made text generated always as (message || '!') stored)`)
	p.run(t, positionDDL(""))
	s, r := p.open(t, "rest: drop\ncolumns:\n  message: message\n  ip: attr.ip\n  mood: attr.mood\n  n: {from: attr.n, type: int}\n  x: {from: attr.x, type: int}\n"+
		"  f: {from: attr.f, type: float}\n  u: attr.u\n  at: {from: time, type: timestamp}\n  raw: {from: attr.raw, type: bytes}\n")
	if s.tables.binary {
		t.Error("the rows go in binary form, which inet has of its own")
	}
	row := func(message string, attrs ...slog.Attr) sinktest.Record { return sinktest.Log(message, attrs...) }
	part := r.Part(
		row("a\t\\", slog.String("ip", "10.0.0.1"), slog.String("mood", "good"), slog.Int("n", 7), slog.Int("x", 8), slog.Float64("f", 0.5),
			slog.String("u", "123e4567-e89b-12d3-a456-426614174000"), slog.Any("raw", []byte{0, 255})),
		row("too long for it"),
		row("b\n\r", slog.String("ip", "not private")),
		row("c", slog.Int("n", 70000)),
	)
	var reject *sink.Reject
	if err := s.Write(ctx, sinktest.Batch("warehouse", part)); !errors.As(err, &reject) || len(reject.Rows) != 3 {
		t.Fatalf("want three rows rejected, got %v", err)
	}
	for i, want := range []string{
		"value too long for type character varying(5) (SQLSTATE 22001)",
		`column ip: invalid input syntax for type inet: "…" (SQLSTATE 22P02)`,
		`column n: value "…" is out of range for type smallint (SQLSTATE 22003)`,
	} {
		if got := reject.Rows[i].Reason; got != want && got != "column message: "+want {
			t.Errorf("row %d: %s, want %s", reject.Rows[i].Index, got, want)
		}
	}
	if err := s.Write(ctx, sinktest.Batch("warehouse", part.Without(1, 2, 3))); err != nil {
		t.Fatal(err)
	}
	want := "[map[at:2026-11-25T20:32:58.123456 f:0.5 ip:10.0.0.1 made:a\t\\! message:a\t\\ mood:good n:7 raw:\\x00ff u:123e4567-e89b-12d3-a456-426614174000 x:8]]"
	if got := fmt.Sprint(p.rows(t, "logs")); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestSmallIntegers: they have a binary form of their own.
func TestSmallIntegers(t *testing.T) {
	p := newPlace(t)
	p.run(t, "create schema "+p.schema)
	p.run(t, "create table logs (message varchar(20), a smallint, b integer, c bigint); "+positionDDL(""))
	s, r := p.open(t, "rest: drop\ncolumns:\n  message: message\n  a: {from: attr.a, type: int}\n  b: {from: attr.b, type: int}\n  c: {from: attr.c, type: int}\n")
	if !s.tables.binary {
		t.Error("the rows go as text")
	}
	part := r.Part(sinktest.Log("low", slog.Int("a", -1<<15), slog.Int("b", -1<<31), slog.Int64("c", -1<<63)),
		sinktest.Log("high", slog.Int("a", 1<<15-1), slog.Int("b", 1<<31-1), slog.Int64("c", 1<<63-1)),
		sinktest.Log("bad a", slog.Int("a", 1<<15)), sinktest.Log("bad b", slog.Int64("b", -1<<31-1)))
	var reject *sink.Reject
	if err := s.Write(ctx, sinktest.Batch("warehouse", part)); !errors.As(err, &reject) || len(reject.Rows) != 2 || reject.Rows[0].Index != 2 || reject.Rows[1].Index != 3 {
		t.Fatalf("want rows 2 and 3 rejected, got %v", err)
	}
	if err := s.Write(ctx, sinktest.Batch("warehouse", part.Without(2, 3))); err != nil {
		t.Fatal(err)
	}
	if got := p.run(t, "select * from logs order by a"); got != "low|-32768|-2147483648|-9223372036854775808\nhigh|32767|2147483647|9223372036854775807" {
		t.Error(got)
	}
}

// TestTypeChangesInBetween: eight bytes of a bigint would be read as a double
// without an error. The table is looked at after COPY has its lock.
func TestTypeChangesInBetween(t *testing.T) {
	s, r, p := opened(t, "columns:\n  message: message\n  n: {from: attr.n, type: int}\n")
	write := func(message string, n int) {
		t.Helper()
		if err := s.Write(ctx, sinktest.Batch("warehouse", r.Part(sinktest.Log(message, slog.Int("n", n))))); err != nil {
			t.Fatal(err)
		}
	}
	write("a", 1)
	for i, typ := range []string{"double precision", "text", "numeric using n::numeric", "timestamptz using null", "smallint using null"} {
		p.run(t, "alter table logs alter n type "+typ)
		if strings.HasPrefix(typ, "timestamptz") {
			var reject *sink.Reject
			b := r.Part(sinktest.Log("no", slog.Int("n", 5)))
			if err := s.Write(ctx, sinktest.Batch("warehouse", b)); !errors.As(err, &reject) {
				t.Errorf("a number in a timestamp: %v", err)
			}
			if err := s.Write(ctx, sinktest.Batch("warehouse", b.Without(0))); err != nil {
				t.Fatal(err)
			}
			continue
		}
		write(typ, 5)
		if got := p.run(t, "select n from logs where message = "+literal(typ)); got != "5" {
			t.Errorf("%d: after the column became %s the value 5 is %s", i, typ, got)
		}
	}
}

func TestTriggersWord(t *testing.T) {
	s, r, p := opened(t, "")
	p.run(t, `create function no() returns trigger language plpgsql as $$ begin
  if new.message = 'b' then raise exception 'not "%"', new.message; end if; return new; end $$;
create trigger no before insert on logs for each row execute function no()`)
	part := r.Part(sinktest.Log("a"), sinktest.Log("b"), sinktest.Log("c"))
	var reject *sink.Reject
	if err := s.Write(ctx, sinktest.Batch("warehouse", part)); !errors.As(err, &reject) || len(reject.Rows) != 1 || reject.Rows[0].Index != 1 ||
		reject.Rows[0].Reason != `not "…" (SQLSTATE P0001)` {
		t.Fatalf("want row 1 rejected, got %v", err)
	}
	p.run(t, `create or replace function no() returns trigger language plpgsql as $$ begin insert into nowhere values (1); return new; end $$`)
	for range 2 {
		wantRefused(t, s.Write(ctx, sinktest.Batch("warehouse", part)), "trigger")
	}
	p.run(t, "drop trigger no on logs")
	goesIn(t, s, p, sinktest.Batch("warehouse", part), "a b c")
}

// TestCommitFails makes the commit itself fail: a deferred foreign key is checked
// there, and which row it was is not told.
func TestCommitFails(t *testing.T) {
	s, r, p := opened(t, "")
	p.run(t, "create table parent (id text primary key); alter table logs add foreign key (host) references parent deferrable initially deferred")
	b := batch(r, "a")
	var reject *sink.Reject
	if err := s.Write(ctx, b); !errors.As(err, &reject) || len(reject.Rows) != 0 {
		t.Errorf("want *sink.Reject without rows, got %T: %v", err, err)
	}
	if got := p.messages(t); got != "" {
		t.Errorf("a failed commit left %s", got)
	}
	p.run(t, "insert into parent values ('here')")
	goesIn(t, s, p, b, "a")
}

// TestForeignKey: it is checked after all rows, and no line is told.
func TestForeignKey(t *testing.T) {
	s, r, p := opened(t, "")
	p.run(t, "create table parent (id text primary key); insert into parent values ('a'), ('c'); alter table logs add foreign key (message) references parent")
	part := r.Part(sinktest.Log("a"), sinktest.Log("b"), sinktest.Log("c"))
	var reject *sink.Reject
	if err := s.Write(ctx, sinktest.Batch("warehouse", part)); !errors.As(err, &reject) || len(reject.Rows) != 0 {
		t.Errorf("want *sink.Reject without rows, got %T: %v", err, err)
	}
	if err := s.Write(ctx, sinktest.Batch("warehouse", part.Without(1))); err != nil {
		t.Error(err)
	}
}

// TestTooManyConnections: it passes.
func TestTooManyConnections(t *testing.T) {
	s, r, p := opened(t, "")
	s.leave()
	user := "c_" + p.schema
	p.run(t, fmt.Sprintf("create role %s login password 'x' connection limit 0", user))
	_, err := Kind.Open(ctx, testEnv(), sinktest.Decode(t, Kind, strings.NewReplacer("user: "+pgtest.User, "user: "+user, pgtest.Password, "x").Replace(p.keys())))
	wantRetry(t, err, "53300")
	goesIn(t, s, p, batch(r, "a"), "a")
}

// TestClasses are answers that a test can't bring about.
func TestClasses(t *testing.T) {
	where := "COPY logs, line 1"
	for _, c := range []struct {
		err    *pgconn.PgError
		remedy string // "" for a retry
	}{
		{&pgconn.PgError{Code: "40001", Message: "could not serialize access"}, ""},
		{&pgconn.PgError{Code: "40P01", Message: "deadlock detected"}, ""},
		{&pgconn.PgError{Code: "53200", Message: "out of memory"}, ""},
		{&pgconn.PgError{Code: "55P03", Message: "lock timeout"}, ""},
		{&pgconn.PgError{Code: "57014", Message: "statement timeout"}, ""},
		{&pgconn.PgError{Code: "57P03", Message: "the database system is starting up"}, ""},
		{&pgconn.PgError{Code: "58030", Message: "could not read block"}, ""},
		{&pgconn.PgError{Code: "08P01", Message: "a pooler has no more connections"}, ""},
		{&pgconn.PgError{Code: "XX000", Message: "something"}, ""},
		{&pgconn.PgError{Code: "53100", Message: "could not extend file"}, "make room"},
		{&pgconn.PgError{Code: "25006", Message: "in recovery"}, "primary"},
		{&pgconn.PgError{Code: "28000", Message: "no pg_hba.conf entry"}, "pg_hba.conf"},
		{&pgconn.PgError{Code: "3F000", Message: "no schema"}, "mend the table"},
		{&pgconn.PgError{Code: "0A000", Message: "cannot copy to foreign table"}, "mend the table"},
		{&pgconn.PgError{Code: "22P03", Message: "incorrect binary data format", Where: where}, "another program"},
		{&pgconn.PgError{Code: "08P01", Message: "insufficient data left in message", Where: where}, "another program"},
	} {
		s := &store{}
		if err := s.failed(ctx, fmt.Errorf("wrapped: %w", c.err)); c.remedy == "" {
			wantRetry(t, err, c.err.Message)
		} else {
			wantRefused(t, err, c.remedy)
		}
	}
	for _, code := range []string{"22001", "23502", "44000", "54000", "P0001"} {
		var reject *sink.Reject
		if err := (&store{}).failed(ctx, &pgconn.PgError{Code: code, Message: "no"}); !errors.As(err, &reject) {
			t.Errorf("%s: want *sink.Reject, got %T: %v", code, err, err)
		}
	}
}

func TestTooManyBadRowsAreNotNamed(t *testing.T) {
	s, r, p := opened(t, "")
	p.run(t, "alter table logs add constraint short check (length(message) < 3)")
	var records []sinktest.Record
	for i := range 40 {
		records = append(records, sinktest.Log(fmt.Sprint("long ", i)))
	}
	var reject *sink.Reject
	if err := s.Write(ctx, sinktest.Batch("warehouse", r.Part(records...))); !errors.As(err, &reject) || len(reject.Rows) != 0 || !strings.Contains(err.Error(), `"short"`) {
		t.Errorf("want *sink.Reject without rows, got %v", err)
	}
}

func TestRights(t *testing.T) {
	s, r, p := opened(t, "")
	s.Close()
	user := "r_" + p.schema
	p.run(t, fmt.Sprintf("create role %s login password 'x'; grant usage on schema %s to %s", user, p.schema, user))
	keys := strings.NewReplacer("user: "+pgtest.User, "user: "+user, pgtest.Password, "x").Replace(p.keys())
	b := batch(r, "a")
	try := func() error {
		s, err := Kind.Open(ctx, testEnv(), sinktest.Decode(t, Kind, keys))
		if err != nil {
			return err
		}
		defer s.Close()
		if _, err := s.(*store).Claim(ctx, "me", []sink.Claim{{Run: 7}}); err != nil {
			return err
		}
		return s.Write(ctx, b)
	}
	wantRefused(t, try(), "INSERT on the table")
	p.run(t, "grant select, insert, update, delete on girok_position to "+user)
	wantRefused(t, try(), "INSERT on the table")
	p.run(t, "grant insert on logs to "+user)
	if err := try(); err != nil { // and no more rights than these
		t.Error(err)
	}
}

func TestMissingTableHasItsDDL(t *testing.T) {
	p := newPlace(t)
	_, err := Kind.Open(ctx, testEnv(), sinktest.Decode(t, Kind, p.keys()))
	wantRefused(t, err, `create table if not exists "`+p.schema+`"."logs"`)
	var refused *sink.Refused
	if !errors.As(err, &refused) {
		return
	}
	_, ddl, _ := strings.Cut(refused.Remedy, "run:\n")
	p.run(t, ddl)
	s, r := p.open(t, "")
	goesIn(t, s, p, batch(r, "x"), "x")
}

func TestNoDatabase(t *testing.T) {
	p := newPlace(t)
	_, err := Kind.Open(ctx, testEnv(), sinktest.Decode(t, Kind, strings.Replace(p.keys(), "database: postgres", "database: nowhere", 1)))
	wantRefused(t, err, "create the database")
}

func TestStandby(t *testing.T) {
	s, r, p := opened(t, "")
	p.run(t, "alter role "+pgtest.User+" set default_transaction_read_only = on")
	defer p.run(t, "set default_transaction_read_only = off; alter role "+pgtest.User+" reset default_transaction_read_only")
	s.leave()
	goesIn(t, s, p, batch(r, "a"), "a") // what is only a default does not hold girok up
}

func TestNobodyListens(t *testing.T) {
	_, err := Kind.Open(ctx, testEnv(), sinktest.Decode(t, Kind, "host: 127.0.0.1\nport: 1\nuser: u\npassword: "+pgtest.Password+"\ndatabase: d\ntable: logs\n"))
	wantRetry(t, err, "refused; is the server running, and are host and port right?")
	if strings.Count(err.Error(), "refused") != 1 {
		t.Errorf("it is told twice: %v", err)
	}
	_, err = Kind.Open(ctx, testEnv(), sinktest.Decode(t, Kind, "host: nobody.invalid\nuser: u\npassword: "+pgtest.Password+"\ndatabase: d\ntable: logs\n"))
	var name *net.DNSError
	if wantRetry(t, err, ""); errors.As(err, &name) && name.IsNotFound { // offline it is another error
		wantRetry(t, err, "; is the host right?")
	}
	_, err = Kind.Open(ctx, testEnv(), sinktest.Decode(t, Kind, "host: "+t.TempDir()+"\nuser: u\npassword: "+pgtest.Password+"\ndatabase: d\ntable: logs\n"))
	wantRetry(t, err, "; is the server running")
	_, err = Kind.Open(ctx, testEnv(), sinktest.Decode(t, Kind, "dsn: 'postgres://u:"+pgtest.Password+"@[/d'\ntable: logs\n"))
	wantRefused(t, err, "postgres://user:password@host")
	gone := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(gone, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := sinktest.Decode(t, Kind, "host: 127.0.0.1\nport: 1\nuser: u\npassword: '${file:"+gone+"}'\ndatabase: d\ntable: logs\n")
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	_, err = Kind.Open(ctx, testEnv(), c)
	wantRefused(t, err, "read again")
}

func TestCancelledBatchLeavesNothing(t *testing.T) {
	s, r, p := opened(t, "")
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	b := batch(r, "a")
	if err := s.Write(cancelled, b); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	goesIn(t, s, p, b, "a")
}

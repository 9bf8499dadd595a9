//go:build unix

package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/girok/girok/internal/pgtest"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
)

func TestServerIsKilled(t *testing.T) {
	s, r, p := opened(t, "")
	if err := s.Write(ctx, batch(r, "a")); err != nil {
		t.Fatal(err)
	}
	p.Kill()
	b := batch(r, "b")
	wantRetry(t, s.Write(ctx, b), "")
	wantRetry(t, s.Write(ctx, b), "")
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	goesIn(t, s, p, b, "a b")
}

// TestServerIsKilledInTheMiddle kills it while it takes rows.
func TestServerIsKilledInTheMiddle(t *testing.T) {
	s, r, p := opened(t, "")
	p.run(t, `create function slow() returns trigger language plpgsql as $$ begin
  if new.message = '99' then perform pg_sleep(600); end if; return new; end $$;
create trigger slow before insert on logs for each row execute function slow()`)
	var records []sinktest.Record
	for i := range 200 {
		records = append(records, sinktest.Log(fmt.Sprint(i)))
	}
	b := sinktest.Batch("warehouse", r.Part(records...))
	done := make(chan error)
	go func() { done <- s.Write(ctx, b) }()
	p.until(t, "1", sleeping)
	p.Kill()
	wantRetry(t, <-done, "")
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	p.run(t, "drop trigger slow on logs")
	if err := s.Write(ctx, b); err != nil {
		t.Fatal(err)
	}
	if got := p.run(t, "select count(*), count(distinct message) from logs"); got != "200|200" {
		t.Error(got)
	}
}

func TestServerIsShutDown(t *testing.T) {
	s, r, p := opened(t, "")
	p.Shutdown()
	b := batch(r, "a")
	wantRetry(t, s.Write(ctx, b), "")
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	goesIn(t, s, p, b, "a")
}

// TestPasswordHeals: a wrong password refuses, and is read again.
func TestPasswordHeals(t *testing.T) {
	p := newPlace(t)
	user := "p_" + p.schema
	p.run(t, fmt.Sprintf("create schema %s; create role %s login password 'first secret'; grant all on schema %s to %s", p.schema, user, p.schema, user))
	file := filepath.Join(t.TempDir(), "password")
	write := func(password string) {
		if err := os.WriteFile(file, []byte(password), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first secret")
	keys := fmt.Sprintf("host: 127.0.0.1\nport: %d\nuser: %s\npassword: ${file:%s}\ndatabase: postgres\ntable: %s.logs\ncreate: true\n", p.Port, user, file, p.schema)
	opened, err := Kind.Open(ctx, testEnv(), sinktest.Decode(t, Kind, keys))
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	s, r := opened.(*store), sinktest.NewRun(7)
	claim(t, s, r)
	p.run(t, fmt.Sprintf("alter role %s password 'second secret'; select pg_terminate_backend(pid) from pg_stat_activity where usename = '%s'", user, user))
	b := batch(r, "a")
	wantRetry(t, s.Write(ctx, b), "")
	for range 2 {
		err := s.Write(ctx, b)
		wantRefused(t, err, "user and password")
		if strings.Contains(fmt.Sprint(err), "first secret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
	write("second secret")
	goesIn(t, s, p, b, "a")
}

// TestDatabaseIsPutBack: a database that was dropped and restored stands where its
// copy was made. The sink says so; claimed anew, it goes back there.
func TestDatabaseIsPutBack(t *testing.T) {
	p := newPlace(t)
	db := "db_" + p.schema
	p.Run(t, "postgres", "create database "+db)
	keys := strings.Replace(p.keys(), "database: postgres", "database: "+db, 1) + "create: true\n"
	open := func() *store {
		t.Helper()
		s, err := Kind.Open(ctx, testEnv(), sinktest.Decode(t, Kind, keys))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s.(*store)
	}
	s, r := open(), sinktest.NewRun(7)
	claim(t, s, r)
	if err := s.Write(ctx, batch(r, "a")); err != nil {
		t.Fatal(err)
	}
	was := r.Next()
	s.leave()
	p.Run(t, "postgres", "create database "+db+"_copy template "+db)
	for _, m := range []string{"b", "c"} {
		if err := s.Write(ctx, batch(r, m)); err != nil {
			t.Fatal(err)
		}
	}
	p.Run(t, "postgres", "drop database "+db+" with (force)")
	b := batch(r, "d")
	wantRetry(t, s.Write(ctx, b), "")
	wantRefused(t, s.Write(ctx, b), "create the database")
	p.Run(t, "postgres", "alter database "+db+"_copy rename to "+db)
	wantRefused(t, s.Write(ctx, b), "goes back")
	s.Close()
	s = open()
	at, err := s.Claim(ctx, "me", []sink.Claim{{Run: 7, Known: true}})
	if err != nil || at[0] != was {
		t.Fatalf("the claim gives %v (%v), want %v, where the copy was made", at, err, was)
	}
	r.Seek(was)
	if err := s.Write(ctx, batch(r, "b", "c", "d")); err != nil {
		t.Fatal(err)
	}
	if got := p.Run(t, db, "select string_agg(message, ' ' order by message) from "+p.schema+".logs"); got != "a b c d" {
		t.Error(got)
	}
	// A database that is new, and not a copy, is another matter.
	p.Run(t, "postgres", "drop database "+db+" with (force); create database "+db)
	b = batch(r, "e")
	wantRetry(t, s.Write(ctx, b), "")
	wantRefused(t, s.Write(ctx, b), "put the database back")
}

// behindProxy is a sink that reaches the server through a proxy.
func (p *place) behindProxy(t *testing.T) (*store, *sinktest.Spool, *pgtest.Proxy) {
	t.Helper()
	x, err := pgtest.NewProxy(p.Server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.Close)
	keys := strings.Replace(p.keys(), fmt.Sprintf("port: %d", p.Port), fmt.Sprintf("port: %d", x.Port), 1)
	s, err := Kind.Open(ctx, testEnv(), sinktest.Decode(t, Kind, keys+"create: true\n"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	r := sinktest.NewRun(7)
	claim(t, s.(*store), r)
	return s.(*store), r, x
}

// TestAnswerIsLostAtCommit: whether the batch is in is told by the position.
func TestAnswerIsLostAtCommit(t *testing.T) {
	p := newPlace(t)
	s, r, x := p.behindProxy(t)
	var want []string
	for i, cut := range []pgtest.Cut{pgtest.After, pgtest.Before, pgtest.Whole, pgtest.After, pgtest.After, pgtest.Before} {
		b := batch(r, fmt.Sprint(i))
		x.Next(cut)
		err := s.Write(ctx, b)
		if cut == pgtest.Whole && err != nil {
			t.Fatal(err)
		}
		in := p.run(t, fmt.Sprintf("select count(*) from logs where message = '%d'", i))
		if cut != pgtest.Whole {
			wantRetry(t, err, "")
			if (in == "1") != (cut == pgtest.After) {
				t.Errorf("%d: cut %d at the commit, there are %s rows", i, cut, in)
			}
		}
		want = append(want, fmt.Sprint(i))
		goesIn(t, s, p, b, strings.Join(want, " "))
	}
}

// TestCommitIsStillRunning: the batch comes again while the server is still busy
// with its first commit, which nobody waits for any more. The second one waits for
// the position's row, and finds it moved.
func TestCommitIsStillRunning(t *testing.T) {
	p := newPlace(t)
	s, r, x := p.behindProxy(t)
	open := p.gate(t)
	p.run(t, "create constraint trigger late after insert on logs deferrable initially deferred for each row execute function gate()")
	b := batch(r, "a")
	x.Running = func() { p.until(t, "1", sleeping) }
	x.Next(pgtest.During)
	wantRetry(t, s.Write(ctx, b), "")
	if got := p.messages(t); got != "" {
		t.Fatalf("the first commit was done at once: %s", got)
	}
	done := make(chan error)
	go func() { done <- s.Write(ctx, b) }()
	p.until(t, "1", waiting)
	open()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := p.messages(t); got != "a" {
		t.Error(got)
	}
}

//go:build unix

package killtest

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/girok/girok/spool"
)

// stock is a store of numbered rows, for what others do to it.
type stock struct {
	*base
	dir string
	cfg spool.RunConfig
}

func newStock(t *testing.T, class string, more map[string]any) *stock {
	dir, b := bases[class](t)
	return &stock{b, dir, newStockConfig(class, b, more)}
}

func newStockConfig(class string, b *base, more map[string]any) spool.RunConfig {
	keys := map[string]any{
		"table": "rows", "create": true, "rest": "drop", "batch": map[string]any{"age": "10ms", "records": 100},
		"columns": map[string]any{"n": map[string]any{"from": "attr.n", "type": "int"}, "id": "record_id"},
	}
	maps.Copy(keys, b.keys)
	maps.Copy(keys, more)
	return runConfig(class, keys)
}

// logTo logs rows.
func (s *service) logTo(from, to int, more ...slog.Attr) {
	s.Helper()
	for n := from; n < to; n++ {
		s.log("row", append(more, slog.Int("n", n))...)
	}
}

// waits waits until the handler says why it does not deliver.
func (s *service) waits(state spool.State, why string) {
	s.Helper()
	s.until(why, func() bool {
		st := s.deliver.Stats()
		return len(st) == 1 && st[0].State == state && strings.Contains(st[0].Cause, why)
	})
}

// wantRange wants the rows 0 to n-1 in the table, each once.
func (b *stock) wantRange(t *testing.T, n int) {
	t.Helper()
	rows := b.ask(t, "select count(*), count(distinct n), count(distinct id), min(n), max(n) from rows")
	if got, want := strings.Join(rows[0], " "), fmt.Sprintf("%d %d %d 0 %d", n, n, n, n-1); got != want {
		t.Errorf("rows, numbers, ids, least, most: %s, want %s", got, want)
	}
}

// Somebody removes the position: it is said, with the ways out, and nothing is written
// until one of them is taken.
func TestPositionIsRemoved(t *testing.T) {
	for class := range bases {
		t.Run(class, func(t *testing.T) {
			b := newStock(t, class, nil)
			s := serve(t, b.dir, b.cfg)
			s.logTo(0, 100)
			s.flush()
			b.ask(t, "create table aside as select * from girok_position; delete from girok_position;")
			s.logTo(100, 200)
			s.waits(spool.Refused, "no row for run")
			if st := s.deliver.Stats()[0]; !strings.Contains(st.Cause, "put the") || !strings.Contains(st.Cause, "remove this handler's state") {
				t.Errorf("the two ways out are not named: %s", st.Cause)
			}
			b.wantRange(t, 100)
			b.ask(t, "insert into girok_position select * from aside;")
			s.flush()
			b.wantRange(t, 200)
			s.stop()
		})
	}
}

// The database is put back from a copy, under a program that delivers: it says so,
// and delivers again what came after the copy.
func TestStoreIsPutBack(t *testing.T) {
	b := newStock(t, "postgres", nil)
	s := serve(t, b.dir, b.cfg)
	s.logTo(0, 100)
	s.flush()
	b.ask(t, "create table copy_rows as table rows; create table copy_position as table girok_position")
	s.logTo(100, 300)
	s.flush()
	b.wantRange(t, 300)
	b.putBack(t)
	s.logTo(300, 400)
	s.flush()
	b.wantRange(t, 400)
	if told := s.told.String(); !strings.Contains(told, "the destination stands before what it had taken") {
		t.Errorf("it is not told: %s", told)
	}
	s.stop()
}

// putBack is what a restore does: nobody is connected while it happens.
func (b *stock) putBack(t *testing.T) {
	t.Helper()
	b.ask(t, `begin; lock table rows, girok_position;
		truncate rows; insert into rows select * from copy_rows; truncate girok_position; insert into girok_position select * from copy_position;
		select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database(); commit`)
}

// The copy is older than what the spool still has: what is gone is told, with how much
// it is, and the handler goes on behind it.
func TestStoreIsPutBackTooFar(t *testing.T) {
	b := newStock(t, "postgres", map[string]any{"batch": map[string]any{"age": "10ms"}})
	s := serve(t, b.dir, b.cfg)
	s.logTo(0, 100)
	s.flush()
	b.ask(t, "create table copy_rows as table rows; create table copy_position as table girok_position")
	pad := slog.String("pad", strings.Repeat("x", 4000))
	n := 100
	for gone := false; !gone; { // until the segment that the copy stands in is used again
		s.logTo(n, n+1000, pad)
		n += 1000
		s.flush()
		gone = s.spool.Writer().Run().Oldest() > 4<<20
	}
	b.putBack(t)
	s.logTo(n, n+10)
	s.flush()
	if told := s.told.String(); !strings.Contains(told, "the spool no longer has") || !strings.Contains(told, "bytes=") {
		t.Errorf("it is not told: %s", told)
	}
	rows := b.ask(t, "select count(*), count(distinct n), max(n), count(*) filter (where n < 100) from rows")[0]
	if rows[0] != rows[1] || rows[2] != fmt.Sprint(n+9) || rows[3] != "100" {
		t.Errorf("rows, numbers, most, those of the copy: %v", rows)
	}
	s.stop()
}

// Two copies of one spool are alive at a time, as after the cloning of a machine: no
// row comes twice, and who is second says what has happened.
func TestSpoolExistsTwice(t *testing.T) {
	for class := range bases {
		t.Run(class, func(t *testing.T) {
			b := newStock(t, class, nil)
			first := serve(t, b.dir, b.cfg)
			first.logTo(0, 1)
			first.flush()
			first.stop()
			b.cfg = newStockConfig(class, b.base, map[string]any{"create": false}) // nobody is to make the table anew
			first = serve(t, b.dir, b.cfg)
			first.logTo(1, 2)
			first.flush() // the run is known to the copy
			b.ask(t, "alter table rows rename to elsewhere;")
			first.logTo(2, 20_000)
			first.waits(spool.Refused, "rows")
			first.stop() // it leaves what waits
			clone := t.TempDir()
			if err := os.CopyFS(clone, os.DirFS(b.dir)); err != nil {
				t.Fatal(err)
			}
			if class == "sqlite" { // one database, two spools
				if err := os.Remove(filepath.Join(clone, "a.db")); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(clone, 0o700); err != nil {
				t.Fatal(err)
			}
			b.ask(t, "alter table elsewhere rename to rows;")
			one, two := serve(t, b.dir, b.cfg), serve(t, clone, b.cfg)
			one.until("all rows", func() bool { return b.number(t, "select count(*) from rows") >= 20_000 })
			b.wantRange(t, 20_000)
			one.until("one of them says it", func() bool {
				told := one.told.String() + two.told.String()
				return strings.Contains(told, "this spool exists twice") || strings.Contains(told, "no row for run") // the other one was done with it
			})
			one.stop()
			two.stop()
			b.wantRange(t, 20_000)
		})
	}
}

// The password is wrong for a while: it is told, without the password, and heals.
func TestWrongPasswordForAWhile(t *testing.T) {
	b := newStock(t, "postgres", map[string]any{"user": "app", "password": "right and secret"})
	b.ask(t, "drop role if exists app; create role app superuser login password 'right and secret'")
	s := serve(t, b.dir, b.cfg)
	s.logTo(0, 100)
	s.flush()
	b.ask(t, "alter role app password 'another'; select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'")
	s.logTo(100, 200)
	s.waits(spool.Refused, "password")
	b.wantRange(t, 100)
	b.ask(t, "alter role app password 'right and secret'")
	s.flush()
	b.wantRange(t, 200)
	if told := s.told.String(); !strings.Contains(told, "a destination refuses") || !strings.Contains(told, "delivering again") || strings.Contains(told, "secret") {
		t.Errorf("told: %s", told)
	}
	s.stop()
}

//go:build unix

package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/girok/girok/internal/pgtest"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
	"github.com/girok/girok/sink/table"
)

func TestMain(m *testing.M) {
	code := m.Run()
	pgtest.StopShared()
	os.Exit(code)
}

var (
	ctx   = context.Background()
	seoul = time.FixedZone("KST", 9*3600)
	count atomic.Int64
)

// place is an empty schema of its own on the shared server.
type place struct {
	*pgtest.Server
	schema string
}

func newPlace(t testing.TB) *place {
	return &place{pgtest.Shared(t), fmt.Sprintf("s%d", count.Add(1))}
}

// keys are the handler's keys for the table logs, without create.
func (p *place) keys() string {
	return fmt.Sprintf("host: 127.0.0.1\nport: %d\nuser: %s\npassword: %s\ndatabase: postgres\nsslmode: disable\ntable: %s.logs\n", p.Port, pgtest.User, pgtest.Password, p.schema)
}

// run runs SQL with psql, in the schema.
func (p *place) run(t testing.TB, sql string) string {
	t.Helper()
	return p.Run(t, "postgres", "set search_path = "+p.schema+";\n"+sql)
}

// until asks until the answer is as it should be.
func (p *place) until(t testing.TB, want, sql string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		got := p.run(t, sql)
		if got == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: still %s, want %s", sql, got, want)
		}
	}
}

// Who sleeps in the server, and who waits for a lock.
const (
	sleeping = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"
	waiting  = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
)

// gate makes the function of a trigger that holds up whoever comes to it, also when the
// library has it cancelled for a connection that broke; open lets all of them go on.
func (p *place) gate(t testing.TB) (open func()) {
	t.Helper()
	p.run(t, `create table gate (open bool);
create function gate() returns trigger language plpgsql as $$ begin loop
  begin
    while not exists (select from `+p.schema+`.gate) loop perform pg_sleep(0.01); end loop;
    return new;
  exception when query_canceled then null;
  end;
end loop; end $$`)
	return func() { t.Helper(); p.run(t, "insert into gate values (true)") }
}

func (p *place) rows(t testing.TB, name string) []map[string]any {
	t.Helper()
	if p.Run(t, "postgres", "select to_regclass('"+p.schema+"."+name+"')") == "" {
		return nil
	}
	// JSON as its text, so that a string in it is told from one that is not.
	list := p.Run(t, "postgres", "select string_agg(format(case when data_type like 'json%' then '%I::text' else '%I' end, column_name), ', ' order by ordinal_position)"+
		" from information_schema.columns where table_schema = "+literal(p.schema)+" and table_name = "+literal(name))
	return p.Rows(t, "postgres", "select "+list+" from "+p.schema+"."+name)
}

func conformance(more string) func(t *testing.T) sinktest.Place {
	return func(t *testing.T) sinktest.Place {
		p := newPlace(t)
		do := func(sql string) func(testing.TB) {
			return func(t testing.TB) { p.run(t, sql) }
		}
		return sinktest.Place{
			Config: p.keys() + "create: true\n" + more,
			Rows:   func(t testing.TB) []map[string]any { return p.rows(t, "logs") },
			Tables: &sinktest.Tables{Name: p.schema + ".logs_{service}_{date}", Rows: func(t testing.TB, day time.Time) []map[string]any {
				return p.rows(t, "logs_sinktest_"+day.Format(table.DateInName))
			}},
			DropTable:     do("drop table logs cascade"),
			DropPositions: do("delete from girok_position"),
			AgePositions:  do("update girok_position set moved_at = moved_at - interval '31 days'"),
			DropColumn:    func(t testing.TB, name string) { p.run(t, "alter table logs drop column "+quote(name)) },
			AddRequired: func(t testing.TB, name string) {
				p.run(t, "alter table logs add column "+quote(name)+" text not null")
			},
		}
	}
}

func TestConformance(t *testing.T) {
	sinktest.Run(t, sinktest.Subject{Kind: Kind, Columns: true, Tables: true, New: conformance("")})
}

func testEnv() sink.Env {
	return sink.Env{Service: "svc", Handler: "warehouse", Location: seoul, Log: slog.New(slog.DiscardHandler)}
}

// opened is a sink on an empty schema with the table logs, and a run it owns.
func opened(t testing.TB, more string) (*store, *sinktest.Spool, *place) {
	t.Helper()
	p := newPlace(t)
	s, r := p.open(t, "create: true\n"+more)
	return s, r, p
}

func (p *place) open(t testing.TB, more string) (*store, *sinktest.Spool) {
	t.Helper()
	opened, err := Kind.Open(ctx, testEnv(), sinktest.Decode(t, Kind, p.keys()+more))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	s, r := opened.(*store), sinktest.NewRun(7)
	claim(t, s, r)
	return s, r
}

func claim(t testing.TB, s *store, r *sinktest.Spool) {
	t.Helper()
	if _, err := s.Claim(ctx, "me", []sink.Claim{{Run: r.Origin.Run, Start: r.Start}}); err != nil {
		t.Fatal(err)
	}
}

func batch(r *sinktest.Spool, messages ...string) *sink.Batch {
	var records []sinktest.Record
	for _, m := range messages {
		records = append(records, sinktest.Log(m))
	}
	return sinktest.Batch("warehouse", r.Part(records...))
}

// messages is what the table logs has, in order.
func (p *place) messages(t testing.TB) string {
	t.Helper()
	return strings.ReplaceAll(p.run(t, "select message from logs order by message"), "\n", " ")
}

//go:build unix

package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/girok/girok/config"
	"github.com/girok/girok/internal/pgtest"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
)

// The keys of package table have their tests in the conformance suite; the rest
// of ours are here.

func TestMistakesHavePlaces(t *testing.T) {
	for yaml, want := range map[string]string{
		"table: logs\n":                                            "host: is missing",
		"host: a\ntable: logs\n":                                   "database: is missing",
		"host: a\ndatabase: d\n":                                   "table: is missing",
		"dsn: host=a\nuser: b\ntable: logs\n":                      "a.yaml:2:7: user: dsn says it already",
		"host: a\ndatabase: d\ntable: logs.\n":                     "a.yaml:3:8: table: want table or schema.table",
		"host: a\ndatabase: d\ntable: s.girok_position\n":          "a.yaml:3:8: table: the name \"girok_position\" is taken",
		"host: a\ndatabase: d\ntable: logs_{host}\n":               "a.yaml:3:8: table: there is no placeholder {host}",
		"host: a\ndatabase: d\nport: 99999\ntable: logs\n":         "a.yaml:3:7: port: want a whole number from 1 to 65,535",
		"host: a\ndatabase: d\nsslmode: on\ntable: logs\n":         "a.yaml:3:10: sslmode: want one of disable",
		"host: a\ndatabase: d\ntable: " + long + "\n":              "table: a name has at most 63 bytes",
		"host: a\ndatabase: d\ntable: l\nrest: " + long:            "columns: a name has at most 63 bytes",
		"host: a\ndatabase: d\ntable: l\npartition: {by: x}":       "a.yaml:4:17: partition.by: there is no column \"x\"",
		"host: a\ndatabase: d\ntable: l\npartition: {by: message}": "partition.by: want a column of type timestamp, datetime or date; message is string",
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

var long = strings.Repeat("x", 64)

func TestEndpointIsHostAndDatabase(t *testing.T) {
	t.Setenv("DB_URL", "postgres://me:secret@db.example:6000/shop?sslmode=disable")
	for yaml, want := range map[string]string{
		"host: db.example\nport: 6000\ndatabase: shop\n":  "db.example:6000/shop",
		"host: db.example\ndatabase: shop\nuser: other\n": "db.example:5432/shop",
		"host: \"it's \\\\ odd\"\ndatabase: \"a'b\"\n":    `it's \ odd:5432/a'b`,
		"dsn: ${DB_URL}\n": "db.example:6000/shop",
		"dsn: host=a,b port=1,2 dbname=shop sslmode=prefer\n": "a:1,b:2/shop",
		"dsn: postgres://a/shop?sslmode=disable\n":            "a:5432/shop",
		"dsn: 'host=a sslrootcert=/not/there dbname=d'\n":     "postgres, unknown",
		"dsn: 'no dsn'\n": "postgres, unknown",
		"host: 127.0.0.1\nport: 5433\ndatabase: x\nsslmode: verify-full": "127.0.0.1:5433/x",
	} {
		if got := sinktest.Decode(t, Kind, "table: logs\n"+yaml).Endpoint(testEnv()); got != want {
			t.Errorf("%q: %s, want %s", yaml, got, want)
		}
	}
}

func TestBatchLimits(t *testing.T) {
	c := sinktest.Decode(t, Kind, "host: a\ndatabase: b\ntable: logs\n")
	if got, want := c.Limits(), (sink.Limits{Records: 10_000, Bytes: 8 << 20, Age: config.Duration(time.Second)}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	c = sinktest.Decode(t, Kind, "host: a\ndatabase: b\ntable: logs\nbatch: {records: 7, age: 2m}\n")
	if got, want := c.Limits(), (sink.Limits{Records: 7, Bytes: 8 << 20, Age: config.Duration(2 * time.Minute)}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if c.Target() != "logs" {
		t.Error(c.Target())
	}
}

// TestWaysIn goes in by each way that a configuration can name.
func TestWaysIn(t *testing.T) {
	p := newPlace(t)
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte(pgtest.Password), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIROK_TEST_DSN", p.DSN("postgres"))
	t.Setenv("GIROK_TEST_URL", fmt.Sprintf("postgres://%s@127.0.0.1:%d/postgres?application_name=mine", pgtest.User, p.Port))
	for i, keys := range []string{
		p.keys(),
		fmt.Sprintf("host: %s\nport: %d\nuser: %s\npassword: ${file:%s}\ndatabase: postgres\ntable: %s.logs\n", p.Dir, p.Port, pgtest.User, secret, p.schema),
		"dsn: ${GIROK_TEST_DSN}\ntable: " + p.schema + ".logs\n",
		"dsn: ${GIROK_TEST_URL}\npassword: " + pgtest.Password + "\ntable: " + p.schema + ".logs\n",
	} {
		s, err := Kind.Open(ctx, testEnv(), sinktest.Decode(t, Kind, keys+"create: true\n"))
		if err != nil {
			t.Errorf("%s: %v", keys, err)
			continue
		}
		r := sinktest.NewRun(record.RunID(0x100 + i))
		claim(t, s.(*store), r)
		if err := s.Write(ctx, batch(r, fmt.Sprint(i))); err != nil {
			t.Errorf("%s: %v", keys, err)
		}
		want := "girok svc/warehouse"
		if strings.Contains(keys, "URL") {
			want = "mine"
		}
		if got := p.run(t, "select application_name from pg_stat_activity where application_name <> 'psql' and backend_type = 'client backend'"); got != want {
			t.Errorf("%s: the server sees %q, want %q", keys, got, want)
		}
		s.Close()
	}
	if got := p.messages(t); got != "0 1 2 3" {
		t.Error(got)
	}
}

// TestTableWithoutSchema goes by the user's search path.
func TestTableWithoutSchema(t *testing.T) {
	p := newPlace(t)
	user := "u_" + p.schema
	p.run(t, fmt.Sprintf("create schema %s; create role %s login password 'x'; grant all on schema %s to %s; alter role %s set search_path = %s",
		p.schema, user, p.schema, user, user, p.schema))
	keys := fmt.Sprintf("host: 127.0.0.1\nport: %d\nuser: %s\npassword: x\ndatabase: postgres\ntable: \"my \\\"Logs\\\"; 한\"\ncreate: true\n", p.Port, user)
	s, err := Kind.Open(ctx, testEnv(), sinktest.Decode(t, Kind, keys))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := sinktest.NewRun(7)
	claim(t, s.(*store), r)
	if err := s.Write(ctx, batch(r, "x")); err != nil {
		t.Fatal(err)
	}
	if got := p.run(t, `select message, next > 4096 from "my ""Logs""; 한", girok_position`); got != "x|t" {
		t.Error(got)
	}
	p.run(t, "alter role "+user+" set search_path = nowhere")
	_, err = Kind.Open(ctx, testEnv(), sinktest.Decode(t, Kind, keys))
	wantRefused(t, err, "schema.table")
}

func TestDurableWaitsForTheServersDisk(t *testing.T) {
	p := newPlace(t)
	user := "d_" + p.schema
	p.run(t, fmt.Sprintf("create schema %s; create role %s superuser login password 'x'; alter role %s set synchronous_commit = off", p.schema, user, user))
	for durable, want := range map[bool]string{false: "off", true: "on"} {
		env := testEnv()
		env.Durable = durable
		keys := fmt.Sprintf("host: 127.0.0.1\nport: %d\nuser: %s\npassword: x\ndatabase: postgres\ntable: %s.logs\ncreate: true\n", p.Port, user, p.schema)
		opened, err := Kind.Open(ctx, env, sinktest.Decode(t, Kind, keys))
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		s, got := opened.(*store), ""
		err = s.transaction(ctx, func(r []*pgconn.Result) error {
			got = string(r[0].Rows[0][0])
			return nil
		}, stmt{sql: "select current_setting('synchronous_commit')"})
		if err != nil || got != want {
			t.Errorf("durable %v: synchronous_commit is %s (%v), want %s", durable, got, err, want)
		}
	}
}

func TestCreateMakesIndexAndView(t *testing.T) {
	s, r, p := opened(t, "tz: Asia/Seoul\n")
	day := sinktest.Log("x")
	day.Time = time.Date(2026, 11, 25, 15, 0, 0, 0, time.UTC) // the 26th in Seoul
	if err := s.Write(ctx, sinktest.Batch("warehouse", r.Part(day, day, sinktest.Record{Level: record.Error, Logger: "b"}))); err != nil {
		t.Fatal(err)
	}
	if got, want := p.run(t, "select * from logs_daily order by day, level"), "2026-11-26|ERROR|b|1\n2026-11-26|INFO|test.logger|2"; got != want {
		t.Errorf("logs_daily is\n%s, want\n%s", got, want)
	}
	if got := p.run(t, "set enable_seqscan = off; explain select * from logs where created_at > '2026-01-01'"); !strings.Contains(got, "logs_created_at") {
		t.Errorf("the index is not used: %s", got)
	}
}

func TestDDLIsWhatCreateDoes(t *testing.T) {
	for _, more := range []string{"", "partition: {by: created_at}\n"} {
		p := newPlace(t)
		c := sinktest.Decode(t, Kind, p.keys()+more).(Config)
		p.run(t, c.DDL(testEnv()))
		s, r := p.open(t, more)
		if err := s.Write(ctx, batch(r, "x")); err != nil {
			t.Fatal(err)
		}
		p.run(t, c.DDL(testEnv())) // may be run again
		made, _, q := opened(t, more)
		made.Close()
		const shape = "select string_agg(replace(c::text, n.nspname, ''), ',' order by c::text) from (select nspname from pg_namespace where nspname = current_schema()) n," +
			" lateral (select relname, relkind, relispartition, relnatts from pg_class where relnamespace = current_schema()::regnamespace and relkind <> 't') c"
		if want, got := p.run(t, shape), q.run(t, shape); got != want {
			t.Errorf("create: true makes\n%s\nDDL makes\n%s", got, want)
		}
	}
}

func TestPartitions(t *testing.T) {
	// Before midnight in UTC, and after it in the handler's zone.
	then := time.Now().UTC().AddDate(0, 0, -40)
	then = time.Date(then.Year(), then.Month(), then.Day(), 15, 0, 0, 0, time.UTC)
	for every, want := range map[string]string{"day": then.In(seoul).Format("logs_p20060102"), "month": then.In(seoul).Format("logs_p200601")} {
		s, r, p := opened(t, "partition: {by: created_at, every: "+every+"}\n")
		late := sinktest.Log("late")
		late.Time = then
		old := sinktest.Log("old")
		old.Time = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
		b := sinktest.Batch("warehouse", r.Part(late, old, late))
		for range 2 {
			if err := s.Write(ctx, b); err != nil {
				t.Fatal(err)
			}
		}
		if got := p.run(t, "select message, tableoid::regclass from logs order by 1 limit 2"); got != "late|"+want+"\nlate|"+want {
			t.Errorf("every %s: the rows are in\n%s", every, got)
		}
		if got := p.run(t, "select message, tableoid::regclass from logs where message = 'old'"); got != "old|logs_default" {
			t.Errorf("every %s: %s", every, got)
		}
		now := time.Now().In(seoul)
		ahead := map[string]string{"day": now.AddDate(0, 0, daysAhead).Format("logs_p20060102"),
			"month": time.Date(now.Year(), now.Month()+monthsAhead, 1, 0, 0, 0, 0, seoul).Format("logs_p200601")}[every]
		if got := p.run(t, "select to_regclass('"+ahead+"')"); got != ahead {
			t.Errorf("every %s: %s was not made ahead", every, ahead)
		}
	}
}

// TestPartitionThatCannotBeMade: rows that are in the default partition already
// stand in a partition's way. The batch goes in all the same.
func TestPartitionThatCannotBeMade(t *testing.T) {
	s, r, p := opened(t, "partition: {by: created_at}\n")
	day := time.Now().In(seoul).Format("20060102")
	old := sinktest.Log("a")
	old.Time = time.Now().AddDate(0, 0, -100)
	if err := s.Write(ctx, sinktest.Batch("warehouse", r.Part(old))); err != nil {
		t.Fatal(err)
	}
	p.run(t, "drop table logs_p"+day+"; insert into logs (message, created_at) values ('mine', now())")
	s.Close()
	s, _ = p.open(t, "create: true\npartition: {by: created_at}\n")
	now := sinktest.Log("b")
	now.Time = time.Now()
	if err := s.Write(ctx, sinktest.Batch("warehouse", r.Part(now))); err != nil {
		t.Fatal(err)
	}
	if got := p.messages(t); got != "a b mine" {
		t.Error(got)
	}
}

// TestPartitionWaitsForNobody: somebody who reads a partitioned table must not
// hold the batch up.
func TestPartitionWaitsForNobody(t *testing.T) {
	s, r, p := opened(t, "partition: {by: created_at}\n")
	reader := p.connect(t)
	if _, err := run(ctx, reader, stmt{sql: "begin"}, stmt{sql: "select * from " + p.schema + ".logs"}); err != nil {
		t.Fatal(err)
	}
	s.ahead = partition{}
	late := sinktest.Log("a")
	late.Time = time.Now().AddDate(0, 0, -100)
	if err := s.Write(ctx, sinktest.Batch("warehouse", r.Part(late))); err != nil {
		t.Fatal(err)
	}
	if got := p.run(t, "select message, tableoid::regclass from logs"); got != "a|logs_default" {
		t.Error(got)
	}
}

func TestDatesAndWallClocksArePartitionedToo(t *testing.T) {
	for _, typ := range []string{"date", "datetime"} {
		s, r, p := opened(t, "partition: {by: at, every: month}\ncolumns:\n  message: message\n  at: {from: time, type: "+typ+"}\n")
		now := sinktest.Log("x")
		now.Time = time.Now()
		if err := s.Write(ctx, sinktest.Batch("warehouse", r.Part(now))); err != nil {
			t.Fatal(err)
		}
		if got, want := p.run(t, "select tableoid::regclass from logs"), time.Now().In(seoul).Format("logs_p200601"); got != want {
			t.Errorf("%s: the row is in %s, want %s", typ, got, want)
		}
	}
}

//go:build unix

package killtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/internal/pgtest"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/files"
	"github.com/girok/girok/store/duckdb"
	"github.com/girok/girok/store/postgres"
	"github.com/girok/girok/store/sqlite"
)

// before is the configuration of the process that dies. PLACE is where the store is.
const before = `version: 1
service: restart
handlers:
  first: {class: CLASS, PLACE, table: a, create: true, rest: drop, columns: {n: {from: attr.n, type: int}, id: record_id}, batch: {records: 40, age: 20ms}}
  second: {class: CLASS, PLACE, table: b, create: true, rest: drop, columns: {n: {from: attr.n, type: int}, id: record_id}, batch: {records: 40, age: 20ms}}
root: {level: INFO, handlers: [first, second]}
spool: {dir: spool}
`

// changes are what the next start has otherwise, the table that it writes to in the
// place of a, and which answer of a store is lost.
var changes = map[string]struct {
	change func(string) string
	table  string
	answer int
}{
	"nothing": {func(s string) string { return s }, "a", 2},
	"columns": {func(s string) string {
		return strings.Replace(s, "table: a, create: true, rest: drop, columns: {n:", "table: a, create: true, new_columns: add, columns: {text: message, n:", 1)
	}, "a", 1},
	"table": {func(s string) string { return strings.Replace(s, "table: a", "table: c", 1) }, "c", 4},
	"order": {func(s string) string { // of handlers: each gets the bit of the other one
		lines := strings.SplitAfter(s, "\n")
		lines[3], lines[4] = lines[4], lines[3]
		return strings.Join(lines, "")
	}, "a", 1},
	"all": {func(s string) string {
		lines := strings.SplitAfter(s, "\n")
		lines[3], lines[4] = lines[4], strings.Replace(lines[3], "table: a, create: true, rest: drop, columns: {n:", "table: c, create: true, columns: {text: message, n:", 1)
		return strings.Join(lines, "")
	}, "c", 3},
}

// logged is how many records each of the two lives logs.
const logged = 100

// TestRestartedOtherwise: a batch is sent, its answer is lost for the process dies,
// and the next start has other columns, another table, another order of handlers.
// Each record is there once, where it was meant to go when it was logged.
func TestRestartedOtherwise(t *testing.T) {
	for _, class := range append(classes(t), "files") {
		for name, c := range changes {
			t.Run(class+"/"+name, func(t *testing.T) {
				r := newRestart(t, class, "restart_"+name)
				config := r.with(before)
				r.dies(config, c.answer)
				r.follows(c.change(config))
				r.check(c.table)
			})
		}
	}
}

// classes are those of stores that can say what they have.
func classes(t *testing.T) []string {
	list := []string{"sqlite"}
	if duckdb.Built {
		list = append(list, "duckdb")
	}
	if _, err := pgtest.Find(); err != nil {
		t.Log("without PostgreSQL: ", err)
		return list
	}
	return append(list, "postgres")
}

type restart struct {
	*testing.T
	dir, class string
	place      string // keys of a handler
	server     *pgtest.Server
	database   string
}

// newRestart has a folder of its own, and a database of its own where there is a server.
func newRestart(t *testing.T, class, database string) *restart {
	r := &restart{T: t, dir: t.TempDir(), class: class, place: "path: kill.db"}
	switch class {
	case "files":
		r.place = "path: lake"
	case "postgres":
		r.server, r.database = pgtest.Shared(t), database
		r.server.Run(t, "postgres", "create database "+database)
		r.place = fmt.Sprintf("host: 127.0.0.1, port: %d, user: %s, password: %s, database: %s, sslmode: disable", r.server.Port, pgtest.User, pgtest.Password, database)
	}
	return r
}

// with is a configuration with the class and place of the store.
func (r *restart) with(config string) string {
	return strings.NewReplacer("CLASS", r.class, "PLACE", r.place).Replace(config)
}

func (r *restart) write(config string) string {
	path := filepath.Join(r.dir, "config.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		r.Fatal(err)
	}
	return path
}

// dies logs in a process that is killed once the destination has taken so many
// batches, before the last one's answer is known.
func (r *restart) dies(config string, answer int) {
	r.Helper()
	plays(r, true, "GIROK_RESTART="+r.write(config), fmt.Sprint("GIROK_RESTART_ANSWER=", answer))
}

// losesAnswer is the process that dies.
func losesAnswer(config string) error {
	answer, err := strconv.Atoi(os.Getenv("GIROK_RESTART_ANSWER"))
	if err != nil {
		return err
	}
	logs, err := girok.Open(config,
		deadly[files.Config](answer, files.Kind), deadly[sqlite.Config](answer, sqlite.Kind),
		deadly[duckdb.Config](answer, duckdb.Kind), deadly[postgres.Config](answer, postgres.Kind))
	if err != nil {
		return err
	}
	for n := range logged {
		logs.Logger("x").Info("of the first", "n", n)
	}
	time.Sleep(patience)
	return errors.New("nothing was delivered")
}

// answers counts the batches that were taken.
var answers atomic.Int64

// deadly is a kind that kills the process when the destination has taken a batch.
func deadly[C sink.Config](answer int, k sink.Kind) sink.Kind {
	return sink.Define(k.Name(), k.Summary(), k.Class(), *k.Defaults().(*C), func(ctx context.Context, env sink.Env, c C) (sink.Sink, error) {
		s, err := k.Open(ctx, env, c)
		if err != nil {
			return nil, err
		}
		d := dying{s, int64(answer)}
		if j, ok := s.(sink.Journaled); ok {
			return struct {
				dying
				journaled
			}{d, j}, nil
		}
		return struct {
			dying
			positioned
		}{d, s.(sink.Positioned)}, nil
	})
}

type dying struct {
	sink.Sink
	answer int64
}

func (d dying) Write(ctx context.Context, b *sink.Batch) error {
	err := d.Sink.Write(ctx, b)
	if err == nil && b.Len() > 0 && answers.Add(1) == d.answer {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	return err
}

// follows starts anew with another configuration, logs, and waits until all is
// delivered.
func (r *restart) follows(config string) {
	r.Helper()
	logs, err := girok.Open(r.write(config), files.Kind, sqlite.Kind, duckdb.Kind, postgres.Kind)
	if err != nil {
		r.Fatal(err)
	}
	for n := range logged {
		logs.Logger("x").Info("of the next", "n", logged+n)
	}
	err = drain(logs, filepath.Join(r.dir, "spool/restart/runs"))
	if err != nil {
		r.Fatal(err)
	}
}

// check wants the records of both lives where they were meant to go.
func (r *restart) check(moved string) {
	r.Helper()
	want := map[string]int{}
	for n := range logged {
		for _, old := range []string{"a", "b"} {
			want[fmt.Sprint(old, n)]++
		}
		for _, now := range []string{moved, "b"} {
			want[fmt.Sprint(now, logged+n)]++
		}
	}
	for _, table := range slices.Compact([]string{"a", moved}) {
		r.count(table, r.rows(table), want)
	}
	r.count("b", r.rows("b"), want)
	r.nothingIsMissing(want)
}

func (r *restart) nothingIsMissing(want map[string]int) {
	r.Helper()
	for what, n := range want {
		if n != 0 {
			r.Errorf("%s is missing", what)
		}
	}
}

// count takes rows off what is wanted of their table.
func (r *restart) count(table string, rows [][]string, want map[string]int) {
	r.Helper()
	ids := map[string]bool{}
	for _, row := range rows {
		what := table + row[0]
		if want[what]--; want[what] < 0 {
			r.Errorf("%s is there twice, or was not meant to go there", what)
		}
		if ids[row[1]] {
			r.Errorf("the id %s comes twice", row[1])
		}
		ids[row[1]] = true
	}
}

func (r *restart) rows(table string) (rows [][]string) {
	r.Helper()
	var err error
	query := "select n, id from " + table + " where n is not null" // drain logs a record too
	switch db := filepath.Join(r.dir, "kill.db"); r.class {
	case "files":
		return r.lines(table)
	case "postgres":
		for line := range strings.Lines(r.server.Run(r, r.database, query)) {
			rows = append(rows, strings.Split(strings.TrimSpace(line), "|"))
		}
	default:
		rows, err = stores[r.class](db, query)
	}
	if err != nil {
		r.Fatal(err)
	}
	return rows
}

func (r *restart) lines(table string) (rows [][]string) {
	list, err := filepath.Glob(filepath.Join(r.dir, "lake", table, "2*.ndjson"))
	if err != nil {
		r.Fatal(err)
	}
	for _, name := range list {
		text, err := os.ReadFile(name)
		if err != nil {
			r.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			var row struct {
				N  *int
				ID string
			}
			if err := json.Unmarshal(line, &row); err != nil {
				r.Fatal(err)
			}
			if row.N != nil {
				rows = append(rows, []string{fmt.Sprint(*row.N), row.ID})
			}
		}
	}
	return rows
}

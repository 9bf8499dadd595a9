//go:build linux

// Command postgres delivers records into PostgreSQL, and copies the same rows
// without girok, for bench to compare. GIROK_BENCH_DSN says where the server is.
//
//	postgres prepare DIR N   log N records for PostgreSQL and be killed
//	postgres deliver DIR N   deliver them to the table ours.logs
//	postgres copy DIR N      copy the rows of ours.logs to theirs.logs, with pgx
//	postgres log DIR N       log N records, 1,000 a second, and deliver them
//	postgres write DIR N     log N records, 1,000 a second, and leave delivery to others
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/girok/girok"
	"github.com/girok/girok/config"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
	"github.com/girok/girok/store/postgres"
)

const yaml = `version: 1
service: bench
timezone: UTC
spool: {dir: spool, max_bytes: 1GiB, require: true}
handlers:
  warehouse: {class: postgres, dsn: "${GIROK_BENCH_DSN}", table: ours.logs, create: true, batch: {age: "${GIROK_BENCH_AGE:-1s}"}}
root: {level: INFO, handlers: [warehouse]}
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "postgres:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return errors.New("want a command, a folder and a number")
	}
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	switch args[0] {
	case "prepare":
		return prepare(args[1], n)
	case "deliver":
		return deliver(args[1], n)
	case "copy":
		return copyRows(n)
	case "log":
		return logPaced(args[1], n, postgres.Kind)
	case "write":
		return logPaced(args[1], n, girok.WriteOnly())
	}
	return fmt.Errorf("unknown command %s", strings.Join(args, " "))
}

// shut is PostgreSQL as a destination that does not answer: records stay in the
// spool.
var shut = sink.Define("postgres", "does not answer", sink.Position, postgres.Config{
	Config: table.DefaultConfig(), Batch: sink.Limits{Records: 10_000, Bytes: 8 << 20, Age: config.Duration(time.Second)},
}, func(ctx context.Context, _ sink.Env, _ postgres.Config) (sink.Sink, error) {
	<-ctx.Done()
	return nil, ctx.Err()
})

func open(dir string, opt girok.Option) (*girok.Logs, error) {
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		return nil, err
	}
	return girok.Open(path, opt)
}

var levels = []slog.Level{slog.LevelInfo, slog.LevelInfo, slog.LevelInfo, slog.LevelWarn}

// order logs record i.
func order(log *slog.Logger, i int) {
	log.LogAttrs(context.Background(), levels[i%len(levels)], "order placed",
		slog.String("user", "user-"+strconv.Itoa(i%977)), slog.Int("order", i), slog.Float64("amount", float64(i)/7),
		slog.Bool("gift", i%3 == 0), slog.Duration("took", time.Duration(i)*time.Microsecond))
}

// logPaced logs a record each millisecond.
func logPaced(dir string, n int, opt girok.Option) error {
	logs, err := open(dir, opt)
	if err != nil {
		return err
	}
	log, begin := logs.Logger("shop.orders"), time.Now()
	for i := range n {
		time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Millisecond)))
		order(log, i)
	}
	if err := logs.Close(); err != nil {
		return err
	}
	return took{Wall: time.Since(begin)}.tell()
}

func prepare(dir string, n int) error {
	logs, err := open(dir, shut)
	if err != nil {
		return err
	}
	log := logs.Logger("shop.orders")
	for i := range n {
		order(log, i)
	}
	if n := logs.Lost(); n > 0 {
		return fmt.Errorf("%d records were lost", n)
	}
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

func deliver(dir string, n int) error {
	cpu, from := processCPU(), time.Now()
	logs, err := girok.Open(filepath.Join(dir, "config.yaml"), postgres.Kind)
	if err != nil {
		return err
	}
	for delivered(logs) < n {
		if time.Since(from) > 5*time.Minute {
			return fmt.Errorf("%d of %d records after 5 minutes: %+v", delivered(logs), n, logs.Stats())
		}
		time.Sleep(250 * time.Millisecond) // each look reads the headers of the segments: on a busy machine, where all takes longer, that would be part of the figure
	}
	t := took{Wall: time.Since(from), CPU: processCPU() - cpu}
	if err := logs.Close(); err != nil {
		return err
	}
	return t.tell()
}

func delivered(logs *girok.Logs) (n int) {
	for _, s := range logs.Stats().Handlers {
		n += int(s.Records)
	}
	return n
}

// rowsPerTransaction is what girok's handler has if nothing is said.
const rowsPerTransaction = 10_000

// copyRows copies the rows of ours.logs, in their order, and times the
// transactions only: the values of each are there before.
func copyRows(n int) error {
	ctx := context.Background()
	source, err := pgx.Connect(ctx, os.Getenv("GIROK_BENCH_DSN"))
	if err != nil {
		return err
	}
	defer source.Close(ctx)
	conn, err := pgx.Connect(ctx, os.Getenv("GIROK_BENCH_DSN"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	all, err := source.Query(ctx, "select * from ours.logs order by ctid")
	if err != nil {
		return err
	}
	defer all.Close()
	var columns []string
	for _, f := range all.FieldDescriptions() {
		columns = append(columns, f.Name)
	}
	var t took
	for copied := 0; copied < n; {
		rows, err := read(all)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return fmt.Errorf("ours.logs has %d rows, want %d", copied, n)
		}
		copied += len(rows)
		runtime.GC() // what reading left is not the copy's to collect
		cpu, from := processCPU(), time.Now()
		tx, err := conn.Begin(ctx)
		if err != nil {
			return err
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"theirs", "logs"}, columns, pgx.CopyFromRows(rows)); err != nil {
			return err
		}
		if err := tx.Commit(ctx); err != nil {
			return err
		}
		t.CPU += processCPU() - cpu
		t.Wall += time.Since(from)
	}
	return t.tell()
}

// read reads the rows of one transaction as Go values that pgx takes; JSON as the
// bytes that it sends as they are.
func read(all pgx.Rows) (rows [][]any, err error) {
	for len(rows) < rowsPerTransaction && all.Next() {
		row, err := all.Values()
		if err != nil {
			return nil, err
		}
		for i, v := range row {
			if m, ok := v.(map[string]any); ok {
				if row[i], err = json.Marshal(m); err != nil {
					return nil, err
				}
			}
		}
		rows = append(rows, row)
	}
	return rows, all.Err()
}

// took is what is told on standard output.
type took struct {
	Wall time.Duration `json:"wall_ns"`
	CPU  time.Duration `json:"cpu_ns"`
}

func (t took) tell() error { return json.NewEncoder(os.Stdout).Encode(t) }

func processCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

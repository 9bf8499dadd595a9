//go:build linux && cgo

// Command duckdb delivers records into DuckDB, and appends the same rows without
// girok, for bench to compare.
//
//	duckdb prepare DIR N        log N records for DuckDB and be killed
//	duckdb deliver DIR N        deliver them to DIR/out.duckdb
//	duckdb append-json DIR N    append the rows of DIR/out.duckdb to DIR/json.duckdb, with the driver's Appender
//	duckdb append-text DIR N    the same into DIR/text.duckdb, attributes as text
//	duckdb same A B N           fail unless both have the same N rows
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/config"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
	"github.com/girok/girok/store/duckdb"
)

const yaml = `version: 1
service: bench
timezone: UTC
spool: {dir: spool, max_bytes: 1GiB, require: true}
handlers:
  warehouse: {class: duckdb, path: out.duckdb, table: logs, create: true}
root: {level: INFO, handlers: [warehouse]}
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "duckdb:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 3 {
		return errors.New("want a command, a folder or two files, and a number")
	}
	n, err := strconv.Atoi(args[len(args)-1])
	if err != nil {
		return err
	}
	dir := args[1]
	switch args[0] {
	case "prepare":
		return prepare(dir, n)
	case "deliver":
		return deliver(dir, n)
	case "append-json":
		return appendRows(dir, "json", n)
	case "append-text":
		return appendRows(dir, "text", n)
	case "same":
		return same(args[1], args[2], n)
	}
	return fmt.Errorf("unknown command %s", strings.Join(args, " "))
}

// shut is DuckDB as a destination that does not answer: records stay in the
// spool.
var shut = sink.Define("duckdb", "does not answer", sink.Position, duckdb.Config{
	Config: table.DefaultConfig(), Batch: sink.Limits{Records: 100_000, Bytes: 32 << 20, Age: config.Duration(time.Second)},
}, func(ctx context.Context, _ sink.Env, _ duckdb.Config) (sink.Sink, error) {
	<-ctx.Done()
	return nil, ctx.Err()
})

func prepare(dir string, n int) error {
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		return err
	}
	logs, err := girok.Open(path, shut)
	if err != nil {
		return err
	}
	log := logs.Logger("shop.orders")
	levels := []slog.Level{slog.LevelInfo, slog.LevelInfo, slog.LevelInfo, slog.LevelWarn}
	for i := range n {
		log.LogAttrs(context.Background(), levels[i%len(levels)], "order placed",
			slog.String("user", "user-"+strconv.Itoa(i%977)), slog.Int("order", i), slog.Float64("amount", float64(i)/7),
			slog.Bool("gift", i%3 == 0), slog.Duration("took", time.Duration(i)*time.Microsecond))
	}
	if n := logs.Lost(); n > 0 {
		return fmt.Errorf("%d records were lost", n)
	}
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

func deliver(dir string, n int) error {
	cpu, from := processCPU(), time.Now()
	logs, err := girok.Open(filepath.Join(dir, "config.yaml"), duckdb.Kind)
	if err != nil {
		return err
	}
	for delivered(logs) < n {
		if time.Since(from) > 5*time.Minute {
			return fmt.Errorf("%d of %d records after 5 minutes: %+v", delivered(logs), n, logs.Stats())
		}
		time.Sleep(2 * time.Millisecond)
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

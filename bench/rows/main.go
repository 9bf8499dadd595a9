//go:build linux

// Command rows delivers records into SQLite, and inserts the same rows without
// girok, for bench to compare.
//
//	rows prepare DIR N          log N records for SQLite and be killed
//	rows deliver DIR N          deliver them to DIR/out.db
//	rows insert-driver DIR N    insert the rows of DIR/out.db into DIR/driver.db, at the driver's level
//	rows insert-sql DIR N       the same into DIR/sql.db, through database/sql
//	rows same A B N             fail unless both have the same N rows
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
	"github.com/girok/girok/store/sqlite"
)

const yaml = `version: 1
service: bench
timezone: UTC
spool: {dir: spool, max_bytes: 1GiB, require: true}
handlers:
  warehouse: {class: sqlite, path: out.db, table: logs, create: true}
root: {level: INFO, handlers: [warehouse]}
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "rows:", err)
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
	case "insert-driver":
		return insert(dir, "driver", n)
	case "insert-sql":
		return insert(dir, "sql", n)
	case "same":
		return same(args[1], args[2], n)
	}
	return fmt.Errorf("unknown command %s", strings.Join(args, " "))
}

// shut is SQLite as a destination that does not answer: records stay in the
// spool.
var shut = sink.Define("sqlite", "does not answer", sink.Position, sqlite.Config{
	Config: table.DefaultConfig(), Batch: sink.Limits{Records: 5000, Bytes: 4 << 20, Age: config.Duration(time.Second)},
}, func(ctx context.Context, _ sink.Env, _ sqlite.Config) (sink.Sink, error) {
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
	logs, err := girok.Open(filepath.Join(dir, "config.yaml"), sqlite.Kind)
	if err != nil {
		return err
	}
	for delivered(logs) < n {
		if time.Since(from) > 5*time.Minute {
			return fmt.Errorf("%d of %d records after 5 minutes: %+v", delivered(logs), n, logs.Stats())
		}
		time.Sleep(25 * time.Millisecond)
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

//go:build linux

// Command steady is a program that logs 1,000 records a second, ten every ten
// milliseconds: bench looks at the CPU time that it takes and how often it wakes.
//
//	steady DIR SECONDS MODE   MODE is girok (spooled, into SQLite), or slog (to io.Discard)
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/store/sqlite"
)

const yaml = `version: 1
service: bench
spool: {dir: spool, require: true}
handlers:
  store: {class: sqlite, path: out.db, table: logs, create: true}
root: {level: INFO, handlers: [store]}
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "steady:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return errors.New("want a folder, seconds and a mode")
	}
	dir := args[0]
	seconds, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	if args[2] == "slog" {
		t := log(slog.New(slog.NewJSONHandler(io.Discard, nil)), seconds, func() {})
		return t.tell()
	}
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		return err
	}
	logs, err := girok.Open(path, sqlite.Kind)
	if err != nil {
		return err
	}
	made := 0
	t := log(logs.Logger("shop.orders"), seconds, func() { made++ })
	if err := logs.Close(); err != nil {
		return err
	}
	if err := count(filepath.Join(dir, "out.db"), made); err != nil {
		return err
	}
	return t.tell()
}

// log logs for 3 s to warm up, and then for so many that count. One record every
// millisecond would measure the waking of the program that does it: in Go that
// alone is 3 to 4 % of a CPU.
func log(l *slog.Logger, seconds int, called func()) took {
	const warm = 3 * time.Second
	begin := time.Now()
	var cpu time.Duration
	var before map[string]int
	var from time.Time
	for i := 0; ; i++ {
		at := time.Since(begin)
		if from.IsZero() && at >= warm {
			cpu, before, from = processCPU(), switches(), time.Now()
		}
		if at >= warm+time.Duration(seconds)*time.Second {
			break
		}
		if i%10 == 0 {
			time.Sleep(time.Duration(i)*time.Millisecond - at)
		}
		l.LogAttrs(context.Background(), slog.LevelInfo, "order placed",
			slog.String("user", "kim.minji@example.org"), slog.Int("order", i), slog.Float64("amount", 129.95),
			slog.Bool("gift", true), slog.Duration("took", 1500*time.Microsecond))
		called()
	}
	t := took{Wall: time.Since(from), CPU: processCPU() - cpu}
	for id, n := range switches() {
		t.Switches += n - before[id]
	}
	return t
}

// count looks whether the table has as many rows as were logged.
func count(path string, want int) error {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer db.Close()
	var got int
	if err := db.QueryRow("select count(*) from logs").Scan(&got); err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%d records were logged, %d rows are there", want, got)
	}
	return nil
}

// took is what is told on standard output.
type took struct {
	Wall     time.Duration `json:"wall_ns"`
	CPU      time.Duration `json:"cpu_ns"`
	Switches int           `json:"switches"`
}

func (t took) tell() error { return json.NewEncoder(os.Stdout).Encode(t) }

func processCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// switches is the context switches of each thread so far.
func switches() map[string]int {
	all := map[string]int{}
	tasks, _ := filepath.Glob("/proc/self/task/*/status")
	for _, t := range tasks {
		b, err := os.ReadFile(t)
		if err != nil {
			continue // it has ended
		}
		for l := range strings.Lines(string(b)) {
			f := strings.Fields(l)
			if len(f) > 1 && strings.HasSuffix(f[0], "voluntary_ctxt_switches:") {
				n, _ := strconv.Atoi(f[1])
				all[t] += n
			}
		}
	}
	return all
}

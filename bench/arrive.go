//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/girok/girok/internal/pgtest"
)

// arriveLine measures how long a record takes from its call until others see its
// row in PostgreSQL: a program logs one each millisecond, and delivers by itself,
// or only writes while `girok run --spool` beside it delivers. The row's time is
// that of the call, and the server notes when each transaction was committed
// (track_commit_timestamp), by the same clock. The first two seconds, in which
// tables are made, do not count; every other row does.
func arriveLine(b *bench) ([]row, error) {
	const what = "from the call to the row in PostgreSQL, 1,000/s"
	server, err := pgtest.New()
	if errors.Is(err, pgtest.ErrMissing) {
		return []row{{what: what, absolute: "left out: no PostgreSQL"}}, nil
	}
	if err != nil {
		return nil, err
	}
	defer server.Stop()
	if _, err := server.SQL("postgres", "alter system set track_commit_timestamp = on"); err != nil {
		return nil, err
	}
	server.Shutdown()
	if err := server.Start(); err != nil {
		return nil, err
	}
	os.Setenv("GIROK_BENCH_DSN", server.DSN("postgres"))
	program, err := b.build("postgres")
	if err != nil {
		return nil, err
	}
	runner, err := b.buildGirok()
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, age := range []time.Duration{time.Second, 100 * time.Millisecond} {
		os.Setenv("GIROK_BENCH_AGE", age.String())
		for _, way := range []string{"log", "write"} {
			ms, err := b.arrivals(server, program, runner, way)
			if err != nil {
				return nil, err
			}
			by := map[string]string{"log": "own process", "write": "girok run --spool"}[way]
			limit := float64(age.Milliseconds()) + 150
			rows = append(rows, row{
				what: fmt.Sprintf("%s, batches of age %v: %s", what, age, by), control: "none",
				absolute: fmt.Sprintf("50 %% %.0f ms, 99 %% %.0f ms, most %.0f ms", ms[0], ms[1], ms[2]),
				bar:      fmt.Sprintf("99 %% ≤ %.0f ms", limit), met: met(ms[1] <= limit),
			})
		}
	}
	return rows, nil
}

// arrivals gives the median, the 99th percentile and the longest, in ms.
func (b *bench) arrivals(server *pgtest.Server, program, runner, way string) (ms [3]float64, err error) {
	seconds := 30
	if b.quick {
		seconds = 5
	}
	dir, err := b.folder()
	if err != nil {
		return ms, err
	}
	if _, err := server.SQL("postgres", "drop schema if exists ours cascade"); err != nil {
		return ms, err
	}
	if way == "write" {
		stop, err := beside(runner, filepath.Join(dir, "spool"))
		if err != nil {
			return ms, err
		}
		defer stop()
	}
	n := seconds * 1000
	if _, err := child(program, way, dir, strconv.Itoa(n)); err != nil {
		return ms, err
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		there, err := server.SQL("postgres", "select count(*) from ours.logs")
		if err != nil {
			return ms, err
		}
		if strings.TrimSpace(there) == strconv.Itoa(n) {
			break
		}
		if time.Now().After(end) {
			return ms, fmt.Errorf("%s of %d rows arrived", strings.TrimSpace(there), n)
		}
	}
	out, err := server.SQL("postgres", `select unnest(percentile_cont(array[0.5, 0.99, 1]) within group (order by 1000 * extract(epoch from pg_xact_commit_timestamp(xmin) - created_at)))
from ours.logs where created_at > (select min(created_at) from ours.logs) + interval '2 seconds'`)
	if err != nil {
		return ms, err
	}
	for i, f := range strings.Fields(out) {
		if ms[i], err = strconv.ParseFloat(f, 64); err != nil {
			return ms, err
		}
	}
	return ms, b.remove(dir)
}

// beside starts `girok run --spool` for a folder.
func beside(runner, spool string) (stop func(), err error) {
	if err := os.Mkdir(spool, 0o700); err != nil {
		return nil, err
	}
	cmd := exec.Command(runner, "run", "--spool", spool)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // it has delivered, or the rows were missing
	}, nil
}

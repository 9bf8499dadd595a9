//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/girok/girok/internal/pgtest"
)

// postgresLine measures delivery into PostgreSQL: a program that logs 800,000
// records and is killed, then a program that finds its run and delivers it to a
// server that is started for it.
//
// The control copies what the delivery has written, read back from its table,
// with pgx's CopyFrom: the same columns and indexes, in the same order, 10,000
// rows a transaction as girok has. It has its values at hand as the Go values that
// pgx takes, JSON as bytes. What girok does more is to find the run, read and check
// frames, map them to columns, make JSON and ids, and move its position. Each is a
// process of its own, and its CPU time is what is measured, without the server's:
// girok's from before Open until the last row is in, the control's only from the
// beginning to the end of each transaction. The tables must be equal in the end.
func postgresLine(b *bench) ([]row, error) {
	const what = "rows a CPU second into PostgreSQL, from a dead run"
	server, err := pgtest.New()
	if errors.Is(err, pgtest.ErrMissing) {
		return []row{{what: what, absolute: "left out: no PostgreSQL"}}, nil
	}
	if err != nil {
		return nil, err
	}
	defer server.Stop()
	os.Setenv("GIROK_BENCH_DSN", server.DSN("postgres"))
	program, err := b.build("postgres")
	if err != nil {
		return nil, err
	}
	n := b.amount(800_000)
	var cpu, wall, rate, seconds []float64
	for range b.turns(9) {
		ours, theirs, err := b.postgresRound(server, program, n)
		if err != nil {
			return nil, err
		}
		rate = append(rate, float64(n)/ours.CPU.Seconds())
		seconds = append(seconds, ours.Wall.Seconds())
		cpu = append(cpu, theirs.CPU.Seconds()/ours.CPU.Seconds())
		wall = append(wall, theirs.Wall.Seconds()/ours.Wall.Seconds())
	}
	r := spreadOf(cpu)
	return []row{{
		what: what, control: "pgx's CopyFrom, same table and rows", ratio: r.String(), bar: "≥ 0.80", met: met(r.median >= 0.8),
		absolute: fmt.Sprintf("%.0f rows a CPU second", spreadOf(rate).median),
		cpu:      fmt.Sprintf("the ratio is of the client's CPU; wall %.2f, %.0f rows/s", spreadOf(wall).median, float64(n)/spreadOf(seconds).median),
	}}, nil
}

// postgresRound makes both tables anew.
func (b *bench) postgresRound(server *pgtest.Server, program string, n int) (ours, theirs took, err error) {
	dir, err := b.folder()
	if err != nil {
		return ours, theirs, err
	}
	count := strconv.Itoa(n)
	if _, err := server.SQL("postgres", "drop schema if exists ours, theirs cascade"); err != nil {
		return ours, theirs, err
	}
	if err := killed(program, "prepare", dir, count); err != nil {
		return ours, theirs, err
	}
	if ours, err = child(program, "deliver", dir, count); err != nil {
		return ours, theirs, err
	}
	if _, err := server.SQL("postgres", "create schema theirs; create table theirs.logs (like ours.logs including all)"); err != nil {
		return ours, theirs, err
	}
	if theirs, err = child(program, "copy", dir, count); err != nil {
		return ours, theirs, err
	}
	got, err := server.SQL("postgres", `select (select count(*) from ours.logs), (select count(distinct record_id) from ours.logs),
(select count(*) from (select * from ours.logs except select * from theirs.logs) a), (select count(*) from (select * from theirs.logs except select * from ours.logs) b)`)
	if err != nil {
		return ours, theirs, err
	}
	if want := fmt.Sprintf("%d|%d|0|0", n, n); strings.TrimSpace(got) != want {
		return ours, theirs, fmt.Errorf("the tables differ: %s, want %s", got, want)
	}
	return ours, theirs, b.remove(dir)
}

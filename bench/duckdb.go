//go:build linux

package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
)

// duckdbLine measures delivery into DuckDB: a program that logs 400,000 records
// and is killed, then a program that finds its run and delivers it.
//
// The controls append what the delivery has appended, read back from its
// database, with the Appender of DuckDB's driver for Go: the same DuckDB, table
// and view, in the same order, 100,000 rows a transaction as girok has. They have
// their values at hand as the Go values that the driver takes. Of JSON the driver
// takes values that it marshals; the second control spares it that, its column
// attributes is text. What girok does more is to find the run, read and check
// frames, map them to columns, make ids and move its position. Each is a process
// of its own. girok's CPU time is all that its process takes from before Open
// until the last row is in; the controls' is counted only from the beginning to
// the end of each transaction. The tables must be equal in the end, row by row.
func duckdbLine(b *bench) ([]row, error) {
	if _, err := exec.LookPath("g++"); err != nil {
		return []row{{what: "rows a CPU second into DuckDB, from a dead run", absolute: "left out: no C++ compiler"}}, nil
	}
	program, err := b.build("duckdb")
	if err != nil {
		return nil, err
	}
	n := b.amount(400_000)
	controls := []string{"json", "text"}
	names := map[string]string{
		"json": "the driver's Appender, same table and rows",
		"text": "the same with attributes as text (for information)",
	}
	cpu, wall := map[string][]float64{}, map[string][]float64{}
	var rate, seconds []float64
	for round := range b.turns(9) {
		ours, theirs, err := b.duckdbRound(program, n, controls, round)
		if err != nil {
			return nil, err
		}
		rate = append(rate, float64(n)/ours.CPU.Seconds())
		seconds = append(seconds, ours.Wall.Seconds())
		for k, t := range theirs {
			cpu[k] = append(cpu[k], t.CPU.Seconds()/ours.CPU.Seconds())
			wall[k] = append(wall[k], t.Wall.Seconds()/ours.Wall.Seconds())
		}
	}
	var rows []row
	for _, k := range controls {
		r := spreadOf(cpu[k])
		out := row{
			what: "rows a CPU second into DuckDB, from a dead run", control: names[k], ratio: r.String(),
			absolute: fmt.Sprintf("%.0f rows a CPU second", spreadOf(rate).median),
			cpu:      fmt.Sprintf("the ratio is of CPU; wall %.2f, %.0f rows/s", spreadOf(wall[k]).median, float64(n)/spreadOf(seconds).median),
		}
		if k == "json" {
			out.bar, out.met = "≥ 0.80", met(r.median >= 0.8)
		}
		rows = append(rows, out)
	}
	return rows, nil
}

func (b *bench) duckdbRound(program string, n int, controls []string, round int) (ours took, theirs map[string]took, err error) {
	dir, err := b.folder()
	if err != nil {
		return ours, nil, err
	}
	count := strconv.Itoa(n)
	if err := killed(program, "prepare", dir, count); err != nil {
		return ours, nil, err
	}
	if ours, err = child(program, "deliver", dir, count); err != nil {
		return ours, nil, err
	}
	theirs = map[string]took{}
	for i := range controls {
		k := controls[(i+round)%len(controls)]
		if theirs[k], err = child(program, "append-"+k, dir, count); err != nil {
			return ours, nil, err
		}
		if _, err := child(program, "same", filepath.Join(dir, "out.duckdb"), filepath.Join(dir, k+".duckdb"), count); err != nil {
			return ours, nil, err
		}
	}
	return ours, theirs, b.remove(dir)
}

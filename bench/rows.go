//go:build linux

package main

import (
	"fmt"
	"path/filepath"
	"strconv"
)

// rowsLine measures delivery into SQLite: a program that logs 200,000 records
// and is killed, then a program that finds its run and delivers it.
//
// The controls insert what the delivery has inserted, read back from its
// database: the same driver, version, pragmas, table, index and view, in the
// same order, 5,000 rows a transaction and as many rows a statement as girok
// puts into one. They have their values at hand, as a program that inserts what
// it knows; what girok does more is to find the run, read and check frames, map
// them to columns, make ids and move its position. Each is a process of its
// own. girok's CPU time is all that its process takes from before Open until the
// last row is in; the controls' is counted only from the beginning to the end of
// each transaction. The tables must be equal in the end, row by row.
func rowsLine(b *bench) ([]row, error) {
	program, err := b.build("rows")
	if err != nil {
		return nil, err
	}
	n := b.amount(200_000)
	controls := []string{"driver", "sql"}
	names := map[string]string{
		"driver": "insert of many rows at the driver's level, same rows",
		"sql":    "the same through database/sql",
	}
	cpu, wall := map[string][]float64{}, map[string][]float64{}
	var rate, seconds []float64
	for round := range b.turns(9) {
		ours, theirs, err := b.rowsRound(program, n, controls, round)
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
		rows = append(rows, row{
			what: "rows a CPU second into SQLite, from a dead run", control: names[k], ratio: r.String(),
			absolute: fmt.Sprintf("%.0f rows a CPU second", spreadOf(rate).median),
			cpu:      fmt.Sprintf("the ratio is of CPU; wall %.2f, %.0f rows/s", spreadOf(wall[k]).median, float64(n)/spreadOf(seconds).median),
			bar:      "≥ 0.80", met: met(r.median >= 0.8),
		})
	}
	return rows, nil
}

func (b *bench) rowsRound(program string, n int, controls []string, round int) (ours took, theirs map[string]took, err error) {
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
		if theirs[k], err = child(program, "insert-"+k, dir, count); err != nil {
			return ours, nil, err
		}
		if _, err := child(program, "same", filepath.Join(dir, "out.db"), filepath.Join(dir, k+".db"), count); err != nil {
			return ours, nil, err
		}
	}
	return ours, theirs, b.remove(dir)
}

//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/girok/girok/store/bigquery/bqfake"
)

// bigqueryLine measures delivery into BigQuery: a program that logs 800,000 records
// and is killed, then a program that finds its run and delivers it to a fake, by a
// committed stream. The fake, in the process of this program, keeps what comes and reads
// each row when all are there: a server's work would not be done on this machine, and
// next to what is measured it would slow that down.
//
// The control appends what the delivery has appended with Google's managedwriter:
// 10,000 rows an append at its offset, 8 of them under way. It has
// its values at hand and encodes them by hand, so that little more can be saved: what
// most programs do, messages by reflection, takes several times as long. What girok
// does more is to find the run, read and check frames, map them to columns, make JSON
// and ids, and write its journal. Each is a process of its own, and its CPU time is
// what is measured: girok's from before Open until the last row is in, the control's
// without the reading of the values. The tables must be equal in the end.
//
// The second row is of a fake that answers late, as one does that is far away: how many
// rows are delivered in a second, by the clock, from before Open on.
func bigqueryLine(b *bench) ([]row, error) {
	fake := bqfake.New()
	fake.ReadsLater = true
	if err := fake.Start(); err != nil {
		return nil, err
	}
	defer fake.Stop()
	os.Setenv("GIROK_BENCH_REST", fake.REST())
	os.Setenv("GIROK_BENCH_GRPC", fake.GRPC())
	program, err := b.build("bigquery")
	if err != nil {
		return nil, err
	}
	n := b.amount(800_000)
	var cpu, wall, rate, seconds []float64
	for range b.turns(7) {
		ours, theirs, err := b.bigqueryRound(fake, program, n)
		if err != nil {
			return nil, err
		}
		rate = append(rate, float64(n)/ours.CPU.Seconds())
		seconds = append(seconds, ours.Wall.Seconds())
		cpu = append(cpu, theirs.CPU.Seconds()/ours.CPU.Seconds())
		wall = append(wall, theirs.Wall.Seconds()/ours.Wall.Seconds())
	}
	late := []time.Duration{0, 20 * time.Millisecond, 100 * time.Millisecond}
	rates := make([][]float64, len(late))
	for range b.turns(3) {
		for i, d := range late {
			took, err := b.bigqueryLate(fake, program, n, d)
			if err != nil {
				return nil, err
			}
			rates[i] = append(rates[i], float64(n)/took.Wall.Seconds())
		}
	}
	var told []string
	for i, d := range late {
		told = append(told, fmt.Sprintf("%.0f at %v", spreadOf(rates[i]).median, d))
	}
	r := spreadOf(cpu)
	return []row{{
		what: "rows a CPU second into a fake of BigQuery, from a dead run", control: "managedwriter, rows encoded by hand, same appends", ratio: r.String(),
		absolute: fmt.Sprintf("%.0f rows a CPU second", spreadOf(rate).median),
		cpu:      fmt.Sprintf("the ratio is of the client's CPU; wall %.2f, %.0f rows/s", spreadOf(wall).median, float64(n)/spreadOf(seconds).median),
		bar:      "≥ 0.80", met: met(r.median >= 0.8),
	}, {
		what:     "rows a second into a fake of BigQuery, from a dead run, by how long each answer takes",
		absolute: strings.Join(told, ", "),
	}}, nil
}

// bigqueryLate delivers to a fake whose answers take some time.
func (b *bench) bigqueryLate(fake *bqfake.Server, program string, n int, answer time.Duration) (ours took, err error) {
	dir, err := b.folder()
	if err != nil {
		return ours, err
	}
	count := strconv.Itoa(n)
	if err := killed(program, "prepare", dir, count); err != nil {
		return ours, err
	}
	fake.AnswerAfter(answer)
	defer fake.AnswerAfter(0)
	if ours, err = child(program, "watch", dir, count); err != nil {
		return ours, err
	}
	if err := fake.ReadRows(); err != nil {
		return ours, err
	}
	if got := len(fake.Table("p", "ours", "logs").Rows); got != n {
		return ours, fmt.Errorf("the table has %d rows, want %d", got, n)
	}
	return ours, errors.Join(ask(fake, http.MethodDelete, "ours/tables/logs", nil), b.remove(dir))
}

// bigqueryRound makes both tables anew.
func (b *bench) bigqueryRound(fake *bqfake.Server, program string, n int) (ours, theirs took, err error) {
	dir, err := b.folder()
	if err != nil {
		return ours, theirs, err
	}
	count := strconv.Itoa(n)
	if err := killed(program, "prepare", dir, count); err != nil {
		return ours, theirs, err
	}
	if ours, err = child(program, "deliver", dir, count); err != nil {
		return ours, theirs, err
	}
	if err := fake.ReadRows(); err != nil {
		return ours, theirs, err
	}
	made := fake.Table("p", "ours", "logs")
	if err := writeRows(filepath.Join(dir, "rows"), made.Rows); err != nil {
		return ours, theirs, err
	}
	if err := tableAlike(fake, made); err != nil {
		return ours, theirs, err
	}
	if theirs, err = child(program, "append", dir, count); err != nil {
		return ours, theirs, err
	}
	if err := fake.ReadRows(); err != nil {
		return ours, theirs, err
	}
	other := fake.Table("p", "theirs", "logs")
	if len(made.Rows) != n || !reflect.DeepEqual(made.Rows, other.Rows) {
		return ours, theirs, fmt.Errorf("the tables differ: %d and %d rows, want %d alike", len(made.Rows), len(other.Rows), n)
	}
	for _, set := range []string{"ours", "theirs"} {
		if err := ask(fake, http.MethodDelete, set+"/tables/logs", nil); err != nil {
			return ours, theirs, err
		}
	}
	return ours, theirs, b.remove(dir)
}

func writeRows(path string, rows []bqfake.Row) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	out := json.NewEncoder(w)
	for _, r := range rows {
		if err := out.Encode(r); err != nil {
			return err
		}
	}
	return w.Flush()
}

// tableAlike makes the control's table.
func tableAlike(fake *bqfake.Server, made *bqfake.Table) error {
	if err := ask(fake, http.MethodPost, "", map[string]any{"datasetReference": map[string]string{"projectId": "p", "datasetId": "theirs"}}); err != nil {
		return err
	}
	return ask(fake, http.MethodPost, "theirs/tables", map[string]any{
		"tableReference": map[string]any{"projectId": "p", "datasetId": "theirs", "tableId": "logs"}, "schema": made.Resource["schema"],
	})
}

// ask makes a call of the fake's REST interface; that something is there already is
// no error.
func ask(fake *bqfake.Server, method, path string, in any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	url := fake.REST() + "/projects/p/datasets"
	if path != "" {
		url += "/" + path
	}
	req, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 && res.StatusCode != http.StatusConflict {
		return fmt.Errorf("%s %s: %s", method, url, res.Status)
	}
	return nil
}

//go:build unix

package killtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/girok/girok/internal/bqtest"
	"github.com/girok/girok/store/bigquery/bqfake"
)

// bq is the server of -store bigquery and bigquery-load: the strict fake, for no
// emulator's streams outlive its crash. That of -store bigquery-emulator is not killed, and loses nothing.
var bq bigqueryServer

type bigqueryServer struct {
	emulator *bqtest.Emulator // nil: the fake
	server   *bqfake.Server
	mu       sync.Mutex
	rng      *rand.Rand
	lost     int // answers
	silent   int // connections, that broke a while after they answered no more
	refused  int // appends, for a while
	broken   int // connections, before anything was applied
	failed   int // load jobs
	crashed  int
	finished int // streams, by somebody else
	slow     int // lives in which jobs run on when they are looked at first
}

func (b *bigqueryServer) start(t *testing.T, seed uint64) {
	b.server, b.rng = bqfake.New(), rand.New(rand.NewPCG(seed, 3))
	b.server.OnAppend = func(string, int64) error { return b.fault(8*cutEvery, 2, b.appendFault) } // a batch has eight
	b.server.OnLoad = func(string) error { return b.fault(2*cutEvery, 1, b.jobFault) }
	if err := b.server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.server.Stop)
}

// fault is what goes wrong with an append or a load job, of so many with one kind: what
// both have, and more kinds of one of them.
func (b *bigqueryServer) fault(every, more int, of func(kind int) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	kind := b.rng.IntN(every)
	switch {
	case kind >= 2+more:
		return nil
	case kind == 0:
		b.lost++
		return bqfake.ErrLost
	case kind == 1:
		b.broken++
		return bqfake.ErrBroken
	}
	return of(kind - 2)
}

func (b *bigqueryServer) appendFault(kind int) error {
	if kind == 0 {
		b.silent++
		return bqfake.ErrSilent
	}
	b.refused++
	return &bqfake.Refusal{Code: codes.Internal, Message: "it went wrong"}
}

func (b *bigqueryServer) jobFault(int) error {
	b.failed++
	return &bqfake.JobError{Reason: "backendError", Message: "it went wrong"}
}

func (b *bigqueryServer) place(mode string) string {
	var rest, grpc string
	if b.emulator != nil {
		rest, grpc = b.emulator.REST, b.emulator.GRPC
	} else {
		rest, grpc = b.server.REST(), b.server.GRPC()
	}
	return fmt.Sprintf("project: p\n    dataset: kill\n    mode: %s\n    endpoint: %s\n    grpc_endpoint: %s\n    insecure: true", mode, rest, grpc)
}

// trouble has the server crash at some moment of a life, in some lives, and come back
// with its streams and jobs; in others it ends all streams, or jobs run for a while.
// What it returns waits for that.
func (b *bigqueryServer) trouble(a *arena) func() {
	kind := a.rng.IntN(2 * killEvery)
	if kind == 2 && *store == "bigquery-load" {
		b.slow++
		b.server.Running(1)
		return func() { b.server.Running(0) }
	}
	if kind > 1 {
		return func() {}
	}
	after := time.Duration(a.rng.IntN(400)) * time.Millisecond
	done := make(chan error, 1)
	go func() {
		time.Sleep(after)
		if kind == 1 {
			b.server.FinalizeAll()
			done <- nil
			return
		}
		b.server.Stop()
		done <- b.server.Start()
	}()
	if kind == 1 {
		b.finished++
	} else {
		b.crashed++
	}
	return func() {
		if err := <-done; err != nil {
			a.t.Fatal(err)
		}
	}
}

func (b *bigqueryServer) told() string {
	said := fmt.Sprintf("the server crashed %d times; %d answers were lost, %d connections broke before anything was done", b.crashed, b.lost, b.broken)
	if *store == "bigquery-load" {
		return said + fmt.Sprintf("; %d jobs were begun, %d of them failed, in %d lives they ran on", b.server.Jobs, b.failed, b.slow)
	}
	return said + fmt.Sprintf("; %d connections answered no more, %d appends were refused, all streams were ended %d times", b.silent, b.refused, b.finished)
}

// rows are those of the table kills, as the server has them.
func (b *bigqueryServer) rows(_, _ string) (rows [][]string, err error) {
	t := b.server.Table("p", "kill", "kills")
	if t == nil {
		return nil, nil
	}
	for _, r := range t.Rows {
		rows = append(rows, []string{fmt.Sprint(r["life"]), fmt.Sprint(r["g"]), fmt.Sprint(r["n"]), fmt.Sprint(r["record_id"])})
	}
	return rows, nil
}

// ask asks the emulator for the rows of the lives, some lives at a time: it makes one
// text of an answer.
func (b *bigqueryServer) ask(_, query string) (rows [][]string, err error) {
	const parts = 16
	query = strings.Replace(query, "from kills", "from `p.kill.kills`", 1)
	for i := range parts {
		some, err := b.answer(fmt.Sprintf("%s where mod(life, %d) = %d", query, parts, i))
		if err != nil {
			return nil, err
		}
		rows = append(rows, some...)
	}
	return rows, nil
}

func (b *bigqueryServer) answer(query string) (rows [][]string, err error) {
	in, err := json.Marshal(map[string]any{"query": query, "useLegacySql": false, "maxResults": 10_000_000})
	if err != nil {
		return nil, err
	}
	resp, err := http.Post(b.emulator.REST+"/projects/p/queries", "application/json", bytes.NewReader(in))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var out struct {
		Rows []struct {
			F []struct {
				V any `json:"v"`
			} `json:"f"`
		} `json:"rows"`
		Total string `json:"totalRows"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the emulator says %s: %w", resp.Status, err)
	}
	for _, r := range out.Rows {
		var row []string
		for _, f := range r.F {
			row = append(row, fmt.Sprint(f.V))
		}
		rows = append(rows, row)
	}
	if fmt.Sprint(len(rows)) != out.Total {
		return nil, fmt.Errorf("the emulator gave %d of %s rows", len(rows), out.Total)
	}
	return rows, nil
}

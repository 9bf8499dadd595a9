//go:build linux

// Command predict is a service that answers POST /predict and logs each prediction
// before it answers, in one of several ways, for bench to compare.
// GIROK_BENCH_DSN says where PostgreSQL is, GIROK_BENCH_URL where a prediction goes
// by HTTP.
//
//	predict serve WAY DIR   serve, and print the address; GET /took is what logging took
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/girok/girok"
	"github.com/girok/girok/store/postgres"
)

const yaml = `version: 1
service: predict
spool: {dir: spool, require: true}
handlers:
  warehouse:
    class: postgres
    dsn: ${GIROK_BENCH_DSN}
    table: predictions
    columns: {request_id: attr.request_id, label: attr.label, score: {from: attr.score, type: float}}
    rest: drop
    create: true
root: {level: INFO, handlers: [warehouse]}
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "predict:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 || args[0] != "serve" {
		return errors.New("want serve WAY DIR")
	}
	return serve(args[1], args[2])
}

// prediction is what is logged.
type prediction struct {
	ID    string  `json:"request_id"`
	Label string  `json:"label"`
	Score float64 `json:"score"`
}

// log is a way of logging a prediction.
type log func(ctx context.Context, p *prediction) error

func ways(name, dir string) (log, error) {
	switch name {
	case "none":
		return func(context.Context, *prediction) error { return nil }, nil
	case "girok":
		return withGirok(dir)
	case "http":
		return withHTTP(os.Getenv("GIROK_BENCH_URL")), nil
	case "queue":
		return withQueue()
	}
	return nil, fmt.Errorf("there is no way %q", name)
}

func withGirok(dir string) (log, error) {
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		return nil, err
	}
	logs, err := girok.Open(path, postgres.Kind)
	if err != nil {
		return nil, err
	}
	l := logs.Logger("MLLogger")
	return func(ctx context.Context, p *prediction) error {
		l.LogAttrs(ctx, slog.LevelInfo, "predicted", slog.String("request_id", p.ID), slog.String("label", p.Label), slog.Float64("score", p.Score))
		return nil
	}, nil
}

// withHTTP sends each prediction as a request, and waits for its answer.
func withHTTP(url string) log {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	return func(ctx context.Context, p *prediction) error {
		body, err := json.Marshal(map[string]any{"rows": []any{map[string]any{"json": p}}})
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}
}

// withQueue is what one would write instead: a channel, and a goroutine that
// inserts what has come in a second, or a thousand.
func withQueue() (log, error) {
	conn, err := pgx.Connect(context.Background(), os.Getenv("GIROK_BENCH_DSN"))
	if err != nil {
		return nil, err
	}
	queue := make(chan prediction, 10_000)
	go func() {
		tick := time.NewTicker(time.Second)
		var rows [][]any
		for {
			select {
			case p := <-queue:
				rows = append(rows, []any{p.ID, p.Label, p.Score})
				if len(rows) < 1000 {
					continue
				}
			case <-tick.C:
			}
			if len(rows) == 0 {
				continue
			}
			if _, err := conn.CopyFrom(context.Background(), pgx.Identifier{"predictions"}, []string{"request_id", "label", "score"}, pgx.CopyFromRows(rows)); err != nil {
				fmt.Fprintln(os.Stderr, "predict:", err)
			}
			rows = rows[:0]
		}
	}()
	return func(_ context.Context, p *prediction) error {
		queue <- *p
		return nil
	}, nil
}

// timed notes how long each call of a log took.
type timed struct {
	log
	mu   sync.Mutex
	took []time.Duration
}

func (t *timed) do(ctx context.Context, p *prediction) error {
	from := time.Now()
	err := t.log(ctx, p)
	d := time.Since(from)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.took = append(t.took, d)
	return err
}

func serve(way, dir string) error {
	l, err := ways(way, dir)
	if err != nil {
		return err
	}
	t := &timed{log: l}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /predict", t.predict)
	mux.HandleFunc("GET /took", func(w http.ResponseWriter, _ *http.Request) {
		t.mu.Lock()
		defer t.mu.Unlock()
		all := slices.Sorted(slices.Values(t.took))
		at := func(q float64) int64 { return int64(all[int(q*float64(len(all)-1))]) }
		_ = json.NewEncoder(w).Encode(map[string]int64{"p50": at(0.5), "p99": at(0.99)}) // a client that is gone has nobody to tell
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	return http.Serve(listener, mux)
}

// predict classifies by a sum of the features; the model is not what is measured.
func (t *timed) predict(w http.ResponseWriter, r *http.Request) {
	var q struct {
		ID       string    `json:"request_id"`
		Features []float64 `json:"features"`
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p := prediction{ID: q.ID, Label: "mask"}
	for _, f := range q.Features {
		p.Score += f / float64(len(q.Features))
	}
	if p.Score < 0.5 {
		p.Label = "no mask"
	}
	if err := t.do(r.Context(), &p); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(p) // a client that is gone has nobody to tell
}

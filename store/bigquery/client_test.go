package bigquery

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
)

var (
	ctx   = context.Background()
	seoul = time.FixedZone("KST", 9*3600)
	count atomic.Int64
)

// place is an empty dataset of its own on a server.
type place struct {
	rest, project, dataset string
	way                    string // the keys that say how the server is reached
	http                   *http.Client
}

// project is that of emulators and fakes.
const project = "p"

func newPlace(rest, grpc string) *place {
	way := fmt.Sprintf("endpoint: %s\ngrpc_endpoint: %s\ninsecure: true\n", rest, grpc)
	return &place{rest, project, freshDataset("d"), way, http.DefaultClient}
}

func freshDataset(prefix string) string {
	return fmt.Sprintf("%s%d_%d", prefix, time.Now().UnixNano()%1e9, count.Add(1))
}

func (p *place) keys() string {
	return fmt.Sprintf("project: %s\ntable: %s.logs\n%s", p.project, p.dataset, p.way)
}

// call is one call of the REST API; it returns the status.
func (p *place) call(t testing.TB, method, path string, in, out any) int {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(method, p.rest+"/projects/"+p.project+"/"+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	if out != nil && resp.StatusCode < 300 {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if err := d.Decode(out); err != nil {
			t.Fatalf("%v in %.300s", err, text)
		}
	}
	if resp.StatusCode >= 300 && resp.StatusCode != http.StatusNotFound {
		t.Logf("%s %s: %d %.300s", method, path, resp.StatusCode, text)
	}
	return resp.StatusCode
}

// rows reads the table by tabledata.list, whose cells are texts.
func (p *place) rows(t testing.TB, name string) []map[string]any {
	t.Helper()
	var about struct {
		Schema struct {
			Fields []field `json:"fields"`
		} `json:"schema"`
	}
	path := "datasets/" + p.dataset + "/tables/" + name
	if p.call(t, http.MethodGet, path, nil, &about) == http.StatusNotFound {
		return nil
	}
	rows, token := []map[string]any{}, ""
	for {
		var page struct {
			Rows []struct {
				F []struct {
					V any `json:"v"`
				} `json:"f"`
			} `json:"rows"`
			Token string `json:"pageToken"`
		}
		p.call(t, http.MethodGet, path+"/data?maxResults=10000&formatOptions.useInt64Timestamp=true&pageToken="+token, nil, &page)
		for _, r := range page.Rows {
			row := map[string]any{}
			for i, f := range about.Schema.Fields {
				row[f.Name] = cell(t, &f, r.F[i].V)
			}
			rows = append(rows, row)
		}
		if token = page.Token; token == "" {
			return rows
		}
	}
}

// cell is a value as the suite compares it.
func cell(t testing.TB, f *field, v any) any {
	s, ok := v.(string)
	if !ok {
		return v
	}
	if f.Type == "TIMESTAMP" {
		us, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			sec, err := strconv.ParseFloat(s, 64)
			if err != nil {
				t.Fatalf("the timestamp %q", s)
			}
			us = int64(sec*1e6 + 0.5)
		}
		return time.UnixMicro(us).UTC()
	}
	return s
}

func conformance(rest, grpc string) func(t *testing.T) sinktest.Place {
	return conformanceOf(func(*testing.T) *place { return newPlace(rest, grpc) })
}

func conformanceOf(newPlace func(t *testing.T) *place) func(t *testing.T) sinktest.Place {
	return func(t *testing.T) sinktest.Place {
		p := newPlace(t)
		return sinktest.Place{
			Config: p.keys() + "create: true\n",
			Rows:   func(t testing.TB) []map[string]any { return p.rows(t, "logs") },
			DropTable: func(t testing.TB) {
				p.call(t, http.MethodDelete, "datasets/"+p.dataset+"/tables/logs", nil, nil)
			},
		}
	}
}

func testEnv() sink.Env {
	return sink.Env{Service: "svc", Handler: "warehouse", Location: seoul, Log: slog.New(slog.DiscardHandler)}
}

func batch(r *sinktest.Spool, messages ...string) *sink.Batch {
	var records []sinktest.Record
	for _, m := range messages {
		records = append(records, sinktest.Log(m))
	}
	return sinktest.Batch("warehouse", r.Part(records...))
}

func (p *place) messages(t testing.TB) string {
	var list []string
	for _, r := range p.rows(t, "logs") {
		list = append(list, fmt.Sprint(r["message"]))
	}
	return strings.Join(list, " ")
}

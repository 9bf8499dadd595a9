package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
)

// ask sends a body to a server of its own and returns status, answer and what
// was logged.
func ask(t *testing.T, method, path, body string) (status int, answer, logged string) {
	t.Helper()
	labels, all := mustParse(t)
	var log bytes.Buffer
	s := &server{model: train(labels, all), log: slog.New(slog.NewJSONHandler(&log, nil))}
	w := httptest.NewRecorder()
	s.routes().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w.Code, w.Body.String(), log.String()
}

func TestPredict(t *testing.T) {
	status, body, logged := ask(t, "POST", "/predict",
		`{"request_id": "r-1", "sepal_length": 6.3, "sepal_width": 3.3, "petal_length": 6.0, "petal_width": 2.5}`)
	var a answer
	if err := json.Unmarshal([]byte(body), &a); err != nil || status != 200 {
		t.Fatalf("%d, %s, %v", status, body, err)
	}
	if a.RequestID != "r-1" || a.Label != "virginica" || a.Score < 0.9 || a.Score > 1 {
		t.Errorf("got %+v", a)
	}
	var rec struct {
		Level, Msg string
		RequestID  string `json:"request_id"`
		Label      string
		Score      float64
		Latency    *float64 `json:"latency_ms"`
		Features   map[string]float64
	}
	if err := json.Unmarshal([]byte(logged), &rec); err != nil {
		t.Fatalf("%v in %q", err, logged)
	}
	if rec.Level != "INFO" || rec.RequestID != a.RequestID || rec.Label != a.Label || rec.Score != a.Score ||
		rec.Latency == nil || rec.Features["petal_width"] != 2.5 {
		t.Errorf("logged %s", logged)
	}
}

func TestBadRequests(t *testing.T) {
	const rest = `"sepal_length": 6.3, "sepal_width": 3.3, "petal_length": 6.0`
	for body, want := range map[string]string{
		``:                                 "EOF",
		`{`:                                "unexpected EOF",
		`[1,2]`:                            "json: cannot unmarshal array",
		`{"id":1}`:                         `json: unknown field \"id\"`,
		`{` + rest + `, "petal_width": 2}`: "request_id: want 1 to 100 bytes, got 0",
		`{"request_id":"a", ` + rest + `}`: "petal_width: is missing",
		`{"request_id":"a", ` + rest + `, "petal_width": null}`:               "petal_width: is missing",
		`{"request_id":"a", ` + rest + `, "petal_width": -1}`:                 "petal_width: want more than 0",
		`{"request_id":"a", ` + rest + `, "petal_width": 101}`:                "petal_width: want more than 0",
		`{"request_id":"a", ` + rest + `, "petal_width": 1e999}`:              "json: cannot unmarshal number 1e999",
		`{"request_id":"a", ` + rest + `, "petal_width": "2"}`:                "json: cannot unmarshal string",
		`{"request_id":"a", ` + rest + `, "petal_width": 2} {}`:               "want one JSON object",
		`{"request_id":"` + strings.Repeat("a", 101) + `"}`:                   "request_id: want 1 to 100 bytes, got 101",
		`{"request_id":"` + strings.Repeat("a", maxBody) + `", ` + rest + `}`: "http: request body too large",
	} {
		status, answer, logged := ask(t, "POST", "/predict", body)
		if status != 400 || !strings.Contains(answer, want) {
			t.Errorf("%.60s: %d %s, want %q", body, status, answer, want)
		}
		if !strings.Contains(logged, `"level":"WARN"`) || !strings.Contains(logged, want) || strings.Count(logged, "\n") != 1 {
			t.Errorf("%.60s: logged %s", body, logged)
		}
	}
}

func TestOtherPaths(t *testing.T) {
	for _, c := range []struct {
		method, path string
		status       int
	}{{"GET", "/healthz", 200}, {"GET", "/predict", 405}, {"POST", "/healthz", 405}, {"GET", "/", 404}} {
		if status, _, logged := ask(t, c.method, c.path, ""); status != c.status || logged != "" {
			t.Errorf("%s %s: %d, want %d; logged %q", c.method, c.path, status, c.status, logged)
		}
	}
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// server answers requests and logs each prediction.
type server struct {
	model *model
	log   *slog.Logger
}

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /predict", s.predict)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	return mux
}

// request is what a client sends; lengths in cm.
type request struct {
	RequestID   string   `json:"request_id"`
	SepalLength *float64 `json:"sepal_length"`
	SepalWidth  *float64 `json:"sepal_width"`
	PetalLength *float64 `json:"petal_length"`
	PetalWidth  *float64 `json:"petal_width"`
}

type answer struct {
	RequestID string  `json:"request_id"`
	Label     string  `json:"label"`
	Score     float64 `json:"score"`
}

// predict logs before it answers: when the client has its answer, the record is
// in the spool.
func (s *server) predict(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	q, x, err := read(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		s.log.WarnContext(r.Context(), "bad request: "+err.Error(), "request_id", q.RequestID, "client", r.RemoteAddr)
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	label, score := s.model.predict(x)
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "predicted "+label,
		slog.String("request_id", q.RequestID), slog.String("label", label), slog.Float64("score", score),
		slog.Float64("latency_ms", float64(time.Since(begun))/float64(time.Millisecond)),
		slog.Group("features", "sepal_length", x[0], "sepal_width", x[1], "petal_length", x[2], "petal_width", x[3]))
	writeJSON(w, http.StatusOK, answer{q.RequestID, label, score})
}

const (
	maxBody = 4 << 10
	maxID   = 100
	maxCM   = 100 // of a petal or sepal
)

// read reads and checks a request.
func read(body io.Reader) (q request, x [features]float64, err error) {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		return q, x, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return q, x, errors.New("want one JSON object")
	}
	if q.RequestID == "" || len(q.RequestID) > maxID {
		return q, x, fmt.Errorf("request_id: want 1 to %d bytes, got %d", maxID, len(q.RequestID))
	}
	for i, f := range []struct {
		name  string
		value *float64
	}{
		{"sepal_length", q.SepalLength}, {"sepal_width", q.SepalWidth},
		{"petal_length", q.PetalLength}, {"petal_width", q.PetalWidth},
	} {
		if f.value == nil {
			return q, x, fmt.Errorf("%s: is missing", f.name)
		}
		if x[i] = *f.value; x[i] <= 0 || x[i] > maxCM {
			return q, x, fmt.Errorf("%s: want more than 0 and at most %d cm, got %g", f.name, maxCM, x[i])
		}
	}
	return q, x, nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}

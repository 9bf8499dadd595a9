// Package admin lets people and machines ask a program over HTTP how its logging
// fares, and set levels. It is a package of its own so that a program that does not
// use it does not link net/http.
//
//	http.Handle("/logging/", http.StripPrefix("/logging", admin.Handler(logs)))
//
//	GET  /levels                        every logger, as JSON
//	GET  /levels/shop.orders            one logger
//	PUT  /levels/shop.orders?level=DEBUG&for=10m
//	GET  /stats                         handlers, spool and sources, as JSON
//	GET  /health                        200, or 503 when records are not safe
//
// Nothing is asked of who comes: show it to nobody outside.
package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/record"
	"github.com/girok/girok/spool"
)

// Handler answers questions about the logging of a program. It is safe for
// concurrent use. Requests that a page of another site makes a browser send change
// nothing.
func Handler(logs *girok.Logs) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /levels", func(w http.ResponseWriter, _ *http.Request) {
		list := []level{}
		for _, l := range logs.Levels() {
			list = append(list, levelOf(l))
		}
		answer(w, http.StatusOK, map[string]any{"loggers": list})
	})
	mux.HandleFunc("GET /levels/{logger}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, levelOf(logs.Level(r.PathValue("logger"))))
	})
	mux.HandleFunc("PUT /levels/{logger}", func(w http.ResponseWriter, r *http.Request) { setLevel(logs, w, r) })
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, statsOf(logs.Stats())) })
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		status := http.StatusOK
		h := healthOf(logs.Stats())
		if h.Status == failing {
			status = http.StatusServiceUnavailable
		}
		answer(w, status, h)
	})
	return http.NewCrossOriginProtection().Handler(mux)
}

// level is how a logger stands.
type level struct {
	Logger   string    `json:"logger"`
	Level    string    `json:"level"`
	Number   int       `json:"number"`
	Inherits bool      `json:"inherits"`
	Until    time.Time `json:"until,omitzero"`
	Then     string    `json:"then,omitempty"`
}

func levelOf(l girok.LoggerLevel) level {
	out := level{Logger: l.Logger, Level: l.Level.String(), Number: int(l.Level), Inherits: l.Own == record.NotSet, Until: l.Until}
	if !l.Until.IsZero() {
		out.Then = l.Then.String()
	}
	return out
}

func setLevel(logs *girok.Logs, w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	to, ok := record.ParseLevel(q.Get("level"))
	if !ok {
		refuse(w, fmt.Sprintf("want ?level= with DEBUG, INFO, WARNING, ERROR, CRITICAL, NOTSET, or a number, got %q", q.Get("level")))
		return
	}
	var d time.Duration
	if text := q.Get("for"); text != "" {
		var err error
		if d, err = time.ParseDuration(text); err != nil || d <= 0 {
			refuse(w, fmt.Sprintf("want &for= with a duration, as 10m, got %q", text))
			return
		}
	}
	l, err := logs.LendLevel(r.PathValue("logger"), to, d)
	if err != nil {
		refuse(w, err.Error())
		return
	}
	answer(w, http.StatusOK, levelOf(l))
}

func refuse(w http.ResponseWriter, why string) {
	answer(w, http.StatusBadRequest, map[string]string{"error": why})
}

func answer(w http.ResponseWriter, status int, v any) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // a client that has gone has nobody to tell
}

// The words of health.
const (
	fine    = "ok"      // everything arrives, or waits in safety
	waiting = "waiting" // a destination does not take records: they wait in the spool
	failing = "failing" // records are lost, or would be if the program died now
)

// health is how the logging of a program is.
type health struct {
	Status   string   `json:"status"`
	Problems []string `json:"problems"`
}

func healthOf(s girok.Stats) health {
	h := health{Status: fine, Problems: []string{}}
	for _, d := range s.Handlers {
		if d.State != spool.Delivering {
			h.Status = waiting
			h.Problems = append(h.Problems, fmt.Sprintf("handler %s: %s: %s", d.Handler, d.State, d.Cause))
		}
	}
	if s.Spool != nil && s.Spool.Degraded {
		h.Status = failing
		h.Problems = append(h.Problems, "the spool can't be used: records stay in memory")
	}
	return h
}

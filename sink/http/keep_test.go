package http

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/girok/girok/sink"
)

// A connection that may be kept is used again; whatever the server does with it, each
// record arrives once.
func TestKept(t *testing.T) {
	tests := []struct {
		name   string
		most   int64 // connections
		answer func(w http.ResponseWriter, n int64)
	}{
		{"empty answers", 1, func(http.ResponseWriter, int64) {}},
		{"with a body", 1, func(w http.ResponseWriter, _ int64) { _, _ = w.Write([]byte("taken")) }},
		{"refused", 1, func(w http.ResponseWriter, n int64) {
			if n%2 == 0 {
				w.WriteHeader(http.StatusBadRequest)
			}
		}},
		{"closed behind", 20, func(w http.ResponseWriter, _ int64) { w.Header().Set("Connection", "close") }},
		{"in chunks", 20, func(w http.ResponseWriter, _ int64) {
			_, _ = w.Write([]byte("a"))
			w.(http.Flusher).Flush()
			_, _ = w.Write([]byte("b"))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got, conns atomic.Int64
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { tt.answer(w, got.Add(1)) }))
			server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
				if s == http.StateNew {
					conns.Add(1)
				}
			}
			server.Start()
			defer server.Close()
			c, err := decode("host: '" + strings.TrimPrefix(server.URL, "http://") + "', url: /log, method: POST")
			if err != nil {
				t.Fatal(err)
			}
			h := Kind.Open(sink.DirectEnv{Location: time.UTC, Keep: true, Patience: time.Minute}, c).(*Handler)
			for range 20 {
				if err := h.Handle(placed(t)); err != nil && tt.name != "refused" {
					t.Fatal(err)
				}
			}
			if got.Load() != 20 || conns.Load() > tt.most {
				t.Errorf("%d records by %d connections, want 20 by %d", got.Load(), conns.Load(), tt.most)
			}
			server.CloseClientConnections() // as a server does that has waited long enough
			if err := h.Handle(placed(t)); err != nil && tt.name != "refused" || got.Load() != 21 {
				t.Errorf("after the server had closed: %v, %d records", err, got.Load())
			}
			if err := h.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

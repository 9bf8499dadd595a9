package collector

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// Times that a client of the metrics may take: a slow one is hung up on.
const (
	metricsRead  = 5 * time.Second
	metricsWrite = 10 * time.Second
)

// listenMetrics opens addr: host:port, or a port of this machine alone.
func listenMetrics(addr string) (net.Listener, error) {
	full := addr
	if !strings.Contains(addr, ":") {
		full = ":" + addr
	}
	if strings.HasPrefix(full, ":") {
		full = "127.0.0.1" + full
	}
	l, err := net.Listen("tcp", full)
	if err != nil {
		return nil, fmt.Errorf("--metrics %s: %w; want a free port, or host:port of this machine", addr, err)
	}
	return l, nil
}

// serveMetrics answers, and says where, until the function that it returns is called,
// which does not wait for a client.
func serveMetrics(l net.Listener, numbers http.Handler, out *status) (stop func()) {
	mux := http.NewServeMux()
	mux.Handle("/metrics", numbers)
	s := &http.Server{Handler: mux, ReadTimeout: metricsRead, WriteTimeout: metricsWrite, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	go func() { _ = s.Serve(l) }() // ends with Close; a client's trouble is the client's
	out.say("metrics at http://" + l.Addr().String() + "/metrics")
	return func() { _ = s.Close() }
}

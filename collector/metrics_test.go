package collector

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// A Run shows its numbers where it is told, and a client that does not read
// holds nothing: neither other clients nor the end.
func TestMetrics(t *testing.T) {
	s := &store{}
	r, w := io.Pipe()
	in, told := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := options(configFile(t, "spool: {dir: spool}"), s, r, told)
	o.Metrics = "0"
	done := make(chan error, 1)
	go func() {
		_, err := Run(ctx, o)
		told.Close()
		done <- err
	}()
	lines := bufio.NewScanner(in)
	lines.Scan()
	url, ok := strings.CutPrefix(lines.Text(), "girok: metrics at ")
	if !ok || !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Fatalf("told %q", lines.Text())
	}
	go func() { _, _ = io.Copy(io.Discard, in) }()
	slow, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/metrics"))
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	if _, err := io.WriteString(slow, strings.Repeat("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 50)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "{\"msg\":\"a\"}\n"); err != nil {
		t.Fatal(err)
	}
	body := fetch(t, lines.Text())
	if !strings.Contains(body, "# TYPE girok_spool_held_bytes gauge\n") || !strings.Contains(body, `girok_source_reads_total{source="stdin"} `) {
		t.Errorf("%s", body)
	}
	w.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := http.Get(url); err == nil {
		t.Error("it still answers")
	}
}

// fetch gets the numbers from where a Run has said that they are.
func fetch(t *testing.T, said string) string {
	t.Helper()
	_, rest, _ := strings.Cut(said, "girok: metrics at ")
	url, _, _ := strings.Cut(rest, "\n")
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestMetricsAddress(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	for _, addr := range []string{port, ":" + port, "127.0.0.1:" + port, "1.2.3.4.5:x", "-1"} {
		s := &store{}
		o := options(configFile(t, "spool: {dir: spool}"), s, strings.NewReader(""), io.Discard)
		o.Metrics = addr
		sum, err := Run(t.Context(), o)
		if sum != nil || err == nil || !strings.Contains(err.Error(), "--metrics "+addr+": ") || !strings.Contains(err.Error(), "want a free port") {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

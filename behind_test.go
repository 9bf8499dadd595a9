package girok

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/girok/girok/sink/python"
)

// forms is a web server that takes the records of an HTTPHandler.
type forms struct {
	mu     sync.Mutex
	busy   int // requests that it still answers with 503
	got    []string
	format string // of the last
}

func (f *forms) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch msg := r.FormValue("msg"); {
	case f.busy > 0:
		f.busy--
		w.WriteHeader(http.StatusServiceUnavailable)
	case msg == "bad":
		w.WriteHeader(http.StatusBadRequest)
	default:
		f.got = append(f.got, msg)
		f.format = r.FormValue("process") + " " + r.FormValue("levelname") + " " + r.FormValue("user")
	}
}

// A handler with spooled: true sends again until the other side takes it, in order;
// what is refused for itself is set aside. Its password is not in the spool.
func TestSpooledNetworkHandler(t *testing.T) {
	web := &forms{busy: 2}
	var conns atomic.Int64
	server := httptest.NewUnstartedServer(web)
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	dir := t.TempDir()
	yaml := fmt.Sprintf(`version: 1
service: s
handlers:
  web: {class: logging.handlers.HTTPHandler, host: %q, url: /log, method: POST, credentials: [kim, hunter2], spooled: true, batch: {age: 10ms}}
root: {level: INFO, handlers: [web]}
spool: {dir: %q}
`, strings.TrimPrefix(server.URL, "http://"), dir)
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Check(path, python.Kinds)
	if err != nil {
		t.Fatal(err)
	}
	if h := c.Handlers[0]; !h.Spooled || !strings.Contains(h.Guarantee, "at least once") || !strings.HasPrefix(h.Place, server.URL) {
		t.Errorf("check says %+v", h)
	}
	logs, err := Open(path, python.Kinds)
	if err != nil {
		t.Fatal(err)
	}
	log := logs.Logger("shop")
	var want []string
	for i := range 20 {
		if i == 7 {
			log.Info("bad")
			continue
		}
		want = append(want, fmt.Sprint("m", i))
		log.Warn(want[len(want)-1], "user", "kim")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := logs.Flush(ctx); err != nil {
		t.Error(err)
	}
	s := logs.Stats().Handlers[0]
	if err := logs.Close(); err != nil {
		t.Error(err)
	}
	web.mu.Lock()
	defer web.mu.Unlock()
	if !slices.Equal(web.got, want) || web.format != fmt.Sprint(os.Getpid(), " WARNING kim") {
		t.Errorf("got %q, %q", web.got, web.format)
	}
	if n := conns.Load(); n > 3 { // one, and others after its answers of 503
		t.Errorf("%d connections", n)
	}
	if s.Letters != 1 || s.Records != 19 || s.Retries < 1 {
		t.Errorf("%+v", s)
	}
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(name)
		if bytes.Contains(b, []byte("hunter2")) {
			t.Errorf("%s holds the password", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A program that only writes leaves the lines to whoever delivers, who has neither its
// formatters nor its process.
func TestSpooledSyslogOfAnotherProgram(t *testing.T) {
	daemon, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer daemon.Close()
	host, port, _ := net.SplitHostPort(daemon.LocalAddr().String())
	yaml := fmt.Sprintf(`version: 1
service: s
formatters: {short: {format: "%%(levelname)s %%(message)s %%(user)s"}}
handlers: {log: {class: logging.handlers.SysLogHandler, address: [%s, %s], formatter: short, spooled: true, batch: {age: 10ms}}}
root: {level: INFO, handlers: [log]}
spool: {dir: %q}
`, host, port, t.TempDir())
	writer, err := OpenBytes("w", []byte(yaml), WriteOnly())
	if err != nil {
		t.Fatal(err)
	}
	writer.Logger("shop").Error("no seat", "user", "kim")
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	reader, err := OpenBytes("r", []byte(yaml), python.Kinds)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := daemon.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1000)
	n, _, err := daemon.ReadFrom(b)
	if err != nil && err != io.EOF {
		t.Fatal(err)
	}
	if got, want := string(b[:n]), "<11>ERROR no seat kim\x00"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A formatter that is not there is a mistake with its place.
func TestSpooledNetworkMistakes(t *testing.T) {
	_, err := OpenBytes("c", []byte("version: 1\nhandlers: {log: {class: logging.handlers.SysLogHandler, formatter: x, spooled: true, bach: {}}}\nroot: {handlers: [log]}"), python.Kinds)
	for _, want := range []string{`c:2:68: handlers.log.formatter: no formatter "x"`, "handlers.log.bach: unknown key"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %v", want, err)
		}
	}
}

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/girok/girok"
)

// web is a server that is down until it is up, and what it has taken.
type web struct {
	*httptest.Server
	up       atomic.Bool
	requests atomic.Int64
	taken    safe
}

func startWeb(t *testing.T) *web {
	w := &web{}
	w.Server = httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		defer w.requests.Add(1)
		if !w.up.Load() {
			answer.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_ = r.ParseForm()
		fmt.Fprintln(&w.taken, r.Form.Get("msg"))
	}))
	t.Cleanup(w.Close)
	return w
}

// asks waits until what do starts has asked twice: it knows the first answer then.
func (w *web) asks(t *testing.T, do func()) {
	t.Helper()
	n := w.requests.Load()
	do()
	until(t, "two requests", func() bool { return w.requests.Load() > n+1 })
}

// logsTo opens a program that only writes its spool, for a server.
func (w *web) logsTo(t *testing.T, spool string) *girok.Logs {
	t.Helper()
	logs, err := girok.OpenBytes("config.yaml", fmt.Appendf(nil, `version: 1
service: shop
spool: {dir: %q}
handlers:
  web: {class: logging.handlers.HTTPHandler, spooled: true, host: %q, url: /, method: POST, batch: {age: 1h}}
root: {level: INFO, handlers: [web]}
`, spool, strings.TrimPrefix(w.URL, "http://")), append([]girok.Option{girok.WriteOnly()}, kinds...)...)
	if err != nil {
		t.Fatal(err)
	}
	return logs
}

// sidecar is a process `girok run --spool`.
type sidecar struct {
	*exec.Cmd
	told safe
}

func startSidecar(t *testing.T, spool string, args ...string) *sidecar {
	t.Helper()
	s := &sidecar{Cmd: exec.Command(os.Args[0], append([]string{"run", "--spool", spool}, args...)...)}
	s.Env = append(os.Environ(), "GIROK_BE_THE_PROGRAM=1")
	s.Stderr = &s.told
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Process.Kill() // one that has ended is no matter
		_ = s.Wait()
	})
	return s
}

func (s *sidecar) stop(t *testing.T) {
	t.Helper()
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// ends waits for the end, and wants an exit code and the last lines that are told.
func (s *sidecar) ends(t *testing.T, code int, last ...string) {
	t.Helper()
	_ = s.Wait() // its code tells
	lines := strings.Split(strings.TrimSuffix(s.told.String(), "\n"), "\n")
	if s.ProcessState.ExitCode() != code || len(lines) < len(last) {
		t.Fatalf("%v, want exit code %d\n%s", s.ProcessState, code, s.told.String())
	}
	for i, want := range last {
		if got := lines[len(lines)-len(last)+i]; !regexp.MustCompile("^girok: " + want + "$").MatchString(got) {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}

// A signal has what is in the spool delivered, of dead programs and of those that write
// on.
func TestSidecarDeliversAtTheEnd(t *testing.T) {
	spool, w := filepath.Join(t.TempDir(), "spool"), startWeb(t)
	dead, living := w.logsTo(t, spool), w.logsTo(t, spool)
	for n := range 20 {
		dead.Logger("x").Info(fmt.Sprint("dead ", n))
		living.Logger("x").Info(fmt.Sprint("living ", n))
	}
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	s := startSidecar(t, spool, "--drain", "2m")
	until(t, "that it delivers", func() bool { return strings.Contains(s.told.String(), "service shop") })
	living.Logger("x").Info("the last")
	s.stop(t)
	until(t, "that it goes on", func() bool { return strings.Contains(s.told.String(), "girok: stopped: ") })
	ended, still := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(still)
		for n := 0; ; n++ {
			select {
			case <-ended:
				return
			case <-time.After(time.Millisecond):
				living.Logger("x").Info(fmt.Sprint("more ", n))
			}
		}
	}()
	w.up.Store(true)
	s.ends(t, exitOK, `delivered \d+ records: shop/web \d+; dead letters 0, lost 0 \(\d+\.\d s\)`)
	close(ended)
	<-still
	taken := w.taken.String()
	for n := range 20 {
		for _, who := range []string{"dead", "living"} {
			if line := fmt.Sprintln(who, n); strings.Count("\n"+taken, "\n"+line) != 1 {
				t.Errorf("%q is there %d times", line, strings.Count("\n"+taken, "\n"+line))
			}
		}
	}
	if strings.Count(taken, "the last\n") != 1 {
		t.Errorf("the last is not there, or twice:\n%s", taken)
	}
	_, told, _ := strings.Cut(s.told.String(), "delivered ")
	var delivered int
	if _, err := fmt.Sscan(told, &delivered); err != nil || delivered < 41 || delivered > strings.Count(taken, "\n") { // an answer may come too late
		t.Errorf("%d were taken; told %s", strings.Count(taken, "\n"), s.told.String())
	}
	_ = living.Close()
}

// What can't be delivered within the limit is told: how much, where, why, and what to do.
// A second signal ends the wait.
func TestSidecarTellsWhatIsLeft(t *testing.T) {
	for _, second := range []bool{false, true} {
		spool, w := filepath.Join(t.TempDir(), "spool"), startWeb(t)
		for range 3 {
			logs := w.logsTo(t, spool)
			logs.Logger("x").Info("m")
			if err := logs.Close(); err != nil {
				t.Fatal(err)
			}
		}
		limit := "300ms"
		if second {
			limit = "1h"
		}
		var s *sidecar
		w.asks(t, func() { s = startSidecar(t, spool, "--service", "shop", "--drain", limit) })
		s.stop(t)
		if second {
			until(t, "that it goes on", func() bool { return strings.Contains(s.told.String(), "girok: stopped: ") })
			time.Sleep(2 * oneSignal) // what comes within it is no second one
			s.stop(t)
		}
		again := regexp.QuoteMeta("`girok run --spool " + spool + " --service shop`")
		s.ends(t, exitWaits,
			`delivered 0 records: shop/web 0; dead letters 0, lost 0 \(\d+\.\d s\)`,
			`\d+ B of 3 runs in `+regexp.QuoteMeta(filepath.Join(spool, "shop"))+` wait for web \(retrying: .*503.*\); they are safe there, and the next `+again+` delivers them`)
		w.up.Store(true)
		w.asks(t, func() { s = startSidecar(t, spool, "--drain", "2m") })
		s.stop(t)
		s.ends(t, exitOK, `delivered 3 records: shop/web 3; .*`)
	}
}

// A second signal ends the wait of the other commands that deliver too, and they say how
// things stand.
func TestSecondSignalWhileDelivering(t *testing.T) {
	dir, w := t.TempDir(), startWeb(t)
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, `version: 1
service: shop
spool: {dir: spool}
handlers: {web: {class: logging.handlers.HTTPHandler, spooled: true, host: %q, url: /, method: POST}}
root: {level: INFO, handlers: [web]}
`, strings.TrimPrefix(w.URL, "http://")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		line, in, told string
	}{
		{"run --drain 1h -c", "a line\n", `girok: read 1 lines, 1 records to the spool; web: delivered 0; dead letters 0, lost 0 \(`},
		{"spool drain --patience 1h -c", "", `girok: web: delivered 0 records\n`},
	} {
		s := &sidecar{Cmd: exec.Command(os.Args[0], append(strings.Fields(c.line), config)...)}
		s.Stdin, s.Stderr, s.Env = strings.NewReader(c.in), &s.told, append(os.Environ(), "GIROK_BE_THE_PROGRAM=1")
		w.asks(t, func() {
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
		})
		defer func() { _ = s.Process.Kill() }()
		s.stop(t)
		until(t, "that it goes on", func() bool { return strings.Contains(s.told.String(), "girok: stopped: ") })
		time.Sleep(2 * oneSignal) // what comes within it is no second one
		s.stop(t)
		s.ends(t, exitWaits, `\d+ B of run [0-9a-f]{16} wait for web \(retrying: .*\); they are safe in the spool, and the next .girok run. delivers them`)
		if !regexp.MustCompile(c.told).MatchString(s.told.String()) {
			t.Errorf("%s: %s", c.line, s.told.String())
		}
	}
}

// What another process delivers is not waited for.
func TestSidecarLeavesToAnother(t *testing.T) {
	spool, w := filepath.Join(t.TempDir(), "spool"), startWeb(t)
	logs := w.logsTo(t, spool)
	logs.Logger("x").Info("m")
	if err := logs.Close(); err != nil {
		t.Fatal(err)
	}
	var first *sidecar
	w.asks(t, func() { first = startSidecar(t, spool, "--drain", "1h") })
	second := startSidecar(t, spool, "--drain", "1h")
	until(t, "that the second delivers", func() bool {
		locks, _ := filepath.Glob(filepath.Join(spool, "shop/to/*/lock"))
		for _, path := range locks {
			b, _ := os.ReadFile(path)
			if strings.HasPrefix(string(b), fmt.Sprintf("pid %d\n", second.Process.Pid)) {
				return true
			}
		}
		return false
	})
	first.stop(t)
	first.ends(t, exitOK, `delivered 0 records: .*`, `\d+ B of run [0-9a-f]{16} in `+regexp.QuoteMeta(filepath.Join(spool, "shop"))+fmt.Sprintf(` wait for web; pid %d delivers them`, second.Process.Pid))
	w.up.Store(true)
	second.stop(t)
	second.ends(t, exitOK, `delivered 1 records: shop/web 1; .*`)
}

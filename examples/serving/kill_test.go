package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/girok/girok/store/sqlite"
)

// TestMain runs the program instead of the tests if the environment says so: the
// child of TestKill is the real main, with the race detector if there is one.
func TestMain(m *testing.M) {
	if os.Getenv("SERVING_CHILD") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// patience is how long a busy machine may take for what takes a moment.
const patience = 2 * time.Minute

// program is a running child.
type program struct {
	t   *testing.T
	cmd *exec.Cmd
	url string
	out bytes.Buffer // what it wrote; whole after wait
	eof chan struct{}
}

// start starts the program in a folder, and returns when it listens.
func start(t *testing.T, dir string) *program {
	t.Helper()
	p := &program{t: t, cmd: exec.Command(os.Args[0], "-addr", "127.0.0.1:0"), eof: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = dir, append(os.Environ(), "SERVING_CHILD=1")
	pipe, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = os.Stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	address := make(chan string, 1)
	go p.read(pipe, address)
	select {
	case p.url = <-address:
	case <-p.eof:
		t.Fatalf("the program ended:\n%s", p.out.String())
	case <-time.After(patience):
		t.Fatal("the program does not listen")
	}
	return p
}

func (p *program) read(pipe io.Reader, address chan<- string) {
	defer close(p.eof)
	lines := bufio.NewScanner(pipe)
	for lines.Scan() {
		fmt.Fprintln(&p.out, lines.Text())
		if _, url, ok := strings.Cut(lines.Text(), "listening on "); ok {
			address <- url
		}
	}
}

// end signals the program and waits for its end.
func (p *program) end(sig os.Signal) error {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
	select {
	case <-p.eof:
	case <-time.After(patience):
		p.t.Fatalf("the program does not end after %v", sig)
	}
	return p.cmd.Wait()
}

// load sends requests from several goroutines until so many are answered, or the
// program is gone, and returns the ids of all that were answered 200. It takes
// its time, so that batches are delivered meanwhile.
func load(url, prefix string, want int64, at func(answered int64)) (answered []string) {
	const clients = 8
	var mu sync.Mutex
	var done atomic.Int64
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			client := &http.Client{Timeout: patience, Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for i := 0; done.Load() < want; i++ {
				id := fmt.Sprintf("%s-%d-%d", prefix, c, i)
				body := fmt.Sprintf(`{"request_id":%q,"sepal_length":%g,"sepal_width":3,"petal_length":%g,"petal_width":%g}`,
					id, 4+float64(i%40)/10, 1+float64(i%60)/10, 0.1+float64(i%25)/10)
				if !predict(client, url, id, body) {
					return
				}
				mu.Lock()
				answered = append(answered, id)
				mu.Unlock()
				at(done.Add(1))
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	all.Wait()
	return answered
}

// predict reports whether the answer came whole and is the one to the request.
func predict(client *http.Client, url, id, body string) bool {
	r, err := client.Post(url+"/predict", "application/json", strings.NewReader(body))
	if err != nil {
		return false
	}
	defer r.Body.Close()
	var a answer
	return r.StatusCode == http.StatusOK && json.NewDecoder(r.Body).Decode(&a) == nil && a.RequestID == id && a.Label != ""
}

// query asks the table.
func query(t *testing.T, dir, sql string) (rows [][]any) {
	t.Helper()
	ctx := context.Background()
	r, err := sqlite.Query(ctx, filepath.Join(dir, "online_serving_logs.db"), sql)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		row, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
}

// counts is how often each request id is in the table.
func counts(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	n := map[string]int64{}
	for _, row := range query(t, dir, "select request_id, count(*) from iris_classification where level = 'INFO' group by request_id") {
		n[row[0].(string)] = row[1].(int64)
	}
	return n
}

// awaitRows waits until every id is in the table: the program delivers its own, and
// what the one before it, which was killed, had left.
func awaitRows(t *testing.T, dir string, ids []string) {
	t.Helper()
	missing := 0
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		n := counts(t, dir)
		missing = 0
		for _, id := range ids {
			if n[id] == 0 {
				missing++
			}
		}
		if missing == 0 {
			return
		}
	}
	t.Fatalf("%d of %d predictions are not in the table", missing, len(ids))
}

const killAfter, more = 800, 300 // answered predictions

// TestKill: every prediction that was answered is in the table exactly once, and
// in the file, whatever happens to the program.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	config, err := os.ReadFile("config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), config, 0o600); err != nil {
		t.Fatal(err)
	}

	first := start(t, dir)
	kill := sync.OnceFunc(func() { _ = first.cmd.Process.Kill() })
	answered := load(first.url, "first", 1<<40, func(n int64) {
		if n == killAfter {
			kill()
		}
	})
	if err := first.end(syscall.SIGKILL); err == nil {
		t.Error("the program that was killed ended well")
	}

	second := start(t, dir)
	if r, err := http.Get(second.url + "/healthz"); err != nil || r.StatusCode != http.StatusOK {
		t.Errorf("healthz: %v, %v", r, err)
	} else {
		r.Body.Close()
	}
	bad, err := http.Post(second.url+"/predict", "application/json", strings.NewReader(`{"request_id":"bad"}`))
	if err != nil {
		t.Fatal(err)
	}
	bad.Body.Close()
	before := len(answered)
	answered = append(answered, load(second.url, "second", more, func(int64) {})...)
	awaitRows(t, dir, answered)
	if err := second.end(syscall.SIGTERM); err != nil {
		t.Errorf("the program ended with %v:\n%s", err, second.out.String())
	}
	t.Logf("answered: %d, then killed; %d after it", before, len(answered)-before)
	if before < killAfter || len(answered)-before < more {
		t.Errorf("too few")
	}
	checkTable(t, dir, answered)
	checkFile(t, dir, answered)
}

// checkTable wants each answered prediction once, others at most once, and all
// columns filled.
func checkTable(t *testing.T, dir string, answered []string) {
	t.Helper()
	n := counts(t, dir)
	for _, id := range answered {
		if n[id] != 1 {
			t.Errorf("%s was answered and is in the table %d times", id, n[id])
		}
		delete(n, id)
	}
	for id, times := range n {
		if times != 1 {
			t.Errorf("%s, whose answer did not come, is in the table %d times", id, times)
		}
	}
	t.Logf("in the table without an answer that came: %d", len(n))
	wrong := query(t, dir, `select count(*) from iris_classification where level = 'INFO' and not ifnull(
		label in ('setosa', 'versicolor', 'virginica') and message = 'predicted ' || label and score > 0 and score <= 1 and latency_ms >= 0
		and created_at glob '????-??-??T*Z' and json_extract(attributes, '$.features.petal_width') > 0, 0)`)
	if wrong[0][0] != int64(0) {
		t.Errorf("%v rows are not as they should be", wrong[0][0])
	}
	warnings := query(t, dir, `select level, message, request_id, label from iris_classification where level <> 'INFO'`)
	if len(warnings) != 1 || fmt.Sprint(warnings[0]) != "[WARNING bad request: sepal_length: is missing bad <nil>]" {
		t.Errorf("warnings: %v", warnings)
	}
}

// checkFile wants each answered prediction in the file once.
func checkFile(t *testing.T, dir string, answered []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "serving.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for line := range bytes.Lines(text) {
		var rec struct {
			RequestID string `json:"request_id"`
		}
		if err := json.Unmarshal(line, &rec); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		n[rec.RequestID]++
	}
	for _, id := range answered {
		if n[id] != 1 {
			t.Errorf("%s is in the file %d times", id, n[id])
		}
	}
}

//go:build unix

package mllogger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/config"
	"github.com/girok/girok/internal/bqtest"
	"github.com/girok/girok/store/bigquery/bqfake"
)

// TestMain plays the service, where it is asked to.
func TestMain(m *testing.M) {
	if spec := os.Getenv("GIROK_MLLOGGER"); spec != "" {
		serve(spec)
	}
	os.Exit(m.Run())
}

// service is what a child does.
type service struct {
	Config, Key, Table string
	Keys               girok.Keys
	First, Last        int
	Die                bool // at once after the last call
	Stay               bool // until its input ends
}

func serve(spec string) {
	var s service
	if err := json.Unmarshal([]byte(spec), &s); err != nil {
		panic(err)
	}
	logs, log, err := Open(s.Config, s.Key, s.Table, "MLLogger", s.Keys)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for range s.Last - s.First {
		log.Info("hello world")
	}
	if s.Die {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	if s.Stay {
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
	if err := logs.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

const configYAML = `version: 1
formatters:
  simple: {format: "%(asctime)s | %(levelname)s - %(message)s"}
  json: {"()": pythonjsonlogger.jsonlogger.JsonFormatter, format: "%(created)f %(filename)s %(levelname)s %(name)s %(message)s"}
handlers:
  console: {class: logging.StreamHandler, level: DEBUG, formatter: simple, stream: ext://sys.stdout}
  logfile: {class: logging.FileHandler, formatter: json, filename: PLACE/serving.jsonl}
loggers:
  MLLogger: {level: INFO, handlers: [console, logfile]}
spool: {dir: spool}
`

const table = "p.online_serving_logs.mask_classification"

// place is a folder with a configuration, and BigQuery behind TLS.
type place struct {
	*testing.T
	dir   string
	fake  *bqfake.Server
	front *bqtest.Front
}

func newPlace(t *testing.T) *place {
	p := &place{T: t, dir: t.TempDir(), fake: bqfake.New()}
	if err := p.fake.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.fake.Stop)
	p.front = bqtest.NewFront(t, p.fake.REST(), p.fake.GRPC())
	if err := os.WriteFile(p.config(), []byte(strings.ReplaceAll(configYAML, "PLACE", p.dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *place) config() string { return filepath.Join(p.dir, "config.yaml") }

// keys lead to the fake.
func (p *place) keys() girok.Keys {
	return girok.Keys{"endpoint": p.front.REST + "/bigquery/v2", "grpc_endpoint": p.front.GRPC, "ca_file": p.front.CAFile}
}

// run runs the service and gives what it printed.
func (p *place) run(s service) string {
	p.Helper()
	exe, err := os.Executable()
	if err != nil {
		p.Fatal(err)
	}
	s.Config, s.Table = p.config(), table
	spec, err := json.Marshal(s)
	if err != nil {
		p.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd := exec.Command(exe)
	if s.Stay { // as long as rows are missing
		in, err := cmd.StdinPipe()
		if err != nil {
			p.Fatal(err)
		}
		go func() {
			defer in.Close()
			for end := time.Now().Add(2 * time.Minute); p.count() < s.Last && time.Now().Before(end); {
				time.Sleep(20 * time.Millisecond)
			}
		}()
	}
	cmd.Stdout, cmd.Stderr, cmd.Env = &out, &errs, append(os.Environ(), "GIROK_MLLOGGER="+string(spec))
	err = cmd.Run()
	var exit *exec.ExitError
	if killed := errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL; err != nil && !(killed && s.Die) {
		p.Fatalf("the service ended with %v: %s", err, errs.Bytes())
	}
	return out.String()
}

// count is how many rows the table has, by the interface that others read it by.
func (p *place) count() int {
	res, err := http.Get(p.fake.REST() + "/projects/p/datasets/online_serving_logs/tables/mask_classification/data")
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	var out struct{ Rows []any }
	_ = json.NewDecoder(res.Body).Decode(&out)
	return len(out.Rows)
}

// wantLines looks that a text has so many lines with hello world, and no others.
func (p *place) wantLines(what, text string, n int) {
	p.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if text == "" {
		lines = nil
	}
	if len(lines) != n || slices.ContainsFunc(lines, func(l string) bool { return !strings.Contains(l, "hello world") }) {
		p.Errorf("%s: %d lines, want %d: %s", what, len(lines), n, text)
	}
}

func (p *place) file() string {
	p.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, "serving.jsonl"))
	if err != nil {
		p.Fatal(err)
	}
	return string(text)
}

// TestHelloWorld: ten times to the console, the file and the table, which is made; the
// service is killed after the fourth, and another one goes on.
func TestHelloWorld(t *testing.T) {
	p := newPlace(t)
	console := p.run(service{Key: p.front.KeyFile, Keys: p.keys(), Last: 4, Die: true})
	console += p.run(service{Key: p.front.KeyFile, Keys: p.keys(), First: 4, Last: 10, Stay: true})
	p.wantLines("console", console, 10)
	p.wantLines("file", p.file(), 10)
	made := p.fake.Table("p", "online_serving_logs", "mask_classification")
	if made == nil {
		t.Fatal("there is no table")
	}
	if len(made.Rows) != 10 {
		t.Errorf("%d rows, want 10", len(made.Rows))
	}
	for _, r := range made.Rows {
		if len(r) != 3 || r["level"] != "INFO" || r["message"] != "hello world" || r["created_at"] == nil {
			t.Errorf("a row is %v", r)
		}
	}
	columns, err := json.Marshal(made.Resource["schema"])
	want := `{"fields":[{"mode":"NULLABLE","name":"level","type":"STRING"},{"mode":"NULLABLE","name":"message","type":"STRING"},{"mode":"NULLABLE","name":"created_at","type":"TIMESTAMP"}]}`
	if err != nil || string(columns) != want {
		t.Errorf("the table has %s, %v", columns, err)
	}
	text, err := json.Marshal(made.Resource["timePartitioning"])
	if err != nil || string(text) != `{"field":"created_at","type":"DAY"}` {
		t.Errorf("the table has the partitions %s, %v", text, err)
	}
	if view := p.fake.Table("p", "online_serving_logs", "mask_classification_daily"); view == nil || !strings.Contains(fmt.Sprint(view.Resource["view"]), "Asia/Seoul") {
		t.Errorf("the view of records a day is %v", view)
	}
	if p.front.Given() == 0 {
		t.Error("no token was asked for")
	}
}

func TestWithoutKey(t *testing.T) {
	p := newPlace(t)
	p.wantLines("console", p.run(service{Last: 10}), 10)
	p.wantLines("file", p.file(), 10)
	if p.fake.Table("p", "online_serving_logs", "mask_classification") != nil || p.front.Given() > 0 {
		t.Error("without a key something was done in BigQuery")
	}
}

// TestBadKey: logging goes on, and what was logged comes in when the key is right.
func TestBadKey(t *testing.T) {
	p := newPlace(t)
	bad := filepath.Join(p.dir, "bad.json")
	if err := os.WriteFile(bad, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.wantLines("console", p.run(service{Key: bad, Keys: p.keys(), Last: 3, Die: true}), 3)
	p.wantLines("console", p.run(service{Key: p.front.KeyFile, Keys: p.keys(), First: 3, Last: 5, Stay: true}), 2)
	if n := p.count(); n != 5 {
		t.Errorf("%d rows, want 5", n)
	}
}

func TestHandlerIsAdded(t *testing.T) {
	for _, c := range []struct{ yaml, name, want string }{
		{"loggers: {MLLogger: {handlers: [console]}}", "MLLogger", `"loggers":{"MLLogger":{"handlers":["console","bigquery"]}}`},
		{"{}", "a.b", `"loggers":{"a.b":{"handlers":["bigquery"]}}`},
		{"root: {handlers: [console]}", "", `"root":{"handlers":["console","bigquery"]}`},
		{"handlers: {bigquery: {class: console}}", "x", `"loggers":{"x":{"handlers":["bigquery_2"]}}`},
		{"timezone: Europe/Paris", "x", `"handlers":{"bigquery":{"class":"bigquery"}}`},
		{"{}", "x", `"handlers":{"bigquery":{"class":"bigquery","tz":"Asia/Seoul"}}`},
	} {
		doc := parse(t, c.yaml)
		if got := string(over(doc, c.name, girok.Keys{"class": "bigquery"})); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", c.yaml, got, c.want)
		}
	}
}

func parse(t *testing.T, yaml string) *config.Document {
	t.Helper()
	doc, err := config.Parse("config.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/girok/girok/internal/pgtest"
)

// predictWays are the ways of logging a prediction; the first is the control.
var predictWays = []struct{ name, about string }{
	{"none", "no logging"},
	{"girok", "girok into PostgreSQL"},
	{"http", "one HTTP request a record, to a server that answers at once"},
	{"http slow", "one HTTP request a record, answered after 20 ms as by a warehouse"},
	{"queue", "a channel, and pgx's CopyFrom once a second"},
}

// predicted is how one way did in one round, times in ns.
type predicted struct {
	log50, log99       float64 // of the logging, on the goroutine that serves
	answer50, answer99 float64 // of a request, as its client sees it
	answered, lost     int
}

// predictLine measures a service that answers POST /predict and logs each
// prediction before it does: eight clients send 500 requests a second in all, and
// after some seconds the service is killed under load. Lost is what a client had
// its answer to and is not in the table in the end; for girok, after `girok spool
// drain`, as a next start of the service would do.
//
// The HTTP way is a client with connections that are kept, to a server on the same
// machine which remembers what it got; that it answers at once is better than any
// warehouse does, and so it is measured with 20 ms too. PostgreSQL is on the same
// machine as well. The figures are those of a service that has time: flat out the
// HTTP way would only wait longer.
func predictLine(b *bench) ([]row, error) {
	const what = "/predict: logging a prediction, on the serving goroutine"
	server, err := pgtest.New()
	if errors.Is(err, pgtest.ErrMissing) {
		return []row{{what: what, absolute: "left out: no PostgreSQL"}}, nil
	}
	if err != nil {
		return nil, err
	}
	defer server.Stop()
	os.Setenv("GIROK_BENCH_DSN", server.DSN("postgres"))
	program, err := b.build("predict")
	if err != nil {
		return nil, err
	}
	runner, err := b.buildGirok()
	if err != nil {
		return nil, err
	}
	all := map[string][]predicted{}
	for round := range b.turns(5) {
		for i := range predictWays {
			way := predictWays[(i+round)%len(predictWays)].name
			p, err := b.predictRound(server, program, runner, way)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", way, err)
			}
			all[way] = append(all[way], p)
		}
	}
	b.sections = append(b.sections, predictTable(all))
	var rows []row
	for _, way := range []string{"http", "http slow"} {
		r := spreadOf(overGirok(all, way))
		line := row{
			what: what, control: aboutWay(way), ratio: fmt.Sprintf("1 : %.0f", r.median),
			absolute: fmt.Sprintf("50 %% %.1f µs (HTTP %.0f)", medianOf(all["girok"], log50)/1000, medianOf(all[way], log50)/1000),
		}
		if way == "http slow" {
			line.bar, line.met = "≤ 1 : 1000", met(r.median >= 1000)
		}
		rows = append(rows, line)
	}
	answered, lost := 0, 0
	for _, p := range all["girok"] {
		answered, lost = answered+p.answered, lost+p.lost
	}
	return append(rows, row{
		what: fmt.Sprintf("predictions lost by %d kills of the service", len(all["girok"])), control: "none",
		absolute: fmt.Sprintf("%d of %d", lost, answered), bar: "0", met: met(lost == 0),
	}), nil
}

func log50(p predicted) float64    { return p.log50 }
func log99(p predicted) float64    { return p.log99 }
func answer50(p predicted) float64 { return p.answer50 }
func answer99(p predicted) float64 { return p.answer99 }

func medianOf(list []predicted, of func(predicted) float64) float64 {
	var v []float64
	for _, p := range list {
		v = append(v, of(p))
	}
	return spreadOf(v).median
}

func overGirok(all map[string][]predicted, way string) (ratios []float64) {
	for i, p := range all[way] {
		ratios = append(ratios, p.log50/all["girok"][i].log50)
	}
	return ratios
}

func aboutWay(name string) string {
	for _, w := range predictWays {
		if w.name == name {
			return w.about
		}
	}
	return ""
}

func predictTable(all map[string][]predicted) string {
	var s strings.Builder
	s.WriteString("A service that logs each prediction before it answers, 500 requests a second; medians of the rounds:\n\n" +
		"| logged by | logging, 50 % | 99 % | request, 50 % | 99 % | lost by kills |\n|---|---|---|---|---|---|\n")
	for _, w := range predictWays {
		list := all[w.name]
		us := func(of func(predicted) float64) float64 { return medianOf(list, of) / 1000 }
		lost := "nothing is kept"
		if w.name != "none" {
			answered, gone := 0, 0
			for _, p := range list {
				answered, gone = answered+p.answered, gone+p.lost
			}
			lost = fmt.Sprintf("%d of %d in %d", gone, answered, len(list))
		}
		fmt.Fprintf(&s, "| %s | %.1f µs | %.1f µs | %.0f µs | %.0f µs | %s |\n", w.about, us(log50), us(log99), us(answer50), us(answer99), lost)
	}
	return s.String()
}

// kept is the server that gets a request a record.
type kept struct {
	mu    sync.Mutex
	ids   map[string]bool
	delay time.Duration
}

func (k *kept) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Rows []struct {
			JSON struct {
				ID string `json:"request_id"`
			}
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	k.mu.Lock()
	for _, row := range body.Rows {
		k.ids[row.JSON.ID] = true
	}
	k.mu.Unlock()
	time.Sleep(k.delay)
	fmt.Fprintln(w, "{}")
}

// predictRound lets one way serve and be killed.
func (b *bench) predictRound(server *pgtest.Server, program, runner, way string) (p predicted, err error) {
	dir, err := b.folder()
	if err != nil {
		return p, err
	}
	if _, err := server.SQL("postgres", "drop table if exists predictions, girok_position cascade; create table predictions (request_id text, label text, score float8)"); err != nil {
		return p, err
	}
	k := &kept{ids: map[string]bool{}}
	name, slow := strings.CutSuffix(way, " slow")
	if slow {
		k.delay = 20 * time.Millisecond
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return p, err
	}
	go func() { _ = http.Serve(l, k) }() // ends with its listener
	defer l.Close()
	cmd := exec.Command(program, "serve", name, dir)
	cmd.Env = append(os.Environ(), "GIROK_BENCH_URL=http://"+l.Addr().String()+"/insert")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return p, err
	}
	if err := cmd.Start(); err != nil {
		return p, err
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = cmd.Wait()
		return p, fmt.Errorf("the service does not start: %w", err)
	}
	seconds := 6 * time.Second
	if b.quick {
		seconds = 2 * time.Second
	}
	c := &clients{url: "http://" + strings.TrimSpace(address), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
	err = c.run(seconds, &p, func() error { return cmd.Process.Kill() })
	_ = cmd.Wait() // it was killed
	if err != nil {
		return p, err
	}
	p.answered = len(c.answered)
	there, err := b.arrived(server, runner, dir, name, k)
	if err != nil {
		return p, err
	}
	for _, id := range c.answered {
		if !there[id] {
			p.lost++
		}
	}
	return p, b.remove(dir)
}

// arrived is what is there in the end.
func (b *bench) arrived(server *pgtest.Server, runner, dir, way string, k *kept) (map[string]bool, error) {
	switch way {
	case "none":
		return nil, nil
	case "http":
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.ids, nil
	case "girok":
		if out, err := exec.Command(runner, "spool", "drain", "-c", filepath.Join(dir, "config.yaml")).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("girok spool drain: %w: %s", err, out)
		}
	}
	text, err := server.SQL("postgres", "select request_id from predictions")
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	for _, id := range strings.Fields(text) {
		if there[id] && way == "girok" {
			return nil, fmt.Errorf("prediction %s is there twice", id)
		}
		there[id] = true
	}
	return there, nil
}

// clients send requests.
type clients struct {
	url      string
	http     *http.Client
	mu       sync.Mutex
	answered []string
	took     []float64
}

const (
	predictClients = 8
	predictRate    = 500 // requests a second of all
)

// run sends for some time, asks what logging took, and goes on sending for another
// 300 ms, at the end of which kill is called.
func (c *clients) run(length time.Duration, p *predicted, kill func() error) error {
	begin, over := time.Now(), make(chan struct{})
	var wg sync.WaitGroup
	for w := range predictClients {
		wg.Go(func() {
			for i := w; ; i += predictClients {
				select {
				case <-over:
					return
				case <-time.After(time.Until(begin.Add(time.Duration(i) * time.Second / predictRate))):
				}
				c.predict(fmt.Sprintf("r%08d", i))
			}
		})
	}
	time.Sleep(length)
	err := c.ask(p)
	time.Sleep(300 * time.Millisecond)
	err = errors.Join(err, kill())
	close(over)
	wg.Wait()
	slices.Sort(c.took)
	p.answer50, p.answer99 = quantile(c.took, 0.5), quantile(c.took, 0.99)
	if n := len(c.answered); n < int(length.Seconds()*predictRate)/2 && err == nil {
		return fmt.Errorf("only %d requests were answered", n)
	}
	return err
}

// predict sends one request; after the kill it fails.
func (c *clients) predict(id string) {
	from := time.Now()
	res, err := c.http.Post(c.url+"/predict", "application/json", strings.NewReader(`{"request_id":"`+id+`","features":[0.1,0.9,0.4,0.7]}`))
	if err != nil {
		return
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(id)) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answered = append(c.answered, id)
	c.took = append(c.took, float64(time.Since(from)))
}

// ask asks the service what logging took.
func (c *clients) ask(p *predicted) error {
	res, err := c.http.Get(c.url + "/took")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var ns struct{ P50, P99 float64 }
	err = json.NewDecoder(res.Body).Decode(&ns)
	p.log50, p.log99 = ns.P50, ns.P99
	return err
}

package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/spool"
)

// TestGauge compares the gauge with counting, while records come and two handlers
// move on.
func TestGauge(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s, err := spool.Open(spool.Options{Dir: t.TempDir(), Config: spool.RunConfig{
		Service: "s", Handlers: []spool.HandlerConfig{{Bit: 0, Name: "a"}, {Bit: 3, Name: "b"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		s.Seal()
		s.Release()
	}()
	own := s.Writer().Run()
	r, err := spool.Look(own.Path())
	if err != nil {
		t.Fatal(err)
	}
	g := newGauge(r)
	var edges []uint64
	begin := time.Unix(1_700_000_000, 0)
	for n := range 20 {
		for i := range random.IntN(500) {
			e := record.NewEncoder(nil)
			e.Begin(&record.Header{Mask: uint64(1 | 8*random.IntN(2)), Time: begin.Add(time.Duration(n*1000+i) * time.Second), Message: strings.Repeat("x", random.IntN(2000))})
			at, err := s.Appender().Append(e.Finish())
			e.Release()
			if err != nil {
				t.Fatal(err)
			}
			edges = append(edges, at)
		}
		for _, bit := range []int{0, 3} {
			slot := own.Counters().Slot(bit)
			if to := edges[random.IntN(len(edges))]; random.IntN(3) > 0 && to > slot.Delivered() {
				slot.SetDelivered(to)
			}
		}
		until(t, "all committed", func() bool { return r.End() == own.Tail() })
		now := g.reading()
		for i, bit := range []int{0, 3} {
			if want := waitingRecords(r, bit); now.handlers[i].waiting != want || (want > 0) != !now.handlers[i].oldest.IsZero() {
				t.Fatalf("round %d, bit %d: %d wait, want %d; the oldest is of %s", n, bit, now.handlers[i].waiting, want, now.handlers[i].oldest)
			}
		}
	}
}

func TestTopOfAProgram(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte(tailConfig), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "run", "-c", config)
	cmd.Env = append(os.Environ(), "GIROK_BE_THE_PROGRAM=1")
	feed(t, cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	var r topReport
	until(t, "records come and go", func() bool {
		out, told, code := here(t, "top", "--once", "--json", "--interval", "200ms", "-c", config)
		r = topReport{}
		if err := json.Unmarshal([]byte(out), &r); code != exitOK || told != "" || err != nil || strings.Count(out, "\n") != 1 {
			t.Fatal(code, told, err, out)
		}
		return len(r.Handlers) == 1 && r.Handlers[0].Written > 0 && r.Handlers[0].Records > 0 && r.Handlers[0].Bytes > 0
	})
	h := r.Handlers[0]
	if r.Runs != 1 || r.Alive != 1 || r.Held == 0 || h.PID != cmd.Process.Pid || h.Handler != "table" || h.Service != "tailed" || !h.Alive {
		t.Errorf("%+v", r)
	}
}

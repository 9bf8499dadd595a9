package girok

import (
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

// until waits until f is true.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !f(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

func TestStats(t *testing.T) {
	noSpool(t)
	b := box{gate: make(chan struct{})}
	text := strings.Replace(boxed, "{box: {class: box}}", "{box: {class: box}, f: {class: file, filename: "+filepath.Join(t.TempDir(), "f.log")+"}}", 1)
	logs := openText(t, strings.Replace(text, "[box]", "[box, f]", 1), b.kind())
	const n = 1000
	begun := time.Now()
	for i := range n {
		logs.Logger("x").Info("m", "i", i)
	}
	until(t, "all appended is counted", func() bool { return logs.Stats().Spool.Records == n })
	s := logs.Stats()
	h := s.Handlers[0]
	if len(s.Handlers) != 1 || h.Handler != "box" || h.Target != "rows" || !h.Holds || h.Records != 0 || !h.LastSuccess.IsZero() {
		t.Errorf("%+v", h)
	}
	w := h.Waiting
	if w.Records != n || w.Bytes == 0 || w.Bytes > s.Spool.Bytes || w.Since.Before(begun.Add(-time.Second)) || w.Since.After(time.Now()) {
		t.Errorf("waiting %+v, appended %d bytes", w, s.Spool.Bytes)
	}
	if s.Spool.Held < 1<<20 || s.Spool.Limit < s.Spool.Held || s.Spool.Runs != 1 || s.Spool.Degraded || s.Spool.Lost+s.Spool.Refused != 0 {
		t.Errorf("%+v", s.Spool)
	}
	if len(s.Direct) != 1 || s.Direct[0] != (DirectStats{Handler: "f", Written: n}) {
		t.Errorf("%+v", s.Direct)
	}
	close(b.gate)
	if err := logs.Flush(within(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	h = logs.Stats().Handlers[0]
	if h.Records != n || h.Bytes == 0 || h.Bytes >= w.Bytes || h.Batches == 0 || h.LastSuccess.Before(begun) || h.Waiting != (HandlerStats{}).Waiting {
		t.Errorf("%+v", h)
	}
}

// Where much waits its records are reckoned.
func TestStatsOfABacklog(t *testing.T) {
	noSpool(t)
	b := box{gate: make(chan struct{})}
	defer close(b.gate)
	logs := openText(t, boxed, b.kind())
	const n = 10_000
	for range n {
		logs.Logger("x").Info("m", "long", strings.Repeat("x", 300))
	}
	for len(logs.Stats().Handlers) == 0 {
		runtime.Gosched() // delivery has not met the run
	}
	if w := logs.Stats().Handlers[0].Waiting; w.Records < n*9/10 || w.Records > n*11/10 || w.Bytes < n*300 {
		t.Errorf("%+v of %d", w, n)
	}
}

func TestStatsOfTrouble(t *testing.T) {
	noSpool(t)
	b := box{err: &sink.Refused{Err: errors.New("no such table"), Remedy: "make it"}}
	logs := openText(t, boxed+"spool: {max_bytes: 4MiB}\n", b.kind())
	for range 1000 {
		logs.Logger("x").Info("m", "long", strings.Repeat("x", 10_000))
	}
	until(t, "refused", func() bool { return logs.Stats().Handlers[0].State == spool.Refused })
	h := logs.Stats().Handlers[0]
	if h.Errors.Refused == 0 || h.Retries < h.Errors.Refused || h.Errors.Retry != 0 || !strings.Contains(h.Cause, "make it") {
		t.Errorf("%+v", h)
	}
	// The background makes room ahead, so the two are asked for until they agree.
	until(t, "losses agree", func() bool {
		s := logs.Stats()
		h := s.Handlers[0]
		return h.Lost > 0 && h.Lost == s.Spool.Lost && h.Earlier == 0 && s.Spool.Evicted > 0 && s.Spool.Evicted <= s.Spool.Lost && s.Spool.Lost == logs.Lost()
	})
}

// Anybody may ask at any time.
func TestStatsTogether(t *testing.T) {
	noSpool(t)
	var b box
	logs := openText(t, boxed+"spool: {max_bytes: 4MiB}\n", b.kind())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 2000 {
				logs.Logger("x").Info("m", "long", strings.Repeat("x", 1000))
			}
		})
		all.Go(func() {
			var before uint64
			for range 50 {
				s := logs.Stats()
				if n := s.Spool.Records; n < before {
					t.Errorf("%d appended, then %d", before, n)
				} else {
					before = n
				}
			}
		})
	}
	all.Wait()
	if err := logs.Flush(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	until(t, "all is counted", func() bool { return logs.Stats().Spool.Records == 8000 })
	if h := logs.Stats().Handlers[0]; h.Records+h.Lost != 8000 {
		t.Errorf("%+v", h)
	}
	_ = logs.Close()
	if s := logs.Stats(); s.Spool.Records < 8000 { // the logger girok.gap may have told of losses
		t.Errorf("after Close: %+v", s.Spool)
	}
}

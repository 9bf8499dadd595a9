package spool

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Appends go on while one configuration after the other takes the place of the
// last: each record is in exactly one run, in that of its own configuration, and
// nothing of the runs of before stays open.
func TestRenewUnderLoad(t *testing.T) {
	dir := t.TempDir()
	s, ev := openSpool(t, Options{Dir: dir, MaxBytes: 1 << 30})
	var now atomic.Pointer[Appender]
	now.Store(s.Appender())
	const writers, renewals = 4, 60
	var stop atomic.Bool
	var wg sync.WaitGroup
	var counts [writers]int
	for g := range writers {
		wg.Go(func() {
			for n := 0; !stop.Load(); {
				a := now.Load()
				switch _, err := a.Append(payload(a.config.Mask(), g, n, 24+n%200)); {
				case err == nil:
					n++
					counts[g] = n
				case !errors.Is(err, ErrMoved):
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range renewals {
		cfg := testConfig()
		cfg.Handlers = append(cfg.Handlers, HandlerConfig{Bit: 2 + i%60, Name: "c"})
		retire, err := s.Renew(cfg)
		must(t, err)
		now.Store(s.Appender())
		retire()
	}
	stop.Store(true)
	wg.Wait()
	s.Seal()
	s.Release()
	for _, run := range s.Own() {
		eventually(t, "the run to be let go", func() bool { return run.Released() })
	}
	seen := [writers]map[int]bool{}
	total := 0
	for _, run := range s.Own() {
		r := run.Reader(0)
		for _, f := range readAll(t, r).refs {
			who, n := whose(t, f.Payload)
			if seen[who] == nil {
				seen[who] = map[int]bool{}
			}
			if seen[who][n] || f.Mask() != run.Config.Mask() {
				t.Fatalf("record %d of %d comes twice, or in the wrong run", n, who)
			}
			seen[who][n] = true
			total++
		}
		r.Close()
	}
	want := 0
	for g := range writers {
		want += counts[g]
		if len(seen[g]) != counts[g] {
			t.Errorf("goroutine %d: %d records of %d", g, len(seen[g]), counts[g])
		}
	}
	if len(s.Own()) != renewals+1 || len(ev.list) != 0 {
		t.Errorf("%d runs, events %v", len(s.Own()), ev.list)
	}
	t.Logf("%d records in %d runs", total, renewals+1)
	maps, err := os.ReadFile("/proc/self/maps")
	if err == nil {
		if n := strings.Count(string(maps), dir) - strings.Count(string(maps), "counters"); n > 0 {
			t.Errorf("%d segments are still mapped", n)
		}
	}
	fds, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range fds {
		if name, err := os.Readlink(fd); err == nil && strings.HasPrefix(name, dir) {
			t.Errorf("still open: %s", name)
		}
	}
	// Drained, they go, and nobody speaks of them any more.
	for _, run := range s.Own() {
		for _, h := range run.Config.Handlers {
			run.Counters().Slot(h.Bit).SetFreeBelow(run.Tail())
		}
		if gone, err := run.FreeDelivered(run.Tail()); !gone || err != nil {
			t.Errorf("%v, %v", gone, err)
		}
	}
	if st := s.Stats(); len(s.Own()) != 0 || st.Records < uint64(total) {
		t.Errorf("%d own runs, %d records counted of %d", len(s.Own()), st.Records, total)
	}
}

func TestRenewRefuses(t *testing.T) {
	s, _ := openSpool(t, Options{Dir: t.TempDir()})
	before := s.Appender()
	other := testConfig()
	other.Service = "other"
	twice := testConfig()
	twice.Handlers[1].Bit = 0
	for _, cfg := range []RunConfig{other, twice} {
		if _, err := s.Renew(cfg); err == nil || s.Appender() != before {
			t.Errorf("%v: %v", cfg, err)
		}
	}
	s.Seal()
	if _, err := s.Renew(testConfig()); !errors.Is(err, ErrClosed) {
		t.Errorf("after Seal: %v", err)
	}
	if _, err := before.Append(payload(1, 0, 0, 100)); !errors.Is(err, ErrClosed) {
		t.Errorf("append after Seal: %v", err)
	}
}

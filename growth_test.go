package girok

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/deliver"
	"github.com/girok/girok/spool"
)

func TestGrowth(t *testing.T) {
	const mb, limit = 1 << 20, 1000 << 20
	begun := time.Now()
	tests := []struct {
		name  string
		age   time.Duration
		waits []uint64 // every 30 s
		want  map[int]growthLevel
	}{
		{"nothing", 0, make([]uint64, 30), nil},
		{"as much all the time", 0, []uint64{9 * mb, 9 * mb, 9 * mb, 9 * mb, 9 * mb, 9 * mb, 9 * mb, 9 * mb, 9 * mb, 9 * mb, 9 * mb, 9 * mb, 9 * mb}, nil},
		{"little", 0, []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}, nil},
		{
			"grows for five minutes, and once told it is told", 0,
			[]uint64{1 * mb, 2 * mb, 3 * mb, 4 * mb, 5 * mb, 6 * mb, 7 * mb, 8 * mb, 9 * mb, 10 * mb, 11 * mb, 12 * mb, 13 * mb, 14 * mb, 15 * mb},
			map[int]growthLevel{10: growthGrows},
		},
		{"an open batch", 5 * time.Minute, []uint64{1 * mb, 2 * mb, 3 * mb, 4 * mb, 5 * mb, 6 * mb, 7 * mb, 8 * mb, 9 * mb, 10 * mb, 11 * mb, 0, 1 * mb, 2 * mb}, nil},
		{
			"passes half, goes down, passes it again", 0,
			[]uint64{400 * mb, 501 * mb, 600 * mb, 400 * mb, 251 * mb, 200 * mb, 0, 0, 501 * mb},
			map[int]growthLevel{1: growthHalf, 5: growthDown, 8: growthHalf},
		},
		{
			"grows, and then passes half", 0,
			[]uint64{1 * mb, 2 * mb, 3 * mb, 4 * mb, 5 * mb, 6 * mb, 7 * mb, 8 * mb, 9 * mb, 10 * mb, 11 * mb, 12 * mb, 600 * mb, 601 * mb, 301 * mb, 5 * mb},
			map[int]growthLevel{10: growthGrows, 12: growthHalf, 15: growthDown},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := &growth{}
			for i, n := range tt.waits {
				if got := g.see(begun.Add(time.Duration(i)*30*time.Second), n, limit, tt.age); got != tt.want[i] {
					t.Errorf("look %d, %d MiB: told %d, want %d", i, n/mb, got, tt.want[i])
				}
			}
			if len(g.seen) > growthSteps+1+int(tt.age/growthStep) {
				t.Errorf("it remembers %d looks", len(g.seen))
			}
		})
	}
}

// The line says how much, how fast, until when, and what to do.
func TestGrowthLine(t *testing.T) {
	now := time.Now()
	g := &growth{seen: []backlogAt{{now.Add(-5 * time.Minute), 10 << 20}}}
	h := deliver.Stat{Handler: "warehouse", Holds: true, State: spool.Refused, Cause: "no such table; make it"}
	h.Waiting.Bytes = 60 << 20
	var b strings.Builder
	slog.New(newReporter(&b)).Warn("m", g.attrs(now, h, spool.Stats{Held: 100 << 20, Limit: 400 << 20})...)
	want := `girok: warn: m handler=warehouse waiting="60.0 MiB" limit="400.0 MiB" growing="10.0 MiB a minute" full_in=30m0s remedy="mend the destination: no such table; make it"` + "\n"
	if b.String() != want {
		t.Errorf("got  %swant %s", b.String(), want)
	}
	h.State, h.Cause = spool.Delivering, ""
	b.Reset()
	slog.New(newReporter(&b)).Warn("m", g.attrs(now, h, spool.Stats{Held: 400 << 20, Limit: 400 << 20})...)
	wantParts(t, b.String(), "oldest records go", "slower than the records come", "spool.max_bytes")
	b.Reset()
	slog.New(newReporter(&b)).Warn("m", g.attrs(now, h, spool.Stats{Held: 400 << 20})...)
	if wantParts(t, b.String(), "growing="); strings.Contains(b.String(), "limit") || strings.Contains(b.String(), "full") {
		t.Errorf("the limit is not known: %s", b.String())
	}
	h.Holds = false
	b.Reset()
	slog.New(newReporter(&b)).Warn("m", g.attrs(now, h, spool.Stats{Limit: 400 << 20})...)
	wantParts(t, b.String(), "another process delivers")
}

// The real thing: a destination that takes nothing while the spool fills.
func TestGrowthIsTold(t *testing.T) {
	noSpool(t)
	stderr := catchStderr(t)
	b := box{gate: make(chan struct{})}
	logs := openText(t, boxed+"spool: {max_bytes: 8MiB}\n", b.kind())
	for range 500 {
		logs.Logger("x").Info("m", "long", strings.Repeat("x", 10_000))
	}
	logs.watchGrowth(time.Now())
	logs.watchGrowth(time.Now().Add(time.Minute))
	close(b.gate)
	if err := logs.Flush(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	logs.watchGrowth(time.Now().Add(2 * time.Minute))
	got := stderr()
	if strings.Count(got, "more than half") != 1 || strings.Count(got, "gone down again handler=box waiting=\"0.0 MiB\" most=\"4.8 MiB\"") != 1 {
		t.Errorf("told: %s", got)
	}
}

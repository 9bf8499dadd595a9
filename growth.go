package girok

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/girok/girok/deliver"
	"github.com/girok/girok/spool"
)

// growth watches what waits for one handler and says when it keeps growing, when
// it passes half of the spool's limit, and when it has gone down again.
type growth struct {
	seen   []backlogAt // one every growthStep, oldest first
	warned growthLevel
	most   uint64 // since it warned
}

// backlogAt is how many bytes waited at a time.
type backlogAt struct {
	at    time.Time
	bytes uint64
}

type growthLevel int

const (
	growthNone growthLevel = iota
	growthGrows
	growthHalf
	growthDown
)

const (
	growthStep  = time.Minute
	growthSteps = 5 // so many in a row, each with more than the one before
	// growthLeast is what may wait without a word, if the limit allows.
	growthLeast = 1 << 20
)

// see takes what waits at a time, for a handler whose batches stay open for age.
// It returns what is to be told, growthNone for nothing.
func (g *growth) see(now time.Time, waits, limit uint64, age time.Duration) (tell growthLevel) {
	grows := false
	if n := len(g.seen); n == 0 || now.Sub(g.seen[n-1].at) >= growthStep {
		steps := growthSteps + int(age/growthStep) // an open batch grows, and that is well
		g.seen = append(g.seen[max(0, n-steps):], backlogAt{now, waits})
		grows = len(g.seen) > steps && slices.IsSortedFunc(g.seen, more)
	}
	g.most = max(g.most, waits)
	switch {
	case limit > 0 && waits > limit/2:
		tell = growthHalf
	case waits >= growthLeast && grows:
		tell = growthGrows
	case g.warned != growthNone && waits <= g.most/2 && (limit == 0 || waits <= limit/4):
		g.warned = growthNone
		return growthDown
	}
	if tell <= g.warned {
		return growthNone
	}
	if g.warned == growthNone {
		g.most = waits
	}
	g.warned = tell
	return tell
}

// more orders by bytes so that equal ones are out of order.
func more(a, b backlogAt) int {
	if a.bytes > b.bytes {
		return 1
	}
	return -1
}

// rate is by how many bytes a second it has grown since the oldest look.
func (g *growth) rate(now time.Time, waits uint64) float64 {
	first := g.seen[0]
	if took := now.Sub(first.at).Seconds(); took > 0 {
		return (float64(waits) - float64(first.bytes)) / took
	}
	return 0
}

// watchGrowth looks at all handlers; housekeeping calls it.
func (l *Logs) watchGrowth(now time.Time) {
	d := l.deliver.Load()
	if d == nil {
		return
	}
	sp := l.spool.Load().Stats()
	for _, h := range d.Sizes() {
		key := h.Handler + "\x00" + h.Target
		g := l.growth[key]
		if g == nil {
			g = &growth{}
			l.growth[key] = g
		}
		switch g.see(now, h.Waiting.Bytes, uint64(sp.Limit), h.BatchAge) {
		case growthGrows:
			l.report.Warn("what waits for a handler keeps growing", g.attrs(now, h, sp)...)
		case growthHalf:
			l.report.Warn("what waits for a handler takes more than half of what the spool may take", g.attrs(now, h, sp)...)
		case growthDown:
			l.report.Info("what waited for a handler has gone down again", "handler", h.Handler, "waiting", mib(h.Waiting.Bytes), "most", mib(g.most))
			g.most = 0
		}
	}
}

// attrs says how much, how fast, when the spool is full, and what to do.
func (g *growth) attrs(now time.Time, h deliver.Stat, sp spool.Stats) []any {
	list := []any{"handler", h.Handler, "waiting", mib(h.Waiting.Bytes)}
	if sp.Limit > 0 {
		list = append(list, "limit", mib(uint64(sp.Limit)))
	}
	rate := g.rate(now, h.Waiting.Bytes)
	if rate > 0 {
		list = append(list, "growing", mib(uint64(rate*60))+" a minute")
	}
	switch left := float64(sp.Limit - sp.Held); {
	case sp.Limit == 0: // who only delivers may not know it
	case left <= 0:
		list = append(list, "full", "now: the oldest records go")
	case rate > 0 && left/rate < math.MaxInt32:
		list = append(list, "full_in", (time.Duration(left/rate) * time.Second).Round(time.Minute).String())
	}
	remedy := "the destination is slower than the records come: larger batches, a faster destination, a higher level, or more spool.max_bytes"
	switch {
	case h.State != spool.Delivering:
		remedy = "mend the destination: " + h.Cause
	case !h.Holds:
		remedy = "another process delivers for this one: look at its standard error"
	}
	return append(list, "remedy", remedy)
}

// mib writes a number of bytes in MiB.
func mib(n uint64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

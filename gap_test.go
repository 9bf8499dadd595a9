package girok

import (
	"strings"
	"testing"
)

// A run knows which of its handlers take records of girok.gap, so that others can
// tell what it lost; what the program has told nobody tells again.
func TestGapMask(t *testing.T) {
	for text, want := range map[string]uint64{
		"":                                      1,
		"loggers: {girok: {level: CRITICAL}}\n": 0,
		"loggers: {girok.gap: {propagate: false}}\n":                    0,
		"loggers: {girok.gap: {propagate: false, handlers: [box]}}\n":   1,
		"loggers: {girok.gapes: {propagate: false, handlers: [box]}}\n": 1,
	} {
		noSpool(t)
		var b box
		logs := openText(t, boxed+text, b.kind())
		if got := logs.spool.Load().Writer().Run().Config.GapMask; got != want {
			t.Errorf("%q: the mask is %d, want %d", text, got, want)
		}
	}
}

func TestToldGapsAreNoted(t *testing.T) {
	noSpool(t)
	b := box{gate: make(chan struct{})}
	defer close(b.gate)
	logs := openText(t, boxed+"spool: {max_bytes: 4MiB}\n", b.kind())
	slot := logs.spool.Load().Writer().Run().Counters().Slot(0)
	for range 1000 {
		logs.Logger("x").Info("m", "long", strings.Repeat("x", 10_000))
	}
	until(t, "told", func() bool {
		lost, _, _ := slot.Lost()
		return logs.tellGap() && lost > 0 && slot.Told() == lost
	})
}

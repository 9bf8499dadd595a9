package pydiff

import (
	"maps"
	"slices"
	"testing"
)

// Each thing that can be drawn is, by one of a hundred cases at least.
func TestDrawn(t *testing.T) {
	const cases, least = 10_000, 100
	counts := Counts{}
	for seed := range uint64(cases) {
		Draw(1+seed, counts)
		DrawMistake(1+seed, counts)
	}
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		if counts[what] < least {
			t.Errorf("drawn %d times, want at least %d: %s", counts[what], least, what)
		}
	}
}

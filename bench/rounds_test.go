//go:build linux

package main

import (
	"slices"
	"sync"
	"testing"
	"time"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   spread
	}{
		{nil, spread{}},
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{5, 1, 3, 2, 4}, spread{2, 3, 4}},
		{[]float64{4, 1, 3, 2}, spread{1.75, 2.5, 3.25}},
	} {
		if got := spreadOf(c.values); got != c.want {
			t.Errorf("%v: got %v, want %v", c.values, got, c.want)
		}
	}
}

func TestCompete(t *testing.T) {
	var order []int
	arms := make([]arm, 3)
	for i := range arms {
		arms[i] = arm{loop: func(n int) { order = append(order, i) }}
	}
	r, err := compete(arms, plan{rounds: 2, slices: 2, calls: 10, chunk: 10, workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	want := []int{2, 0, 1, 0, 1, 2, 0, 1, 2, 1, 2, 0, 1, 2, 0, 2, 0, 1} // with the round that does not count
	if !slices.Equal(order, want) {
		t.Errorf("turns %v, want %v", order, want)
	}
	for i := range arms {
		if len(r[i]) != 2 || r[i][0].calls != 20 || len(r[i][0].chunks) != 2 {
			t.Errorf("arm %d: %+v", i, r[i])
		}
	}
}

func TestRatios(t *testing.T) {
	sampled := func(ns ...float64) (s []sample) {
		for _, n := range ns {
			s = append(s, sample{calls: 1, chunks: []float64{n}, caller: time.Duration(n)})
		}
		return s
	}
	r := results{sampled(100, 200, 400), sampled(50, 120, 100)}
	if got := r.ratios(1, wall); got.median != 0.5 {
		t.Errorf("wall %v", got)
	}
	if got := r.row(1, "", "", 0.5); got.met != "yes" {
		t.Errorf("met %q", got.met)
	}
	if got := r.row(1, "", "", 0.49); got.met != "**no**" {
		t.Errorf("met %q", got.met)
	}
}

// What two goroutines wait for each other counts; what one is interrupted does
// not.
func TestWall(t *testing.T) {
	s := sample{calls: 3, chunks: []float64{10, 10, 100}, wall: 120}
	if got := wall(&s); got != 10 {
		t.Errorf("of one goroutine %v", got)
	}
	s.shared = true
	if got := wall(&s); got != 40 {
		t.Errorf("of two goroutines %v", got)
	}
}

func TestCompeteTogether(t *testing.T) {
	var mu sync.Mutex
	calls := 0
	a := arm{loop: func(n int) {
		mu.Lock()
		defer mu.Unlock()
		calls += n
	}}
	r, err := compete([]arm{a}, plan{rounds: 1, slices: 3, calls: 100, chunk: 10, workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	s := r[0][0]
	if calls != 600 || s.calls != 300 || !s.shared || len(s.chunks) != 30 || s.wall <= 0 {
		t.Errorf("%d calls, %+v", calls, s)
	}
}

func TestWants(t *testing.T) {
	for _, c := range []struct {
		only, name string
		want       bool
	}{
		{"", "rows", true},
		{"call", "call/5x2", true},
		{"call/5", "call/5", true},
		{"call/5", "call/5x2", false},
		{"rows,file", "file/1", true},
		{"rows,file", "append", false},
	} {
		if got := (&options{only: c.only}).wants(c.name); got != c.want {
			t.Errorf("-only %s: %s: %v", c.only, c.name, got)
		}
	}
}

//go:build linux

package main

import (
	"testing"
	"time"
)

func TestLatencies(t *testing.T) {
	for _, v := range []uint64{0, 1, 31, 32, 63, 64, 65, 127, 128, 1000, 123_456, 1 << 40} {
		s := step(v)
		if low, next := below(s), below(s+1); v < low || v >= next || next-low > max(v/steps, 1) {
			t.Errorf("%d is in step %d from %d to %d", v, s, low, next)
		}
	}
	l := newLatencies()
	for i := range 10_000 {
		l.add(time.Duration(i))
	}
	for _, q := range []float64{0.5, 0.99, 0.999, 0.9999} {
		if got, want := l.quantile(q), q*10_000; got < want*0.98 || got > want*1.02 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	o := newLatencies()
	o.merge(l)
	if o.n != 10_000 || o.quantile(0.5) != l.quantile(0.5) {
		t.Errorf("merged %d, %v", o.n, o)
	}
}

func TestDuration(t *testing.T) {
	for ns, want := range map[float64]string{0: "0 ns", 49.5: "50 ns", 1234: "1.2 µs", 123_456: "123 µs", 14_700_000: "14.7 ms"} {
		if got := duration(ns); got != want {
			t.Errorf("%v: got %s, want %s", ns, got, want)
		}
	}
}

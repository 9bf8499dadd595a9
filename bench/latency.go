//go:build linux

package main

import (
	"fmt"
	"math/bits"
	"time"
)

// latencies is a histogram of durations, in steps of 1/32 of their size or of a
// nanosecond. It takes 11 KiB, all of which are resident once it was made, so
// that counting brings no page fault.
type latencies struct {
	n      uint64
	counts [44 * steps]uint64
}

const steps = 32 // a power of two has so many steps

func newLatencies() *latencies {
	l := new(latencies)
	for i := range l.counts {
		l.counts[i] = 1 // a new page has zeros without being there
	}
	clear(l.counts[:])
	return l
}

func (l *latencies) add(d time.Duration) {
	l.counts[min(step(uint64(max(d, 0))), len(l.counts)-1)]++
	l.n++
}

// step is the number of the step that v lies in; below 2 × steps it is v.
func step(v uint64) int {
	shift := max(bits.Len64(v)-6, 0) // 6: what 2 × steps − 1 has bits
	return shift*steps + int(v>>shift)
}

// below is the smallest value of a step.
func below(step int) uint64 {
	shift := max(step/steps-1, 0)
	return uint64(step-shift*steps) << shift
}

func (l *latencies) merge(o *latencies) {
	for i, n := range o.counts {
		l.counts[i] += n
	}
	l.n += o.n
}

// quantile is the duration that a part q of all stay at or below, in ns: the
// middle of its step.
func (l *latencies) quantile(q float64) float64 {
	rank := uint64(q * float64(l.n))
	var sum uint64
	for i, n := range l.counts {
		if sum += n; sum > rank {
			return float64(below(i)+below(i+1)-1) / 2
		}
	}
	return 0
}

// String has the percentiles.
func (l *latencies) String() string {
	return fmt.Sprintf("%s / %s / %s / %s", duration(l.quantile(0.5)), duration(l.quantile(0.99)), duration(l.quantile(0.999)), duration(l.quantile(0.9999)))
}

// duration writes ns with a unit and as many digits as are worth something.
func duration(ns float64) string {
	switch {
	case ns < 1e3:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 1e5:
		return fmt.Sprintf("%.1f µs", ns/1e3)
	case ns < 1e6:
		return fmt.Sprintf("%.0f µs", ns/1e3)
	}
	return fmt.Sprintf("%.1f ms", ns/1e6)
}

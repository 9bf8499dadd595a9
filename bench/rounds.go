//go:build linux

package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// arm is one of the things that take turns in a round. The first arm of a list
// is the control.
type arm struct {
	name string
	// loop makes n calls. With several workers each calls it.
	loop func(n int)
	// settle, if there is one, waits until the background has done what the
	// calls gave it to do, so that this does not run while the next arm does.
	// Its CPU time counts as the process's, its wall time does not count.
	settle func() error
	// check, if there is one, looks whether the turn's calls have done what they
	// should. Nothing of it counts.
	check func() error
}

// plan is how rounds are made.
type plan struct {
	rounds, slices int // each arm has so many slices a round
	calls          int // of one slice, of all workers together
	chunk          int // calls that are timed together
	workers        int
}

// sample is what one arm took in one round.
type sample struct {
	calls  int
	shared bool          // several workers made them
	chunks []float64     // wall time of a call in each chunk, in ns
	wall   time.Duration // of all chunks, and what came between them
	caller time.Duration // CPU of the threads that called
	all    time.Duration // CPU of the process
	faults int64         // page faults of the threads that called
}

func (s *sample) add(o sample) {
	s.calls += o.calls
	s.shared = s.shared || o.shared
	s.chunks = append(s.chunks, o.chunks...)
	s.wall += o.wall
	s.caller += o.caller
	s.all += o.all
	s.faults += o.faults
}

func (s *sample) per(d time.Duration) float64 { return float64(d) / float64(s.calls) }

// results is a sample for each arm and round.
type results [][]sample

// and is the rounds of both, which have the same arms.
func (r results) and(more results) results {
	if r == nil {
		return more
	}
	for i := range r {
		r[i] = append(r[i], more[i]...)
	}
	return r
}

// compete lets the arms take turns. The order moves on by one each slice, so
// that no arm always has the place after the same other. A round before the
// first is not counted.
func compete(arms []arm, p plan) (results, error) {
	all := make(results, len(arms))
	for i := range all {
		all[i] = make([]sample, p.rounds)
	}
	for round := -1; round < p.rounds; round++ {
		for slice := range p.slices {
			for k := range arms {
				i := (k + slice + round + len(arms)) % len(arms)
				s, err := arms[i].slice(p)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", arms[i].name, err)
				}
				if round >= 0 {
					all[i][round].add(s)
				}
			}
		}
	}
	return all, nil
}

// slice makes one arm's calls of one turn.
func (a *arm) slice(p plan) (sample, error) {
	runtime.GC() // what others left is not this arm's to collect
	before := processCPU()
	s := a.call(p)
	if a.settle != nil {
		if err := a.settle(); err != nil {
			return s, err
		}
	}
	s.all = processCPU() - before
	if a.check != nil {
		return s, a.check()
	}
	return s, nil
}

func (a *arm) call(p plan) sample {
	each := p.calls / p.workers
	if p.workers == 1 {
		s, _ := a.thread(each, p, func() {})
		return s
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var ready atomic.Int32
	var first, last time.Time
	sum := sample{shared: true}
	together := func() {
		for ready.Add(1); int(ready.Load()) < p.workers; {
			runtime.Gosched()
		}
	}
	for range p.workers {
		wg.Go(func() {
			s, from := a.thread(each, p, together)
			mu.Lock()
			defer mu.Unlock()
			sum.add(s)
			if first.IsZero() || from.Before(first) {
				first = from
			}
			if to := from.Add(s.wall); to.After(last) {
				last = to
			}
		})
	}
	wg.Wait()
	sum.wall = last.Sub(first)
	return sum
}

// thread makes n calls on a thread that does nothing else, and tells when it
// began. start returns when the others are ready.
func (a *arm) thread(n int, p plan, start func()) (sample, time.Time) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s := sample{calls: n, chunks: make([]float64, 0, n/p.chunk+1)}
	start()
	cpu, faults := threadUsage()
	from := time.Now()
	for at := from; n > 0; n -= p.chunk {
		k := min(n, p.chunk)
		a.loop(k)
		now := time.Now()
		s.chunks = append(s.chunks, float64(now.Sub(at))/float64(k*p.workers))
		at = now
	}
	s.wall = time.Since(from)
	cpuNow, faultsNow := threadUsage()
	s.caller, s.faults = cpuNow-cpu, faultsNow-faults
	return s, from
}

// ratios is what arm i took by the measure of of, over what the control took, in
// each round.
func (r results) ratios(i int, of func(*sample) float64) spread {
	v := make([]float64, len(r[i]))
	for k := range v {
		v[k] = of(&r[i][k]) / of(&r[0][k])
	}
	return spreadOf(v)
}

// absolute is what arm i took in each round.
func (r results) absolute(i int, of func(*sample) float64) spread {
	v := make([]float64, len(r[i]))
	for k := range v {
		v[k] = of(&r[i][k])
	}
	return spreadOf(v)
}

// wall is the wall time of a call, which for one goroutine is that of the median
// of the chunks. A chunk is shorter than the turn that the kernel gives a
// thread, so in most of them nothing but the calls happens, on a busy machine
// too; all that the median leaves out is in the mean, and what of it is work is
// in the CPU times.
//
// For several goroutines it is the mean over the round: from when the first
// began until the last was done, over the calls of all. They wait for each
// other's locks, and while one waits it is the other's calls that are fast: a
// median of chunks sees those, and leaves out the waiting, which is what a second
// goroutine is measured for.
func wall(s *sample) float64 {
	if s.shared {
		return mean(s)
	}
	return spreadOf(s.chunks).median
}

func mean(s *sample) float64   { return s.per(s.wall) }
func caller(s *sample) float64 { return s.per(s.caller) }
func all(s *sample) float64    { return s.per(s.all) }
func faults(s *sample) float64 { return float64(s.faults) / float64(s.calls) * 1000 }

// row describes arm i with its control. limit 0: there is no bar. The bar holds
// for wall time and for the CPU time of the threads that call.
func (r results) row(i int, what, control string, limit float64) row {
	w, c, a := r.ratios(i, wall), r.ratios(i, caller), r.ratios(i, all)
	out := row{
		what: what, control: control, ratio: w.String(), absolute: r.times(i, 0),
		cpu: fmt.Sprintf("calling threads %.3f, all %.3f: %.0f and %.0f ns", c.median, a.median, r.absolute(i, caller).median, r.absolute(i, all).median),
	}
	if limit > 0 {
		out.bar = fmt.Sprintf("≤ %.2f, wall and CPU of the calling threads", limit)
		out.met = met(w.median <= limit && c.median <= limit)
	}
	return out
}

// times is the wall time of a call of arm i and of the control, in words.
func (r results) times(i, decimals int) string {
	two := func(of func(*sample) float64) (ours, control float64) {
		return r.absolute(i, of).median, r.absolute(0, of).median
	}
	m, mc := two(mean)
	if r[i][0].shared {
		return fmt.Sprintf("mean %.*f ns (control %.*f)", decimals, m, decimals, mc)
	}
	w, wc := two(wall)
	return fmt.Sprintf("%.*f ns (control %.*f); mean %.*f (%.*f)", decimals, w, decimals, wc, decimals, m, decimals, mc)
}

// allocations is how many a call makes, as testing.AllocsPerRun counts them:
// the process's over many calls, rounded down.
func allocations(loop func(n int)) uint64 {
	const calls = 2000
	loop(calls)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	loop(calls)
	runtime.ReadMemStats(&after)
	return (after.Mallocs - before.Mallocs) / calls
}

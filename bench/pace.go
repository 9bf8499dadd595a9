//go:build linux

package main

import (
	"runtime"
	"sync"
	"syscall"
	"time"
)

// pace is work in bursts, as a program has it that is woken to do something.
type pace struct {
	workers int           // each on a thread of its own
	burst   int           // calls of each worker every millisecond
	warm    time.Duration // nothing of it counts
	length  time.Duration // that counts
	window  time.Duration // parts of it, to see how the figures spread
}

// paced is what came of it, of all workers together.
type paced struct {
	all     []*latencies   // for each call
	windows [][]*latencies // and in each window
	calls   int            // of each function, the warm-up among them
	length  time.Duration
	faults  int64 // page faults of the workers' threads
	blocked int   // bursts in which a thread gave up its CPU by itself
}

// rate is how many bursts' calls of one function were made in a second.
func (p *paced) rate() float64 { return float64(p.all[0].n) / p.length.Seconds() }

// run makes every call of each function by itself and takes its time. All
// functions have their turn in each burst, in an order that moves on by one, so
// that they meet the same disturbances and cold caches alike. A worker that the
// machine has held up makes up for it with the next burst.
func (p pace) run(calls ...func(worker int)) *paced {
	out := &paced{length: p.length}
	workers := make([]*pacer, p.workers)
	for w := range workers {
		workers[w] = newPacer(p, w, calls)
	}
	var wg sync.WaitGroup
	begin := time.Now()
	for _, w := range workers {
		wg.Go(func() { w.run(begin) })
	}
	wg.Wait()
	sum := func(of func(w *pacer) []*latencies) []*latencies {
		all := make([]*latencies, len(calls))
		for i := range all {
			all[i] = newLatencies()
			for _, w := range workers {
				all[i].merge(of(w)[i])
			}
		}
		return all
	}
	for i := range workers[0].windows {
		out.windows = append(out.windows, sum(func(w *pacer) []*latencies { return w.windows[i] }))
	}
	out.all = make([]*latencies, len(calls))
	for i := range calls {
		out.all[i] = newLatencies()
		for _, w := range out.windows {
			out.all[i].merge(w[i])
		}
	}
	for _, w := range workers {
		out.calls += w.made
		out.faults += w.faults
		out.blocked += w.blocked
	}
	return out
}

// pacer is one worker.
type pacer struct {
	pace
	worker  int
	calls   []func(worker int)
	windows [][]*latencies
	made    int
	faults  int64
	blocked int
}

func newPacer(p pace, worker int, calls []func(int)) *pacer {
	w := &pacer{pace: p, worker: worker, calls: calls, windows: make([][]*latencies, (p.length+p.window-1)/p.window)}
	for i := range w.windows {
		for range calls {
			w.windows[i] = append(w.windows[i], newLatencies())
		}
	}
	return w
}

func (w *pacer) run(begin time.Time) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	warming := make([]*latencies, len(w.calls))
	for i := range warming {
		warming[i] = newLatencies()
	}
	var from int64
	counted := false
	for done := 0; ; {
		at := time.Since(begin)
		if at >= w.warm+w.length {
			break
		}
		into := warming
		if at >= w.warm {
			if !counted {
				counted, from = true, usage().faults()
			}
			into = w.windows[(at-w.warm)/w.window]
		}
		due := int(at/time.Millisecond) + 1
		if due == done {
			time.Sleep(time.Duration(done)*time.Millisecond - at)
			continue
		}
		before := usage()
		for range due - done {
			w.bursts(done, into)
			done++
		}
		if counted && usage().Nvcsw != before.Nvcsw {
			w.blocked++
		}
	}
	w.faults = usage().faults() - from
}

// bursts is one burst of each function.
func (w *pacer) bursts(turn int, into []*latencies) {
	for k := range w.calls {
		i := (turn + k) % len(w.calls)
		call, l := w.calls[i], into[i]
		at := time.Since(epoch)
		for range w.burst {
			call(w.worker)
			now := time.Since(epoch)
			l.add(now - at)
			at = now
		}
	}
	w.made += w.burst
}

// epoch: time.Since of it reads one clock, and time.Now two.
var epoch = time.Now()

type threadRusage struct{ syscall.Rusage }

func usage() (u threadRusage) {
	const thread = 1 // RUSAGE_THREAD
	_ = syscall.Getrusage(thread, &u.Rusage)
	return u
}

func (u threadRusage) faults() int64 { return int64(u.Minflt) + int64(u.Majflt) }

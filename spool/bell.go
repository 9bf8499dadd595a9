package spool

import (
	"path/filepath"
	"sync/atomic"
	"time"
)

// The bell of a run is its lock file. Who delivers for other processes watches it,
// and the kernel tells when somebody closes it who had it open for writing. The
// background of a writer does that when records have come and somebody waits for
// them, which stands in the counters page; and the kernel does it when a writer
// ends, however it ends. An append never rings.
//
// A futex in the page would tell of no end, and takes a thread that is blocked in the
// call. This waits where sockets do.

// What stands at bellOffset.
const (
	bellQuiet   = 1 // the writer rings, and nobody waits
	bellAwaited = 2 // and somebody does; 0: it does not ring
)

// await asks the writer to ring, unless somebody has asked.
func (c *Counters) await() (asked bool) {
	quiet, awaited := c.encode(bellOffset, bellQuiet), c.encode(bellOffset, bellAwaited)
	c.touch(bellOffset, func(w *atomic.Uint64) { asked = w.CompareAndSwap(quiet, awaited) })
	return asked
}

// awaited reports whether somebody waits, once for each await. Where nobody can say
// so, somebody may.
func (c *Counters) awaited() (yes bool) {
	quiet, awaited := c.encode(bellOffset, bellQuiet), c.encode(bellOffset, bellAwaited)
	c.touch(bellOffset, func(w *atomic.Uint64) { yes = w.CompareAndSwap(awaited, quiet) })
	return yes || c.alone.Load()
}

// ring wakes who waits in other processes for records of the run.
func (w *Writer) ring() {
	if w.run.path != "" && w.run.count.awaited() {
		ring(w.run.bell())
	}
}

func (r *Run) bell() string { return filepath.Join(r.path, lockFileName) }

// Listen has heard called when the bell of a run rings that another process writes:
// once when records have come after Await, when somebody wants a Flush, and at the
// writer's end; until stop is called. It is called from a goroutine that others wait
// for, 20 times a second at most. rings is false where the writer or the system can't
// tell of records: then look.
func (r *Run) Listen(heard func()) (stop func(), rings bool) {
	stop, err := listen(r.bell(), func() {
		r.mu.Lock()
		r.probed = time.Time{} // it may have been the end
		r.mu.Unlock()
		heard()
	})
	if err != nil {
		return func() {}, false
	}
	return stop, r.Counters().shared() && r.Counters().load(bellOffset) != 0
}

// Await asks the writer of a run to ring when more records come. asked: nobody had
// asked before, so some may have come unheard; look once more.
func (r *Run) Await() (asked bool) { return r.Counters().await() }

// WantFlush asks who delivers an own run for all up to pos, without waiting for
// batches to fill.
func (r *Run) WantFlush(pos uint64) {
	r.count.WantFlush(pos)
	if r.path != "" {
		ring(r.bell())
	}
}

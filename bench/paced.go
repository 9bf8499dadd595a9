//go:build linux

package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/girok/girok/spool"
)

// pacedLine measures Append at a rate that goes on: 200,000 records a second of
// 200 B, from two goroutines in bursts every millisecond, for two minutes, which
// is long enough for the kernel to write pages back under the mapping several
// times; with a reader behind that checks every frame and lets segments go, so
// that they are made anew or used again. The control copies the same bytes, at
// the same distances, into private memory of a segment's size, in the same
// bursts on the same threads, before the appends or after them in turn. Both
// figures have one reading of the clock a call in them.
//
// Page faults are those of the two threads after ten seconds; so are all figures.
func pacedLine(b *bench) ([]row, error) {
	p := pace{workers: 2, burst: 100, warm: 10 * time.Second, length: 2 * time.Minute, window: 5 * time.Second}
	if b.quick {
		p.warm, p.length, p.window = time.Second, 5*time.Second, time.Second
	}
	dir, err := b.folder()
	if err != nil {
		return nil, err
	}
	s, err := openBare(dir)
	if err != nil {
		return nil, err
	}
	defer s.Release()
	defer s.Seal()
	payload := randomPayload()
	follow := follower{run: s.Writer().Run(), payload: payload, done: make(chan struct{})}
	var reader sync.WaitGroup
	reader.Go(follow.walk)
	rings := [2]*ring{newRing(), newRing()}
	var failed [2]error
	w := s.Writer()
	got := p.run(func(worker int) { rings[worker].copy(payload) }, func(worker int) {
		if _, err := w.Append(payload); err != nil {
			failed[worker] = err
		}
	})
	s.Seal()
	close(follow.done)
	reader.Wait()
	for _, err := range append(failed[:], follow.err) {
		if err != nil {
			return nil, err
		}
	}
	if follow.frames != got.calls {
		return nil, fmt.Errorf("%d frames were read after %d appends", follow.frames, got.calls)
	}
	return pacedRows(p, got), nil
}

func pacedRows(p pace, got *paced) []row {
	const q = 0.999
	control, ours := got.all[0], got.all[1]
	ratio := ours.quantile(q) / control.quantile(q)
	var windows []float64
	for _, w := range got.windows {
		windows = append(windows, w[1].quantile(q)/w[0].quantile(q))
	}
	spread := spreadOf(windows)
	return []row{{
		what:     fmt.Sprintf("append of 200 B with checksum at %.0f/s for %.0f s: p99.9", got.rate(), p.length.Seconds()),
		control:  "memcpy into private memory, in the same bursts",
		ratio:    fmt.Sprintf("%.3f (windows of %.0f s: %.3f–%.3f)", ratio, p.window.Seconds(), spread.low, spread.high),
		absolute: fmt.Sprintf("p50 / p99 / p99.9 / p99.99: %v (control %v)", ours, control),
		bar:      "≤ 3.00", met: met(ratio <= 3),
	}, {
		what:     "page faults of the appending threads meanwhile",
		absolute: fmt.Sprintf("%d; %d of %d bursts gave up the CPU by themselves", got.faults, got.blocked, p.workers*int(p.length/time.Millisecond)),
		bar:      "≤ 20", met: met(got.faults <= 20),
	}}
}

// ring is private memory of a segment's size, all of it resident.
type ring struct {
	mem []byte
	at  int
}

func newRing() *ring {
	r := &ring{mem: make([]byte, region)}
	for i := range r.mem {
		r.mem[i] = 0xff
	}
	return r
}

func (r *ring) copy(payload []byte) {
	if r.at+frameSize > len(r.mem) {
		r.at = 0
	}
	copy(r.mem[r.at:], payload)
	r.at += frameSize
}

// follower reads a run behind its writer and lets the segments go that it has
// read.
type follower struct {
	run     *spool.Run
	payload []byte // that every frame must have
	done    chan struct{}
	frames  int
	err     error
}

func (f *follower) walk() {
	r := f.run.Reader(0)
	defer r.Close()
	slot := f.run.Counters().Slot(0)
	for f.err == nil {
		ended := false
		select {
		case <-f.done:
			ended = true
		default:
		}
		n, st, err := countFrames(r, f.payload)
		f.frames, f.err = f.frames+n, err
		slot.SetDelivered(r.Position())
		slot.SetFreeBelow(r.Position())
		switch {
		case st == spool.End || st == spool.Wait && ended:
			return
		case st != spool.Wait:
			f.err = fmt.Errorf("the reader met status %d at %d", st, r.Position())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// countFrames reads frames until there is none, and looks whether each is what
// was appended.
func countFrames(r *spool.Reader, payload []byte) (n int, st spool.Status, err error) {
	for {
		f, st := r.Next()
		if st != spool.Frame {
			return n, st, nil
		}
		if string(f.Payload) != string(payload) {
			return n, st, fmt.Errorf("the frame at %d is not what was appended", f.Position)
		}
		n++
	}
}

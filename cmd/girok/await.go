package main

import (
	"context"
	"errors"
	"slices"
	"time"
)

const (
	// lookBusy is how often runs are looked for and read while records or runs come.
	lookBusy = 10 * time.Millisecond
	// lookNear is how often while nobody would tell: where a writer does not ring, the
	// folder of the runs can't be watched, or is not there.
	lookNear = 50 * time.Millisecond
	// lookFar is how often where all that comes is heard: the lock of a program that was
	// killed may go a moment after its bell.
	lookFar = time.Second
	// birthTime is how long a run may take from its folder to its configuration. A
	// folder that is older was left by a program that died between.
	birthTime = time.Second
)

// follow calls do with each record until ctx ends or do returns false.
func (f *follower) follow(ctx context.Context, do func(*item) bool) error {
	heard := make(bell, 1)
	births := listenForBirths(heard.ring)
	defer births.close()
	defer f.deafen()
	for busy := true; ; {
		if err := f.findServices(); err != nil {
			return err
		}
		watched := births.watch(f.dirs) // before they are looked at
		if err := f.look(); err != nil {
			return err
		}
		for it := f.next(false); it != nil; it = f.next(false) {
			if ctx.Err() != nil || !do(it) {
				return nil
			}
			busy = true
		}
		if !busy && f.ask(heard.ring) {
			busy = true
			continue
		}
		rest := lookBusy
		if !busy {
			rest = f.patience(watched)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-heard:
			busy = true // there may be more in a moment
		case <-f.after(rest):
			busy = false
		}
	}
}

// findServices looks for services that have come. A spool that is not there may come.
func (f *follower) findServices() (err error) {
	if f.find == nil {
		return nil
	}
	var none *noSpool
	if f.dirs, err = f.find(); errors.As(err, &none) && none.mayCome() {
		return nil
	}
	return err
}

// bell is rung by who has something, from any goroutine, and heard by one.
type bell chan struct{}

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// ask asks the writers of living runs to ring for what comes next. It reports whether
// something may have come unheard.
func (f *follower) ask(heard func()) (look bool) {
	for _, r := range f.runs {
		if r.hush == nil && r.run.Alive() {
			r.hush, r.rings = r.run.Listen(heard)
			look = true
		}
		if r.rings {
			look = r.run.Await() || look
		}
	}
	return look
}

// patience is how long nobody has to look. watched: new runs are heard of.
func (f *follower) patience(watched bool) time.Duration {
	for _, since := range f.unborn {
		if time.Since(since) < birthTime {
			return lookBusy
		}
	}
	if !watched || len(f.dirs) == 0 || slices.ContainsFunc(f.runs, func(r *followed) bool { return !r.rings }) {
		return lookNear
	}
	return lookFar
}

// deafen ends what is being read and heard.
func (f *follower) deafen() {
	for _, r := range f.runs {
		if !r.done {
			r.close()
		}
	}
}

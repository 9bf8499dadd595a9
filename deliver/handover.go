package deliver

import (
	"errors"
	"path/filepath"
	"slices"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/spool"
)

// wantName is the file beside a destination's lock that a process locks which
// wants to have it: `girok run`, or one that can read what the holder can't. The holder looks for that at every scan, ends the
// batch that is open, lets go, and stays away as long as somebody wants it.
const wantName = "want"

// errYield says that the destination is being handed over.
var errYield = errors.New("another process wants the destination")

// wanted reports whether another process wants the destination.
func (dest *destination) wanted() bool {
	if dest.dir == "" || dest.want.Load() != nil {
		return false
	}
	held, err := spool.Locked(filepath.Join(dest.dir, wantName))
	return err == nil && held
}

// ask lets others know that this process wants the destination, until it ends.
func (dest *destination) ask() {
	if dest.want.Load() != nil {
		return
	}
	if f, err := spool.TryLock(filepath.Join(dest.dir, wantName)); f != nil && err == nil {
		dest.want.Store(f)
	} // else another one of the kind has it, or the next try does it
}

// unask ends that.
func (dest *destination) unask() {
	if f := dest.want.Swap(nil); f != nil {
		f.Close()
	}
}

// yields reports whether the destination is being handed over.
func (dest *destination) yields() bool {
	select {
	case <-dest.yield:
		return true
	default:
		return false
	}
}

// handOverWanted begins to hand over what other processes want.
func (d *Deliverer) handOverWanted() {
	d.mu.Lock()
	held := make([]*destination, 0, len(d.dests))
	for _, dest := range d.dests {
		if dest.lock != nil {
			held = append(held, dest)
		}
	}
	d.mu.Unlock()
	for _, dest := range held {
		if dest.wanted() {
			dest.handOver()
		}
	}
}

// handOver takes the destination out of the list; once its lanes have ended its
// lock goes, and their runs are given to a destination of the same name, which
// waits for its turn.
func (dest *destination) handOver() {
	d := dest.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if dest.over || d.closing {
		return
	}
	dest.over = true
	delete(d.dests, dest.key)
	close(dest.yield)
	lanes := slices.Clone(dest.lanes)
	d.wg.Add(1)
	go func() {
		defer d.wg.Done()
		for _, l := range lanes {
			<-l.left
		}
		crash.At(crash.HandOver)
		d.mu.Lock()
		for _, l := range lanes {
			l.mu.Lock()
			for _, c := range slices.Concat(l.runs, l.fresh) {
				d.met[c.run.ID] &^= 1 << c.bit
			}
			l.mu.Unlock()
		}
		dest.lock.Close()
		dest.lock = nil
		closing := d.closing
		d.mu.Unlock()
		crash.At(crash.HandedOn)
		if closing {
			return
		}
		d.opts.Log.Info("another process has asked for a destination, and delivers from now on", "destination", dest.endpoint)
		d.Look()
	}()
}

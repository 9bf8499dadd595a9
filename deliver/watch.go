package deliver

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/girok/girok/internal/rights"
	"github.com/girok/girok/spool"
)

// watch sees whether the process that holds a destination delivers what this one
// writes: one that is stopped keeps its lock for ever.
type watch struct {
	sum   uint64    // of how far it is in the own runs
	moved time.Time // when that changed last, or when nothing waited
	told  time.Time
}

// look says it when records wait and nothing has moved for a minute.
func (w *watch) look(dest *destination) {
	sum, waits := dest.ownProgress()
	now := time.Now()
	if !waits || sum != w.sum || w.moved.IsZero() {
		w.sum, w.moved = sum, now
		return
	}
	stuck := dest.d.pace.Stuck
	if now.Sub(w.moved) < stuck || now.Sub(w.told) < stuck {
		return
	}
	w.told = now
	dest.d.opts.Log.Warn("records wait, and the process that holds their destination delivers nothing",
		"destination", dest.endpoint, "held_by", dest.holder(), "for", now.Sub(w.moved).Round(time.Second).String(),
		"remedy", "look at that process: continue it if it is stopped, or end it, and this one takes over")
}

// ownProgress is how far the lanes are in the own runs, all added up, and whether
// something waits there.
func (dest *destination) ownProgress() (sum uint64, waits bool) {
	for _, l := range dest.all() {
		for _, c := range l.all() {
			if c.run.Own() {
				sum += c.slot().Delivered()
				waits = waits || c.run.Waiting(c.bit, c.run.Tail()) > 0
			}
		}
	}
	return sum, waits
}

func (dest *destination) all() []*lane {
	dest.d.mu.Lock()
	defer dest.d.mu.Unlock()
	return append([]*lane(nil), dest.lanes...)
}

// holder names who holds the lock, for people.
func (dest *destination) holder() string {
	h, err := HolderOf(dest.d.opts.Spool.Dir(), dest.kind, dest.endpoint)
	switch {
	case err != nil:
		return err.Error()
	case h == nil:
		return "nobody any more"
	}
	return fmt.Sprintf("pid %d, since %s", h.PID, h.Since.Format(time.RFC3339))
}

// relock takes the lock anew where its file is gone: somebody has removed the
// folder, and the next process would take a lock of its own.
func (dest *destination) relock() {
	if dest.dir == "" || !dest.holds() {
		return
	}
	path := filepath.Join(dest.dir, lockName)
	dest.d.mu.Lock()
	defer dest.d.mu.Unlock()
	ours, err := dest.lock.Stat()
	if err != nil {
		return // closed: delivery has ended
	}
	if st, err := os.Stat(path); err == nil && os.SameFile(st, ours) {
		return
	}
	if rights.MkdirAll(dest.dir) != nil {
		return // tried again by the next scan
	}
	if f, err := spool.TryLock(path); err == nil && f != nil {
		dest.sign(f)
		dest.lock.Close()
		dest.lock = f
	}
}

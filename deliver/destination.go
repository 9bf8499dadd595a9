package deliver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/girok/girok/internal/rights"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

// destination is what one process has to own: a database file, a host and
// database. Only the holder of its lock writes its state.
type destination struct {
	d              *Deliverer
	dir            string // empty for runs in memory: nothing to lock or to keep
	key            string // in d.dests
	kind, endpoint string
	lanes          []*lane        // guarded by d.mu
	unread         []record.RunID // which a newer girok wrote; guarded by d.mu
	over           bool           // it has been let go; guarded by d.mu

	tried chan struct{} // closed after the first try of the lock
	held  chan struct{} // closed once it is held
	lock  *os.File
	yield chan struct{}           // closed when it is handed over
	want  atomic.Pointer[os.File] // see handover.go
}

// tryHold waits for the first try of the lock and reports whether it is held.
func (dest *destination) tryHold(ctx context.Context) bool {
	select {
	case <-dest.tried:
	case <-ctx.Done():
		return false
	}
	select {
	case <-dest.held:
		return true
	default:
		return false
	}
}

func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// destination finds or makes the destination of a kind and endpoint. For a run in
// memory it is one of its own, without lock and state: it ends with the process.
func (d *Deliverer) destination(kind sink.Kind, endpoint string, inMemory bool) (*destination, error) {
	dir := destinationDir(d.opts.Spool.Dir(), kind.Name(), endpoint)
	key := filepath.Base(dir)
	if inMemory {
		key, dir = key+" in memory", ""
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if dest := d.dests[key]; dest != nil {
		return dest, nil
	}
	dest := &destination{d: d, key: key, kind: kind.Name(), endpoint: endpoint, held: make(chan struct{}), tried: make(chan struct{}), yield: make(chan struct{})}
	if dest.dir = dir; dir != "" {
		if err := rights.MkdirAll(dir); err != nil {
			return nil, err
		}
	}
	d.dests[key] = dest
	d.wg.Add(1)
	go dest.acquire()
	return dest, nil
}

// askedFor is for how long a process that has asked for the destination tries the lock
// more often.
const askedFor = 5 * time.Second

// acquire tries the lock until it is held or delivery ends.
func (dest *destination) acquire() {
	defer dest.d.wg.Done()
	if dest.dir == "" {
		close(dest.held)
		close(dest.tried)
		return
	}
	var w watch
	var asked time.Time
	for first := true; ; first = false {
		var f *os.File
		var err error
		if !dest.wanted() {
			f, err = spool.TryLock(filepath.Join(dest.dir, lockName))
		}
		if f == nil && (dest.d.opts.Want || dest.knowsMore()) {
			dest.ask()
		}
		if err != nil {
			dest.d.once("lock "+dest.dir, "the lock of a destination can't be taken; trying again", "destination", dest.dir, "error", err)
		}
		if f != nil {
			dest.sign(f)
			dest.d.mu.Lock()
			dest.lock = f // closed when delivery ends
			dest.d.mu.Unlock()
			close(dest.held)
		}
		if first {
			close(dest.tried)
		}
		if f != nil {
			return // the lock is held as long as the file is open
		}
		w.look(dest)
		pause := dest.d.pace.Lock
		if dest.want.Load() != nil {
			if asked.IsZero() {
				asked = time.Now()
			}
			if time.Since(asked) < askedFor {
				pause /= 10 // it will be free any moment
			}
		}
		select {
		case <-dest.d.ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// give gives a run to the lane of a handler and target, which it finds or makes. It
// reports false when the destination has been let go meanwhile.
func (dest *destination) give(handler, target string, c *cursor) bool {
	d := dest.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if dest.over {
		return false
	}
	for _, l := range dest.lanes {
		if l.handler == handler && l.target == target {
			l.add(c)
			return true
		}
	}
	l := newLane(dest, handler, target)
	l.add(c)
	dest.lanes = append(dest.lanes, l)
	d.wg.Add(1)
	go l.work()
	return true
}

// end takes a lane out that has nothing to deliver any more, unless something came
// just now. With its last lane the destination is let go.
func (dest *destination) end(l *lane) bool {
	d := dest.d
	d.statsMu.Lock()
	defer d.statsMu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.closing || len(l.fresh)+len(l.gone)+len(l.runs) > 0 {
		return false
	}
	dest.lanes = slices.DeleteFunc(dest.lanes, func(other *lane) bool { return other == l })
	d.past = addStat(d.past, l.counts())
	return true
}

// letGo ends a destination without lanes, once the last one has closed its sinks.
func (dest *destination) letGo() {
	d := dest.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(dest.lanes) > 0 || d.closing || dest.over {
		return
	}
	dest.over = true
	delete(d.dests, dest.key)
	if dest.lock != nil {
		dest.lock.Close()
		dest.lock = nil
	}
	dest.unask()
}

package deliver

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// safeLog is a log that may be read while it is written.
type safeLog struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *safeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *safeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A process that holds the destination and delivers nothing is told, by its pid,
// by the one that waits; and it is said of what waits.
func TestHolderThatDeliversNothing(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	s.stall = make(chan struct{})
	holder := start(t, dir, 0, one(s), "a")
	holder.d.Start()
	eventually(t, "the lock is held", func() bool { st := holder.d.Stats(); return len(st) == 1 && st[0].Holds })
	p := start(t, dir, 0, one(s), "a")
	var told safeLog
	p.d.opts.Log = slog.New(slog.NewTextHandler(&told, nil))
	p.d.pace.Stuck = 20 * time.Millisecond
	p.d.Start()
	time.Sleep(50 * time.Millisecond) // nothing waits, so nothing is said
	if got := told.String(); got != "" {
		t.Errorf("told %s", got)
	}
	p.appendN(1, 10)
	eventually(t, "it is told", func() bool { return strings.Contains(told.String(), "delivers nothing") })
	if got := told.String(); !strings.Contains(got, "pid ") || !strings.Contains(got, "end it, and this one takes over") {
		t.Errorf("told %s", got)
	}
	if b := p.d.Backlog(); len(b) != 1 || !strings.Contains(b[0].Cause, "another process delivers to it: pid ") {
		t.Errorf("%+v", b)
	}
	if st := p.d.Stats()[0]; st.Holds || st.Waiting.Records != 10 {
		t.Errorf("%+v", st)
	}
	close(s.stall)
	p.flush()
	holder.stop()
	p.stop()
	once(t, s, 10)
}

// Somebody removes the spool's folder under the program: it delivers what it has
// written before and after, and holds the lock again that the next process tries.
func TestFolderRemovedUnderDelivery(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	p := start(t, dir, 0, one(s), "a")
	p.d.Start()
	p.appendN(1, 1000)
	p.flush()
	p.appendN(1, 10)
	eventually(t, "the folder goes", func() bool { return os.RemoveAll(filepath.Join(dir, "svc")) == nil }) // while files are made in it
	eventually(t, "a new run", func() bool {
		p.appendN(1, 1)
		return len(runFolders(t, dir)) == 1
	})
	p.appendN(1, 1000)
	p.flush()
	eventually(t, "the lock", func() bool { _, err := os.Stat(filepath.Join(p.lockFile(), lockName)); return err == nil })
	q := start(t, dir, 0, one(s), "a")
	q.d.Start()
	eventually(t, "the next process has looked", func() bool { return len(q.d.Stats()) == 1 })
	q.d.scan()
	if q.d.Stats()[0].Holds {
		t.Error("two processes hold one destination")
	}
	n := p.n
	q.stop()
	eventually(t, "its run is gone", func() bool { return len(runFolders(t, dir)) == 1 })
	p.stop()
	once(t, s, n)
	if len(s.positions) != 0 || len(runFolders(t, dir)) != 0 {
		t.Errorf("left: %v, %v", s.positions, runFolders(t, dir))
	}
}

// lockFile is the folder of the only destination.
func (p *program) lockFile() string {
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	for _, dest := range p.d.dests {
		return dest.dir
	}
	return ""
}

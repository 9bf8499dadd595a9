package deliver

import (
	"testing"
	"time"

	"github.com/girok/girok/record"
)

// TestOldPositionsAreSwept has a position of a spool that is gone, put back each
// time, and one of another handler: only the first goes, again and again.
func TestOldPositionsAreSwept(t *testing.T) {
	s := newStore()
	orphan, other := "h0/"+record.RunID(0xdead).String(), "h1/"+record.RunID(0xdead).String()
	s.positions[other] = position{}
	p := start(t, t.TempDir(), 0, one(s), "a")
	p.d.pace.Sweep = time.Millisecond
	p.d.Start()
	for range 3 {
		s.set(func() { s.positions[orphan] = position{} })
		p.appendN(1, 2)
		p.flush()
		eventually(t, "the position of a spool that is gone is swept", func() bool {
			p.d.Wake()
			s.mu.Lock()
			defer s.mu.Unlock()
			_, there := s.positions[orphan]
			return !there
		})
	}
	s.set(func() {
		if _, ok := s.positions["h0/"+p.spool.Writer().Run().ID.String()]; !ok {
			t.Error("the position of the own run was swept")
		}
		if _, ok := s.positions[other]; !ok {
			t.Error("the position of another handler was swept")
		}
	})
	p.stop()
	once(t, s, p.n)
}

// TestSweepKeepsRunsThatWait sweeps while a run of a program that died waits for
// its destination.
func TestSweepKeepsRunsThatWait(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	p := start(t, dir, 0, one(s), "a")
	p.appendN(1, 5) // never delivered: the deliverer does not start
	dead := p.spool.Writer().Run().ID
	p.spool.Seal()
	p.spool.Release()
	p = start(t, dir, 0, one(s), "a")
	l := newLane(&destination{d: p.d, dir: dir}, "h0", "rows")
	l.state = &state{}
	ids, err := l.living()
	if err != nil {
		t.Fatal(err)
	}
	own := p.spool.Writer().Run().ID
	is := map[record.RunID]bool{}
	for _, id := range ids {
		is[id] = true
	}
	if !is[dead] || !is[own] || len(is) != 2 {
		t.Errorf("living are %v, want %v and %v", ids, dead, own)
	}
	p.spool.Seal()
	p.spool.Release()
}

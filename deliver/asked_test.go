package deliver

import (
	"errors"
	"os"
	"testing"
)

// The answer that a row was made for a run is lost, then the program dies, and the run
// is removed before anybody has asked again: nothing else knows of the row.
func TestPositionOfALostAnswer(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	s.asked = func() error { return errors.New("no answer") }
	p := start(t, dir, 0, one(s), "a")
	p.appendN(1, 10)
	p.d.Start()
	eventually(t, "a row for the run", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.positions) == 1 })
	p.die()
	if err := os.RemoveAll(p.spool.Writer().Run().Path()); err != nil {
		t.Fatal(err)
	}
	s.asked, s.young = nil, true

	next := start(t, dir, 0, one(s), "a")
	next.d.Start()
	next.appendN(1, 10)
	next.flush()
	next.stop()
	if s.count() != 10 || len(s.positions) != 0 {
		t.Errorf("%d rows; positions are left: %v", s.count(), s.positions)
	}
}

package deliver

import (
	"os"
	"path/filepath"
	"testing"
)

// A program that began without a usable folder goes on in one as soon as there
// is one; what it had kept in memory is delivered too, each record once.
func TestMemoryThenDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := newStore()
	s.stall = make(chan struct{})
	p := start(t, dir, 0, one(s), "a")
	p.d.Start()
	p.appendN(1, 100)
	if !p.spool.Degraded() {
		t.Fatal("a file is a folder")
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a run on disk", func() bool { return !p.spool.Degraded() })
	p.appendN(1, 100)
	close(s.stall)
	p.flush()
	once(t, s, 200)
	eventually(t, "the memory run gone", func() bool { return len(p.spool.Own()) == 1 })
	p.appendN(1, 10)
	p.stop()
	once(t, s, 210)
	if len(s.positions) > 0 {
		t.Errorf("positions are left: %v", s.positions)
	}
}

package deliver

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/girok/girok/sink"
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

func TestFlushOfAnUnknownHandler(t *testing.T) {
	p := start(t, t.TempDir(), 0, one(newStore()), "a")
	p.d.Start()
	defer p.stop()
	if err := p.d.Flush(t.Context(), "typo"); err == nil {
		t.Error("Flush of a handler that there is not returns nil")
	}
}

// A sink that does not heed its context must not hold a program that ends.
func TestCloseLeavesASinkThatHangs(t *testing.T) {
	s := newStore()
	hangs, hang := make(chan struct{}), make(chan struct{})
	s.before = func(*sink.Batch) error { close(hangs); <-hang; return errors.New("late") }
	p := start(t, t.TempDir(), 0, one(s), "a")
	p.d.Start()
	p.appendN(1, 10)
	eventually(t, "the sink hangs", func() bool {
		select {
		case <-hangs:
			return true
		default:
			return false
		}
	})
	p.spool.Seal()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	p.d.Close(ctx)
	if d := time.Since(begin); d > patience {
		t.Errorf("Close took %v", d)
	}
	close(hang)
	p.d.wg.Wait()
	p.spool.Release()
}

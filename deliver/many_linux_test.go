package deliver

import (
	"errors"
	"os"
	"testing"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
	"golang.org/x/sys/unix"
)

// However many dead runs there are, few files are open at a time.
func TestManyDeadRunsFewFiles(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	const runs, spare = 150, 40
	for i := range runs {
		p := start(t, dir, 0, one(s), "a")
		p.n = 10 * i
		p.appendN(1, 10)
		p.spool.Seal()
		p.spool.Release()
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(len(open) + spare), Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &old) })
	p := start(t, dir, 0, one(s), "a")
	p.d.Start()
	eventually(t, "all dead runs drained", func() bool { return s.count() == 10*runs && len(runFolders(t, dir)) == 1 })
	once(t, s, 10*runs)
	p.stop()
	if len(s.positions) > 0 {
		t.Errorf("positions are left: %v", s.positions)
	}
}

// A run that goes while a batch is refused must not take the batch with it.
func TestRunGoesWhileABatchIsRefused(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	gone := start(t, dir, 0, one(s), "a")
	gone.spool.Seal()
	gone.spool.Release()
	s.before = func(*sink.Batch) error { return &sink.Refused{Err: errors.New("no right")} }
	p := start(t, dir, 0, one(s), "a")
	p.d.Start()
	p.appendN(1, 10)
	eventually(t, "refused", func() bool { st := p.d.Stats(); return len(st) == 1 && st[0].State == spool.Refused })
	if err := os.RemoveAll(gone.spool.Writer().Run().Path()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		n := p.d.Stats()[0].Errors.Refused
		eventually(t, "refused again", func() bool { return p.d.Stats()[0].Errors.Refused > n })
	}
	s.set(func() { s.before = nil })
	p.flush()
	p.stop()
	once(t, s, 10)
}

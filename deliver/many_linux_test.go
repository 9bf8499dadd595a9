package deliver

import (
	"os"
	"testing"

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

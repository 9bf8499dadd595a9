package files

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/girok/girok/sink"
)

// A full disk leaves nothing that a reader sees; when there is room again the batch
// goes in.
func TestFullDisk(t *testing.T) {
	l := newLake(t, "create: true\n")
	l.must(os.MkdirAll(l.dir, 0o755))
	if err := syscall.Mount("tmpfs", l.dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("can't mount: ", err)
	}
	t.Cleanup(func() { syscall.Unmount(l.dir, syscall.MNT_DETACH) })
	ballast := filepath.Join(l.dir, ".ballast")
	l.must(os.WriteFile(ballast, make([]byte, 48<<10), 0o600))
	l.must(l.open())
	long := strings.Repeat("x", 40<<10)
	b := l.batch("one", long)
	for range 2 {
		var refused *sink.Refused
		if err := l.send(b); !errors.Is(err, syscall.ENOSPC) || errors.As(err, &refused) {
			t.Fatalf("on a full disk: %v", err)
		}
		b.Mark = nil
		l.want()
	}
	l.must(os.Remove(ballast))
	l.must(l.send(b))
	l.want("one", long)
}

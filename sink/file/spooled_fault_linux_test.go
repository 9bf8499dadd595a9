package file

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/girok/girok/sink"
)

// mounted puts the file on a small file system of its own.
func (p *paper) mounted(t *testing.T, flags uintptr, data string) (dir string) {
	dir = filepath.Dir(p.path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, data); err != nil {
		t.Skip("can't mount: ", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// A full disk tears a batch; when there is room again it is completed, by the same
// process or the next.
func TestSpooledFullDisk(t *testing.T) {
	for _, same := range []bool{true, false} {
		p := newPaper(t, "")
		dir := p.mounted(t, 0, "size=64k")
		ballast := filepath.Join(dir, "ballast")
		if err := os.WriteFile(ballast, make([]byte, 16<<10), 0o644); err != nil {
			t.Fatal(err)
		}
		var all []string
		var torn *sink.Batch
		for i := 0; torn == nil; i++ {
			var texts []string
			for k := range 5 {
				texts = append(texts, fmt.Sprintf("%d.%d %s", i, k, strings.Repeat("x", (i*777+k*333)%1000)))
			}
			b := p.batch(texts...)
			all = append(all, texts...)
			if err := p.send(b); err != nil {
				var refused *sink.Refused
				if !errors.Is(err, syscall.ENOSPC) || errors.As(err, &refused) {
					t.Fatal(err)
				}
				torn = b
			}
		}
		if err := p.send(torn); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("on a full disk: %v", err)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		if !same {
			p.reopen()
		}
		p.again(torn)
		p.write("last")
		p.want(strings.Join(append(all, "last"), "\n") + "\n")
	}
}

func TestSpooledReadOnly(t *testing.T) {
	p := newPaper(t, "")
	dir := p.mounted(t, syscall.MS_RDONLY, "")
	var refused *sink.Refused
	b := p.batch("a")
	if err := p.send(b); !errors.As(err, &refused) || refused.Remedy == "" {
		t.Fatalf("got %v", err)
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	p.again(b) // it heals by itself
	p.want("a\n")
}

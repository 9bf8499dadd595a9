package file

import (
	"math/bits"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestPositionFallback: where pwrite does not append, or does not work, the
// lines still come in order and nothing is overwritten.
func TestPositionFallback(t *testing.T) {
	if bits.UintSize == 32 {
		t.Skip("there pwrite is not used")
	}
	path := filepath.Join(t.TempDir(), "log")
	fd, err := open(path, syscall.O_WRONLY|syscall.O_CREAT) // not for appending, as on a system that ignores it
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	o := output{d: &descriptor{fd: fd, path: path}}
	o.d.positioned.Store(true)
	for _, s := range []string{"a\n", "b\n"} {
		if n, err := o.write([]byte(s)); n != 2 || err != nil {
			t.Fatal(n, err)
		}
	}
	if o.d.positioned.Load() {
		t.Error("pwrite is still in use")
	}
	wantFile(t, path, "a\nb\n")
}

func TestFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	r, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	h := New(Options{Path: path, Format: plain(t)})
	defer h.Close()
	handle(t, h, "a")
	h.out.d.positioned.Store(true)
	handle(t, h, "b")
	b := make([]byte, 4)
	if n, err := r.Read(b); string(b[:n]) != "a\nb\n" {
		t.Errorf("got %q, %v", b[:n], err)
	}
}

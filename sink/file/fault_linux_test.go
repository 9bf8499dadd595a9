package file

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/girok/girok/format"
	"github.com/girok/girok/record"
)

func TestFullDevice(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip(err)
	}
	h := New(Options{Path: "/dev/full", Format: plain(t)})
	defer h.Close()
	for i := range 3 {
		err := h.Handle(message(t, "x"))
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "/dev/full") {
			t.Errorf("got %v", err)
		}
		if h.Failed() != uint64(i+1) {
			t.Errorf("%d failed", h.Failed())
		}
	}
}

func TestReadOnlyFolder(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_RDONLY, ""); err != nil {
		t.Skip("can't mount: ", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	path := filepath.Join(dir, "sub", "log")
	h := New(Options{Path: path, Format: plain(t)})
	defer h.Close()
	for range 2 {
		if err := h.Open(); !errors.Is(err, syscall.EROFS) {
			t.Errorf("got %v", err)
		}
		if err := h.Handle(message(t, "lost")); !errors.Is(err, syscall.EROFS) {
			t.Errorf("got %v", err)
		}
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	handle(t, h, "a") // it heals by itself
	wantFile(t, path, "a\n")
}

// TestShortWrite fills a disk in the middle of a line, and makes room again: the
// half line stays alone, and later lines are whole. The limit of file sizes
// stands for the disk; it would kill the test program, so a child sets it.
func TestShortWrite(t *testing.T) {
	const env = "GIROK_TEST_SHORT_WRITE"
	if path := os.Getenv(env); path != "" {
		shortWrites(t, path)
		return
	}
	for _, way := range []string{"record", "call", "call that may put the file aside"} {
		t.Run(way, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), way)
			cmd := exec.Command(os.Args[0], "-test.run=^TestShortWrite$", "-test.v")
			cmd.Env = append(os.Environ(), env+"="+path)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			wantFile(t, path, "first\nsec\nfourth\nfifth\nsi\neighth\nninth\ntenth\n")
		})
	}
}

// shortWrites is the child's part. The name of the file says which way a line goes.
func shortWrites(t *testing.T, path string) {
	signal.Ignore(syscall.SIGXFSZ)
	o := Options{Path: path, Format: plain(t)}
	var h interface {
		Handle(*record.View) error
		HandleCall(*record.Call) (bool, error)
		Written() uint64
		Failed() uint64
		Close() error
	} = New(o)
	if strings.Contains(path, "aside") {
		h = NewRotating(o, RotatingOptions{MaxBytes: 1 << 20, Backups: 1})
	}
	defer h.Close()
	write := func(text string) error { return h.Handle(message(t, text)) }
	if strings.Contains(path, "call") {
		write = func(text string) error {
			ok, err := h.HandleCall(call(text))
			if !ok {
				t.Error("it wants a frame")
			}
			return err
		}
	}
	written := uint64(0)
	writes := func(texts ...string) {
		t.Helper()
		for _, text := range texts {
			if written++; write(text) != nil || h.Written() != written {
				t.Errorf("%s: %d written of %d", text, h.Written(), written)
			}
		}
	}
	fails := func(text string, count uint64) {
		t.Helper()
		if err := write(text); !errors.Is(err, syscall.EFBIG) || h.Failed() != count || h.Written() != written {
			t.Errorf("%s: %v, %d failed, %d written of %d", text, err, h.Failed(), h.Written(), written)
		}
	}
	writes("first") // 6 bytes
	limit(t, 9)
	fails("second", 1)
	fails("third", 2) // not even its line end fits
	limit(t, 1000)
	writes("fourth", "fifth")
	limit(t, 6+4+7+6+2)
	fails("sixth", 3)
	limit(t, 6+4+7+6+2+1)
	fails("seventh", 4) // only the line end that the half line lacked fits
	limit(t, 1000)
	writes("eighth", "ninth", "tenth")
}

func limit(t *testing.T, size uint64) {
	t.Helper()
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: 1 << 40}); err != nil {
		t.Skip(err)
	}
}

// TestFullDisk lets many goroutines fill a small file system: no line that is
// followed by another is broken in a way that takes the other with it.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("can't mount: ", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	path := filepath.Join(dir, "log")
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 16<<10), 0o644); err != nil {
		t.Fatal(err)
	}
	h := New(Options{Path: path, Format: plain(t)})
	defer h.Close()
	var good []string
	write := func(text string) error {
		err := h.Handle(message(t, text))
		if err == nil {
			good = append(good, text)
		} else if !errors.Is(err, syscall.ENOSPC) {
			t.Error(err)
		}
		return err
	}
	fill := func(name string) {
		for i := 0; write(fmt.Sprintf("%s %d %s", name, i, strings.Repeat("x", i%777))) == nil; i++ {
		}
		_ = write("no room for this")
	}
	fill("first")
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	fill("second")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]bool{}
	for _, l := range strings.Split(string(b), "\n") {
		lines[l] = true
	}
	for _, g := range good {
		if !lines[g] {
			t.Fatalf("%.40q… was written and is no line of the file", g)
		}
	}
	if len(good) < 100 {
		t.Errorf("only %d lines", len(good))
	}
}

// TestDescriptorsComeBack: what is closed and garbage holds no descriptor.
func TestDescriptorsComeBack(t *testing.T) {
	count := func() int {
		files, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(files)
	}
	before := count()
	dir := t.TempDir()
	for i := range 50 {
		h := New(Options{Path: filepath.Join(dir, fmt.Sprint(i)), Format: format.Default(nil)})
		handle(t, h, "a")
		if err := h.Reopen(); err != nil {
			t.Fatal(err)
		}
		h.Close()
	}
	deadline := time.Now().Add(10 * time.Second)
	for count() > before+5 && time.Now().Before(deadline) {
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
	if n := count(); n > before+5 {
		t.Errorf("%d descriptors, %d before", n, before)
	}
}

//go:build linux && cgo && (amd64 || arm64)

package duckdb

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/girok/girok/sink/sinktest"
)

// smallDisk is a file system of its own.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root mounts a small disk")
	}
	dir := t.TempDir()
	if err := syscall.Mount("girok", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skip("no small disk can be mounted here: ", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	return dir
}

func TestFullDisk(t *testing.T) {
	dir := smallDisk(t, "8m")
	path := filepath.Join(dir, "a.duckdb")
	s, r := reopened(t, path, "create: true\n")
	t.Cleanup(func() { s.Close() }) // before the disk goes
	other, _ := reopened(t, path, "")
	t.Cleanup(func() { other.Close() })
	if err := s.Write(ctx, batch(r, "a")); err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(dir, "ballast")
	free := func() {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	for _, err = f.Write(make([]byte, 1<<20)); err == nil; _, err = f.Write(make([]byte, 4096)) {
	}
	f.Close()
	var long []string
	for i := range 40 {
		long = append(long, strings.Repeat("x", 50_000+i))
	}
	b := batch(r, long...)
	for range 3 {
		wantRefused(t, s.Write(ctx, b), "make room")
	}
	free()
	goesIn(t, s, path, b, 41)
	goesIn(t, other, path, b, 41) // it is in
}

func TestReadOnlyDisk(t *testing.T) {
	dir := smallDisk(t, "16m")
	path := filepath.Join(dir, "a.duckdb")
	s, r := reopened(t, path, "create: true\n")
	s.Close()
	remount := func(flags uintptr) {
		if err := syscall.Mount("girok", dir, "tmpfs", syscall.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(syscall.MS_RDONLY)
	b := batch(r, "a")
	wantRefused(t, s.Write(ctx, b), "right to write")
	c := sinktest.Decode(t, Kind, "path: '"+dir+"/new.duckdb'\ntable: logs\ncreate: true\n")
	_, err := Kind.Open(ctx, testEnv(""), c)
	wantRefused(t, err, "right to write")
	remount(0)
	goesIn(t, s, path, b, 1)
	s.Close()
}

package spool

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

// A record that can't be written is counted as lost, leaves nothing behind, and
// the next one takes its place.
func TestPlainDiskFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no disk that is always full here: ", err)
	}
	defer full.Close()
	openPlain = true
	defer func() { openPlain = false }()
	s, _ := openSpool(t, Options{Dir: t.TempDir()})
	w := s.Writer()
	mustAppend(t, w, payload(3, 0, 0, 100))
	seg := w.cur.Load()
	file := seg.f
	seg.f = full
	if _, err := w.Append(payload(3, 0, 1, 100)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("on a full disk: %v", err)
	}
	if n, _, _ := w.Run().Counters().Slot(1).Lost(); n != 1 {
		t.Errorf("%d records are counted as lost", n)
	}
	seg.f = file
	mustAppend(t, w, payload(3, 0, 1, 100))
	s.Seal()
	r := w.Run().Reader(0)
	defer r.Close()
	got := readAll(t, r)
	got.inOrder(t, 0, 2)
	if r.Damaged != 0 {
		t.Errorf("%d bytes are damaged", r.Damaged)
	}
}

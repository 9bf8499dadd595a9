package spool

import (
	"os"
	"path/filepath"
	"testing"
)

// A run that was killed had allocated ahead; Tidy gives that back, and nothing
// else: not of a run that is damaged, lives, or takes little.
func TestTidy(t *testing.T) {
	slack := func() *file {
		f := newFile(1, 0, firstSegment)
		for n := range 10 {
			f.add(rec(n))
		}
		return f
	}
	damaged := slack()
	damaged.between(func() { damaged.b[damaged.n-20] ^= 1 })
	tests := []struct {
		name string
		f    *file
		want int64
		recs int
	}{
		{"allocated ahead", slack(), int64(slack().n), 10},
		{"damaged", damaged, firstSegment, 11},
		{"little", func() *file { f := newFile(1, 0, 64<<10); f.add(rec(0)); return f }(), 64 << 10, 1},
		{"empty", newFile(1, 0, firstSegment), headerSize, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			run := deadRun(t, tt.f)
			for range 2 {
				must(t, run.Tidy())
				if held := run.Held(); held != tt.want {
					t.Errorf("it takes %d bytes, want %d", held, tt.want)
				}
			}
			r := run.Reader(0)
			defer r.Close()
			if got := readAll(t, r); len(got.refs) != tt.recs || got.status != End {
				t.Errorf("%d records, status %d", len(got.refs), got.status)
			}
		})
	}
}

// between adds a frame, harms it, and adds another.
func (f *file) between(harm func()) {
	f.add(rec(99))
	harm()
	f.add(rec(10))
}

// Whoever ends in order and leaves something takes no more than that.
func TestReleaseGivesBack(t *testing.T) {
	dir := t.TempDir()
	s, ev := openSpool(t, Options{Dir: dir})
	end := mustAppend(t, s.Writer(), payload(1, 0, 0, 100)) + frameSize(100)
	run := s.Writer().Run()
	other, err := openRun(run.Path())
	must(t, err)
	must(t, other.Tidy()) // it lives
	if held := run.Held(); held < firstSegment {
		t.Fatalf("a living run takes %d bytes", held)
	}
	s.Seal()
	s.Release()
	if held := run.Held(); held != int64(end) {
		t.Errorf("it takes %d bytes, its frames end at %d", held, end)
	}
	if _, err := os.Stat(filepath.Join(run.Path(), segmentName(1))); err != nil || len(ev.list) != 0 {
		t.Error(err, ev.list)
	}
	dead, err := openRun(run.Path())
	must(t, err)
	r := dead.Reader(0)
	defer r.Close()
	got := readAll(t, r)
	got.inOrder(t, 0, 1)
}

package file

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// testZstd is what package zstd has, which this package can't import.
func testZstd(w io.Writer, size int64) (io.WriteCloser, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithZeroFrames(true), zstd.WithSingleSegment(size < 256))
	if err == nil {
		z.ResetContentSize(w, size)
	}
	return z, err
}

// packingOf is one by its name.
func packingOf(t testing.TB, name string) *Packing {
	t.Helper()
	p, err := NewPacking(name, testZstd)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// unpacked reads a file, compressed or not.
func unpacked(t testing.TB, path string, f io.Reader) io.Reader {
	t.Helper()
	var err error
	switch filepath.Ext(path) {
	case ".gz":
		f, err = gzip.NewReader(f)
	case ".zst":
		f, err = zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return f
}

// packed is a text as a packing makes it.
func packed(t *testing.T, p *Packing, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.pack(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path + p.suffix)
	if err != nil || exists(path) {
		t.Fatalf("%v; the file is there: %v", err, exists(path))
	}
	return string(b)
}

// A copy is known by its length, whatever that is, and no other file is taken for it.
func TestCopyIsKnown(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"gzip", "zstd"} {
		p := packingOf(t, name)
		for _, n := range []int{1, 255, 256, 257, 65_791, 65_792, 1 << 20} {
			path := filepath.Join(dir, fmt.Sprint(name, n))
			text := strings.Repeat("x", n)
			if err := os.WriteFile(path+p.suffix, []byte(packed(t, p, text)), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, more := range []string{"", "x"} {
				if err := os.WriteFile(path, []byte(text+more), 0o600); err != nil {
					t.Fatal(err)
				}
				if is, err := copied(path, p.suffix); err != nil || is != (more == "") {
					t.Errorf("%s of %d bytes, the file has %d more: %v %v", name, n, len(more), is, err)
				}
			}
		}
	}
}

// What the header of a frame says is what the library reads in it, also of files that
// are larger than a test would write; and what is no header says nothing.
func TestLengthOfFrame(t *testing.T) {
	for _, size := range []uint64{0, 1, 255, 256, 1 << 16, 1<<32 - 1, 1 << 32, 1 << 40} {
		for _, single := range []bool{false, true} {
			for _, dictionary := range []uint32{0, 7, 700, 70_000} {
				h := zstd.Header{SingleSegment: single, WindowSize: 1 << 20, HasFCS: true, FrameContentSize: size, DictionaryID: dictionary}
				b, err := h.AppendTo(nil)
				if err != nil {
					t.Fatal(err)
				}
				var again zstd.Header
				if err := again.Decode(append(b, 1, 0, 0)); err != nil {
					t.Fatal(err)
				}
				got, ok := lengthOfFrame(bytes.NewReader(append(b, 1, 0, 0)))
				if ok != again.HasFCS || ok && got != again.FrameContentSize {
					t.Errorf("%+v: %d %v", again, got, ok)
				}
			}
		}
	}
	for _, b := range []string{"", "x", "\x28\xb5\x2f\xfd", "\x28\xb5\x2f\xfd\xe0\x01\x02", "\x1f\x8b\x08\x00\x00\x00\x00\x00"} {
		if n, ok := lengthOfFrame(strings.NewReader(b)); ok {
			t.Errorf("%q says %d", b, n)
		}
	}
}

// A program that lacks zstd says what to do.
func TestPackingThatLacks(t *testing.T) {
	if _, err := NewPacking("zstd", nil); err == nil || !strings.Contains(err.Error(), "zstd.Packing") {
		t.Errorf("got %v", err)
	}
	if p, err := NewPacking("", nil); p != nil || err != nil {
		t.Errorf("got %v %v", p, err)
	}
}

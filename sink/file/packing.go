package file

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/girok/girok/internal/disk"
)

// Zstd is an Option of girok.Open: what `compress: zstd` compresses with. It gives a
// writer that compresses the size bytes that are written to it into w, as one frame
// that says how many they are. Package zstd has it, apart, so that only who asks for it
// links it.
type Zstd func(w io.Writer, size int64) (io.WriteCloser, error)

// GirokOption marks Zstd as an Option.
func (Zstd) GirokOption() {}

// Packing is how files that were put aside are compressed.
type Packing struct {
	suffix string // of their names
	writer func(w io.Writer, name string, of fs.FileInfo) (io.WriteCloser, error)
}

// suffixes are those of all packings: the key compress may have been another one.
var suffixes = []string{".gz", ".zst"}

// errZstd says what a program lacks.
var errZstd = errors.New("zstd is a package of its own: give zstd.Packing of github.com/girok/girok/zstd to girok.Open, or use gzip")

// NewPacking finds a packing by the key compress: gzip, zstd, or "", which is nil.
func NewPacking(name string, zstd Zstd) (*Packing, error) {
	switch {
	case name == "":
		return nil, nil
	case name == "zstd" && zstd == nil:
		return nil, errZstd
	case name == "zstd":
		return &Packing{".zst", func(w io.Writer, _ string, of fs.FileInfo) (io.WriteCloser, error) { return zstd(w, of.Size()) }}, nil
	}
	return &Packing{".gz", func(w io.Writer, name string, of fs.FileInfo) (io.WriteCloser, error) {
		z := gzip.NewWriter(w)
		z.Name, z.ModTime = filepath.Base(name), of.ModTime()
		return z, nil
	}}, nil
}

// errChanged: a file became longer or shorter while it was compressed.
var errChanged = errors.New("somebody writes into a file that was put aside")

// compress makes a compressed copy of a file, whole and on the disk. It has the mode
// and the time of the file, for those who look for the day.
func (p *Packing) compress(ctx context.Context, from, to *os.File) error {
	st, err := from.Stat()
	if err != nil {
		return err
	}
	z, err := p.writer(to, from.Name(), st)
	if err != nil {
		return err
	}
	left := st.Size()
	for left > 0 && err == nil {
		if err = ctx.Err(); err == nil {
			var n int64
			n, err = io.CopyN(z, from, min(left, writeSize))
			left -= n
		}
	}
	if now, serr := from.Stat(); err == io.EOF || err == nil && serr == nil && now.Size() != st.Size() {
		err = errChanged
	}
	if err := errors.Join(err, z.Close(), to.Chmod(st.Mode().Perm())); err != nil {
		return err
	}
	if err := disk.SyncData(to); err != nil {
		return err
	}
	_ = os.Chtimes(to.Name(), time.Time{}, st.ModTime()) // the copy is as good without
	return nil
}

// copied reports whether the compressed copy of a file has its length, as far as it
// says.
func copied(path, suffix string) (bool, error) {
	st, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	z, err := os.Open(path + suffix)
	if err != nil {
		return false, err
	}
	defer z.Close()
	if suffix == ".gz" {
		return endsWithLength(z, st.Size()), nil
	}
	size, ok := lengthOfFrame(z)
	return ok && size == uint64(st.Size()), nil
}

// endsWithLength reports whether gzip's last four bytes are a length, modulo 2^32 (RFC
// 1952).
func endsWithLength(z *os.File, size int64) bool {
	var b [4]byte
	if n, err := z.Seek(-int64(len(b)), io.SeekEnd); err != nil || n < 0 {
		return false
	}
	_, err := io.ReadFull(z, b[:])
	return err == nil && binary.LittleEndian.Uint32(b[:]) == uint32(size)
}

// lengthOfFrame is the length that the header of a frame of zstd says (RFC 8878, 3.1.1).
func lengthOfFrame(z io.ReaderAt) (size uint64, ok bool) {
	var b [18]byte
	n, _ := z.ReadAt(b[:], 0)
	if n < 6 || binary.LittleEndian.Uint32(b[:]) != 0xFD2FB528 {
		return 0, false
	}
	descriptor := b[4]
	at := 5
	single := descriptor&0x20 != 0
	if !single {
		at++ // how large the window is
	}
	at += []int{0, 1, 2, 4}[descriptor&3] // the dictionary
	var field [8]byte
	switch width := []int{0, 2, 4, 8}[descriptor>>6]; {
	case width == 0 && !single:
		return 0, false
	case width == 0:
		return uint64(b[at]), at < n
	default:
		copy(field[:width], b[at:])
		size = binary.LittleEndian.Uint64(field[:])
		if width == 2 {
			size += 256
		}
		return size, at+width <= n
	}
}

package spool

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzSegment: whatever the bytes of a dead run's segment are,
//   - reading them ends, without a panic, and soon;
//   - a frame that it gives lies within the segment and the file, has the bytes that
//     stand there, and checks;
//   - frames come in order, do not overlap, and no gap is told;
//   - a frame that was written at the end of the file, behind everything, is found,
//     unless a frame or PAD that checks covers it;
//   - reading again gives the same.
func FuzzSegment(f *testing.F) {
	whole := threeFiles()[0]
	f.Add(whole.b[headerSize:headerSize+1500], uint8(0))
	f.Add(bytes.Repeat(word(busyBit|100), 50), uint8(1))
	f.Add(bytes.Repeat([]byte{0x10, 0x20, 0, 0, 1, 2, 3, 4}, 800), uint8(0))
	pads := newFile(1, 0, 64<<10)
	pads.add(rec(0))
	binary.LittleEndian.PutUint64(pads.b[pads.n:], padWord(64, pads.h.salt, pads.n))
	f.Add(pads.b[headerSize:headerSize+400], uint8(0))
	dir := f.TempDir()
	run := deadRun(f)
	_ = os.Rename(run.path, filepath.Join(dir, "run"))
	run.path = filepath.Join(dir, "run")
	f.Fuzz(func(t *testing.T, data []byte, ieee uint8) {
		seg := newFile(1, 0, 64<<10)
		if ieee&1 != 0 {
			seg.h.checksum = crc32ieee
			seg.h.encode(seg.b)
			copy(seg.b, segmentMagic[:])
		}
		last := (headerSize + uint64(len(data)) + 7) &^ 7
		if last+frameSize(100) > seg.h.size {
			return
		}
		copy(seg.b[headerSize:], data)
		seg.n = last
		seg.add(rec(7))
		write(t, filepath.Join(run.path, segmentName(1)), seg.b[:seg.n])
		begin := time.Now()
		first := readSegment(t, run, seg)
		if spent := time.Since(begin); spent > time.Minute {
			t.Errorf("it took %v", spent)
		}
		if n := len(first.refs); (n == 0 || first.refs[n-1].Next <= last) && !padded(seg, last) {
			t.Errorf("the frame at %d was not found", last)
		}
		again := readSegment(t, run, seg)
		if len(again.refs) != len(first.refs) || again.status != first.status {
			t.Errorf("%d frames, then %d", len(first.refs), len(again.refs))
		}
	})
}

// padded reports whether a PAD that checks covers the position.
func padded(seg *file, pos uint64) bool {
	for at := uint64(headerSize); at < pos; at += 8 {
		w := binary.LittleEndian.Uint64(seg.b[at:])
		if w&padBit != 0 && w&busyBit == 0 && checkPad(w, seg.h.salt, at) && at+8+w&lengthMask > pos {
			return true
		}
	}
	return false
}

func readSegment(t *testing.T, run *Run, seg *file) read {
	t.Helper()
	r := run.Reader(0)
	defer r.Close()
	got := readAll(t, r)
	at := uint64(headerSize)
	for _, f := range got.refs {
		n := uint64(len(f.Payload))
		switch {
		case f.Position < at || f.Position%8 != 0 || f.Next != f.Position+frameSize(len(f.Payload)) || f.Next > seg.h.size || f.Position+wordSize+n > seg.n:
			t.Fatalf("a frame from %d to %d after %d", f.Position, f.Next, at)
		case !bytes.Equal(f.Payload, seg.b[f.Position+wordSize:][:n]):
			t.Fatalf("the frame at %d has other bytes", f.Position)
		case binary.LittleEndian.Uint64(seg.b[f.Position:]) != frameWord(seg.h.sum(f.Payload), len(f.Payload), seg.h.salt, f.Position):
			t.Fatalf("the frame at %d does not check", f.Position)
		}
		at = f.Next
	}
	if got.status != End || len(got.gaps) != 0 || r.Err != nil {
		t.Fatalf("status %d, gaps %v, error %v", got.status, got.gaps, r.Err)
	}
	return got
}

// FuzzHeader: a header that is accepted is one that encode would write, its size and
// base are such that no sum of them overflows, and a dead run in which a file has
// these first bytes is read to its end.
func FuzzHeader(f *testing.F) {
	good := newFile(1, 0, 64<<10)
	f.Add(good.b[:headerUsed])
	f.Add([]byte{})
	f.Add(make([]byte, headerUsed))
	newer := append([]byte(nil), good.b[:headerUsed]...)
	newer[8]++
	f.Add(newer)
	far := newFile(1<<60, 1<<60, 1<<20)
	f.Add(far.b[:headerUsed])
	run := deadRun(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := decodeHeader(b)
		write(t, filepath.Join(run.path, segmentName(1)), b)
		r := run.Reader(0)
		got := readAll(t, r)
		r.Close()
		if got.status != End && got.status != Newer || len(got.refs) != 0 {
			t.Errorf("%d frames, status %d", len(got.refs), got.status)
		}
		if err != nil {
			return
		}
		again := make([]byte, headerUsed)
		h.encode(again)
		copy(again, segmentMagic[:])
		if !bytes.Equal(again[:64], b[:64]) {
			t.Errorf("% x is read as % x", b[:headerUsed], again)
		}
		if h.end() < h.base || h.data() >= h.end() || h.size > 1<<30 || h.base > 1<<62 {
			t.Errorf("%+v", h)
		}
	})
}

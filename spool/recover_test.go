package spool

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/girok/girok/record"
)

const testRun = record.RunID(0x1122334455667788)

// file is a segment's file under construction.
type file struct {
	h header
	b []byte
	n uint64 // where the next frame goes, from the beginning of the file
}

func newFile(seq, base, size uint64) *file {
	h := header{checksum: crc32c, seq: seq, size: size, base: base, run: testRun, salt: 0x0123456789abcdef + seq, created: 1_700_000_000e9}
	f := &file{h: h, b: make([]byte, size), n: headerSize}
	h.encode(f.b)
	copy(f.b, segmentMagic[:])
	return f
}

// add writes a frame at the end and returns its position.
func (f *file) add(p []byte) uint64 {
	pos := f.h.base + f.n
	f.frame(f.n, p)
	f.n += frameSize(len(p))
	return pos
}

func (f *file) frame(off uint64, p []byte) {
	binary.LittleEndian.PutUint64(f.b[off:], frameWord(f.h.sum(p), len(p), f.h.salt, f.h.base+off))
	copy(f.b[off+wordSize:], p)
}

// pad fills the rest.
func (f *file) pad() {
	if f.n < f.h.size {
		binary.LittleEndian.PutUint64(f.b[f.n:], padWord(f.h.size-f.n, f.h.salt, f.h.base+f.n))
		f.n = f.h.size
	}
}

// deadRun writes the run's folder; files may be changed before.
func deadRun(t testing.TB, files ...*file) *Run {
	t.Helper()
	dir := t.TempDir()
	cfg := testConfig()
	cfg.Format, cfg.ID = formatVersion, testRun.String()
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, configFile), text)
	for _, f := range files {
		write(t, filepath.Join(dir, segmentName(f.h.seq)), f.b)
	}
	r, err := openRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	if r.Alive() {
		t.Fatal("a run whose lock nobody holds is alive")
	}
	return r
}

func write(t testing.TB, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// numbers are the records' numbers.
func (got *read) numbers(t testing.TB) (list []int) {
	for _, f := range got.refs {
		_, n := whose(t, f.Payload)
		list = append(list, n)
	}
	return list
}

func rec(n int) []byte { return payload(1, 0, n, 100) }

// harm is what stands between two good frames.
type harm struct {
	name    string
	between func(*file)
	damaged uint64 // bytes that the reader says did not check
}

func harms() []harm {
	need := frameSize(100)
	hole := func(f *file) { f.n += need }
	busy := func(copied int) func(*file) {
		return func(f *file) {
			binary.LittleEndian.PutUint64(f.b[f.n:], 100|busyBit)
			copy(f.b[f.n+wordSize:], rec(99)[:copied])
			f.n += need
		}
	}
	rubbish := func(b byte) func(*file) {
		return func(f *file) {
			copy(f.b[f.n:], bytes.Repeat([]byte{b}, int(need)))
			f.n += need
		}
	}
	return []harm{
		{"nothing", func(*file) {}, 0},
		{"zero word", hole, 0},
		{"three zero words", func(f *file) { hole(f); hole(f); hole(f) }, 0},
		{"busy, nothing copied", busy(0), 0},
		{"busy, half copied", busy(50), 0},
		{"busy, all copied", busy(100), 0},
		{"busy pad", func(f *file) { binary.LittleEndian.PutUint64(f.b[f.n:], busyBit); f.n += 8 }, 0},
		{"payload changed", func(f *file) { f.add(rec(99)); f.b[f.n-20] ^= 1 }, need},
		{"checksum changed", func(f *file) { f.add(rec(99)); f.b[f.n-need+5] ^= 1 }, need},
		{"length changed", func(f *file) { f.add(rec(99)); f.b[f.n-need] ^= 8 }, need},
		{"0xff", rubbish(0xff), 0}, // BUSY is set: taken for a frame that nobody finished
		{"0x01", rubbish(0x01), need},
		{"0x40", rubbish(0x40), need},
		{"text", rubbish('a'), need},
		{"frame from elsewhere", func(f *file) { copy(f.b[f.n:], f.b[headerSize:headerSize+need]); f.n += need }, need},
		{"frame inside a frame", func(f *file) {
			at := f.n
			inner := make([]byte, 200)
			binary.LittleEndian.PutUint64(inner[16:], frameWord(f.h.sum(rec(99)), 100, 0, f.h.base+at+wordSize+16))
			copy(inner[24:], rec(99))
			f.add(payload(0, 0, 0, 24)) // a good frame goes first so that the torn one is looked through
			f.n = at
			binary.LittleEndian.PutUint64(f.b[f.n:], 200|busyBit)
			copy(f.b[f.n+wordSize:], inner)
			f.n += frameSize(200)
		}, 0},
		{"frame of a length that reaches over the end", func(f *file) {
			binary.LittleEndian.PutUint64(f.b[f.n:], record.MaxPayload)
			f.n += 8
		}, 8},
		{"pad that reaches over the end", func(f *file) {
			binary.LittleEndian.PutUint64(f.b[f.n:], padWord(f.h.size, f.h.salt, f.h.base+f.n))
			f.n += 8
		}, 8},
		{"pad to the middle", func(f *file) {
			binary.LittleEndian.PutUint64(f.b[f.n:], padWord(64, f.h.salt, f.h.base+f.n))
			f.n += 64
		}, 0},
		{"pad of another place", func(f *file) {
			binary.LittleEndian.PutUint64(f.b[f.n:], padWord(64, f.h.salt, f.h.base+f.n+8))
			f.n += 64
		}, 64},
	}
}

// What a kill or a bad disk can leave in the middle of a segment.
func TestRecovery(t *testing.T) {
	for _, tt := range harms() {
		for _, kind := range []uint32{crc32c, crc32ieee} {
			t.Run(fmt.Sprint(tt.name, kind), func(t *testing.T) {
				f := newFile(1, 0, 1<<20)
				f.h.checksum = kind
				f.h.encode(f.b)
				copy(f.b, segmentMagic[:])
				f.add(rec(0))
				f.add(rec(1))
				tt.between(f)
				f.add(rec(2))
				f.add(rec(3))
				end := f.h.base + f.n
				r := deadRun(t, f).Reader(0)
				defer r.Close()
				got := readAll(t, r)
				if fmt.Sprint(got.numbers(t)) != "[0 1 2 3]" || got.status != End || len(got.gaps) != 0 {
					t.Errorf("records %v, status %d, gaps %v", got.numbers(t), got.status, got.gaps)
				}
				if r.FramesEnd() != end || r.Damaged != tt.damaged {
					t.Errorf("frames end at %d, want %d; %d bytes damaged, want %d", r.FramesEnd(), end, r.Damaged, tt.damaged)
				}
			})
		}
	}
}

// threeFiles are three full segments of ten records each.
func threeFiles() []*file {
	var list []*file
	const size = 64 << 10
	for i := range uint64(3) {
		f := newFile(i+1, i*size, size)
		for n := range 10 {
			f.add(rec(int(i)*10 + n))
		}
		f.pad()
		list = append(list, f)
	}
	return list
}

func span(from, to int) (list []int) {
	for n := from; n < to; n++ {
		list = append(list, n)
	}
	return list
}

// What can happen to whole files.
func TestRecoveryOfSegments(t *testing.T) {
	const size, data = 64 << 10, headerSize
	need := frameSize(100)
	tests := []struct {
		name   string
		change func(f []*file) []*file
		want   []int
		gaps   [][2]uint64
		status Status
		harm   bool // bytes that did not check
	}{
		{"nothing", func(f []*file) []*file { return f }, span(0, 30), nil, End, false},
		{"first missing", func(f []*file) []*file { return f[1:] }, span(10, 30), nil, End, false},
		{"middle missing", func(f []*file) []*file { return []*file{f[0], f[2]} }, append(span(0, 10), span(20, 30)...), [][2]uint64{{size, 2*size + data}}, End, false},
		{"last missing", func(f []*file) []*file { return f[:2] }, span(0, 20), nil, End, false},
		{"all missing", func(f []*file) []*file { return nil }, nil, nil, End, false},
		{"middle not born", func(f []*file) []*file { clear(f[1].b[:8]); return f }, append(span(0, 10), span(20, 30)...), [][2]uint64{{size, 2*size + data}}, End, false},
		{"last not born", func(f []*file) []*file { clear(f[2].b[:8]); return f }, span(0, 20), nil, End, false},
		{"empty file", func(f []*file) []*file { f[1].b = nil; return f }, append(span(0, 10), span(20, 30)...), [][2]uint64{{size, 2*size + data}}, End, false},
		{"header damaged", func(f []*file) []*file { f[1].b[33] ^= 1; return f }, append(span(0, 10), span(20, 30)...), [][2]uint64{{size, 2*size + data}}, End, false},
		{"magic damaged", func(f []*file) []*file { f[1].b[3] ^= 1; return f }, append(span(0, 10), span(20, 30)...), [][2]uint64{{size, 2*size + data}}, End, false},
		{"cut off at a frame", func(f []*file) []*file { f[1].b = f[1].b[:data+3*need]; return f }, append(span(0, 13), span(20, 30)...), nil, End, true},
		{"cut off in a word", func(f []*file) []*file { f[1].b = f[1].b[:data+3*need+4]; return f }, append(span(0, 13), span(20, 30)...), nil, End, true},
		{"cut off in a payload", func(f []*file) []*file { f[1].b = f[1].b[:data+4*need-20]; return f }, append(span(0, 13), span(20, 30)...), nil, End, true},
		{"cut off in the header", func(f []*file) []*file { f[1].b = f[1].b[:headerUsed]; return f }, append(span(0, 10), span(20, 30)...), nil, End, true},
		{"last cut off", func(f []*file) []*file { f[2].b = f[2].b[:data+3*need]; return f }, span(0, 23), nil, End, false},
		{"of another run", func(f []*file) []*file {
			f[1].h.run++
			f[1].h.encode(f[1].b)
			copy(f[1].b, segmentMagic[:])
			return f
		}, append(span(0, 10), span(20, 30)...), [][2]uint64{{size, 2*size + data}}, End, false},
		{"newer format", func(f []*file) []*file { f[2].b[8]++; return f }, nil, nil, Newer, false},
		{"checksum of the future", func(f []*file) []*file {
			f[2].h.checksum = 3
			f[2].h.encode(f[2].b)
			copy(f[2].b, segmentMagic[:])
			return f
		}, nil, nil, Newer, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			run := deadRun(t, tt.change(threeFiles())...)
			r := run.Reader(0)
			defer r.Close()
			got := readAll(t, r)
			if fmt.Sprint(got.numbers(t)) != fmt.Sprint(tt.want) || got.status != tt.status || fmt.Sprint(got.gaps) != fmt.Sprint(tt.gaps) {
				t.Errorf("records %v, want %v; gaps %v, want %v; status %d", got.numbers(t), tt.want, got.gaps, tt.gaps, got.status)
			}
			if (r.Damaged > 0) != tt.harm {
				t.Errorf("%d bytes damaged", r.Damaged)
			}
			if tt.status != Newer {
				return
			}
			passAll(run, 1<<40)
			if gone, err := run.FreeDelivered(1 << 40); gone || err == nil {
				t.Errorf("FreeDelivered: %v, %v", gone, err)
			}
			if err := run.Trim(0); err == nil {
				t.Error("Trim gives no error")
			}
			if held := run.Held(); held != 3*size {
				t.Errorf("%d bytes are left", held)
			}
		})
	}
}

// A file's name says nothing; a copy of a segment is not read twice.
func TestRenamedSegment(t *testing.T) {
	files := threeFiles()
	run := deadRun(t, files...)
	write(t, filepath.Join(run.path, segmentName(9)), files[1].b)
	write(t, filepath.Join(run.path, "copy.seg"), files[1].b)
	if err := os.Rename(filepath.Join(run.path, segmentName(3)), filepath.Join(run.path, segmentName(7))); err != nil {
		t.Fatal(err)
	}
	r := run.Reader(0)
	defer r.Close()
	got := readAll(t, r)
	got.inOrder(t, 0, 30)
}

// A resumed reader goes on where it was, tells what went meanwhile, and its end is
// never before where it began.
func TestResume(t *testing.T) {
	files := threeFiles()
	run := deadRun(t, files...)
	need := frameSize(100)
	r := run.Reader(files[0].h.data() + 3*need)
	got := readAll(t, r)
	got.inOrder(t, 3, 30)
	end := r.FramesEnd()
	r.Close()
	for _, from := range []uint64{end, end + 64<<10, 1 << 40} {
		r := run.Reader(from)
		if got := readAll(t, r); len(got.refs) != 0 || got.status != End || r.FramesEnd() < from {
			t.Errorf("from %d: %d records, end %d", from, len(got.refs), r.FramesEnd())
		}
		r.Close()
	}
	if err := os.Remove(filepath.Join(run.path, segmentName(1))); err != nil {
		t.Fatal(err)
	}
	from := files[0].h.data() + 3*need
	r = run.Reader(from)
	defer r.Close()
	got = readAll(t, r)
	got.inOrder(t, 10, 30)
	if want := [][2]uint64{{from, files[1].h.data()}}; fmt.Sprint(got.gaps) != fmt.Sprint(want) {
		t.Errorf("gaps %v, want %v", got.gaps, want)
	}
}

// A segment of words that each claim the longest frame, the worst that bytes can
// ask of the scan, is looked through in a bounded time.
func TestHostileSegmentIsCheap(t *testing.T) {
	f := newFile(1, 0, 4<<20)
	for n := uint64(headerSize); n < f.h.size; n += 8 {
		binary.LittleEndian.PutUint64(f.b[n:], record.MaxPayload-n%64)
	}
	f.frame(2<<20, rec(7))
	r := deadRun(t, f).Reader(0)
	defer r.Close()
	got := readAll(t, r)
	if fmt.Sprint(got.numbers(t)) != "[7]" {
		t.Errorf("records %v", got.numbers(t))
	}
}

// shift must agree with the checksum of the bytes themselves.
func TestShiftedChecksums(t *testing.T) {
	b := bytes.Repeat([]byte("girok spool 7\x00\xff"), 40_000)
	for kind, table := range map[uint32]*crc32.Table{crc32c: castagnoli, crc32ieee: crc32.IEEETable} {
		for _, n := range []int{0, 1, 7, 8, 1023, 1024, 1025, 65_536, record.MaxPayload - 1, record.MaxPayload} {
			for _, off := range []int{0, 8, 64, 4096} {
				want := crc32.Checksum(b[off:off+n], table)
				got := crc32.Checksum(b[:off+n], table) ^ shifts[kind]().shift(crc32.Checksum(b[:off], table), uint64(n))
				if got != want {
					t.Errorf("kind %d, %d bytes from %d: %#x, want %#x", kind, n, off, got, want)
				}
			}
		}
	}
}

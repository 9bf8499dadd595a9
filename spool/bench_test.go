package spool

import (
	"path/filepath"
	"testing"
)

// What an append costs beside a memcpy of the same bytes into a file mapping of
// the same size: compare the two of one run, and the ratio only. The bar is 5, the
// aim 4. Both go round in 8 MiB that are resident, so that neither pays for new
// files, pages or a reader.

const benchSize = 200

func BenchmarkAppend(b *testing.B) {
	s, err := Open(Options{Dir: b.TempDir(), Config: testConfig(), MaxBytes: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Seal()
	w := s.Writer()
	w.stopBackground()
	p := payload(3, 0, 0, benchSize)
	for w.cur.Load().size != fullSegment {
		mustAppend(b, w, p)
	}
	seg := w.cur.Load()
	seg.fill(seg.end())
	b.SetBytes(benchSize)
	b.ResetTimer()
	for range b.N {
		pos, err := w.Append(p)
		if err != nil {
			b.Fatal(err)
		}
		if pos > seg.end()-2*frameSize(benchSize) {
			w.tail.Store(tailAt(seg.seq, headerSize))
		}
	}
	b.StopTimer()
	clear(seg.mem[headerSize:])
	w.tail.Store(tailAt(seg.seq, headerSize))
}

func BenchmarkMemcpyMapped(b *testing.B) {
	_, mem, err := createMapped(filepath.Join(b.TempDir(), "file"), fullSegment)
	if err != nil {
		b.Skip("no mapping here: ", err)
	}
	defer unmapFile(mem)
	populate(mem)
	p := payload(3, 0, 0, benchSize)
	b.SetBytes(benchSize)
	b.ResetTimer()
	at := 0
	for range b.N {
		if at+int(frameSize(benchSize)) > len(mem) {
			at = 0
		}
		copy(mem[at:], p)
		at += int(frameSize(benchSize))
	}
}

func BenchmarkAppendParallel(b *testing.B) {
	s, err := Open(Options{Dir: b.TempDir(), Config: testConfig(), MaxBytes: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Seal()
	w := s.Writer()
	b.SetBytes(benchSize)
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		p := payload(3, 0, 0, benchSize)
		for pb.Next() {
			if pos, err := w.Append(p); err != nil {
				b.Fatal(err)
			} else if pos>>20 != (pos-frameSize(benchSize))>>20 {
				passAll(w.Run(), pos)
			}
		}
	})
}

// BenchmarkRead reads a dead run of the page cache: recovery's cost a record.
func BenchmarkRead(b *testing.B) {
	s, err := Open(Options{Dir: b.TempDir(), Config: testConfig(), MaxBytes: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	p := payload(3, 0, 0, benchSize)
	for range 200_000 {
		if _, err := s.Writer().Append(p); err != nil {
			b.Fatal(err)
		}
	}
	s.Seal()
	b.SetBytes(benchSize)
	r := s.Writer().Run().Reader(0)
	b.ResetTimer()
	for range b.N {
		if _, st := r.Next(); st == End {
			r.Close()
			r = s.Writer().Run().Reader(0)
		}
	}
	r.Close()
}

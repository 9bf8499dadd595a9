//go:build linux && girok_mount

package cuttest

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// segments is what a look at the runs' segment files saw, from outside of the
// program.
type segments struct {
	files  map[file]uint64 // the seq that its header has
	rolls  int             // headers that are newer than their run's before
	reused int             // of them in a file that had another one before
	last   time.Time       // of the last roll
}

// file is one file however it is named. Inodes are given again; the time of
// birth is not.
type file struct {
	run   string
	inode uint64
	born  unix.StatxTimestamp
}

// look finds what has changed. A segment counts once its header is complete.
func (s *segments) look(spool string) {
	if s.files == nil {
		s.files = map[file]uint64{}
	}
	paths, _ := filepath.Glob(filepath.Join(spool, "runs", "*", "*.seg"))
	for _, p := range paths {
		h, ok := readHeader(p)
		if !ok {
			continue
		}
		before, known := s.files[h.file]
		if known && before == h.seq {
			continue
		}
		s.files[h.file] = h.seq
		if h.seq == 1 {
			continue // the run was born with it
		}
		s.rolls++
		s.last = time.Now()
		if known {
			s.reused++
		}
	}
}

type header struct {
	file
	seq, size, base uint64
}

func readHeader(path string) (h header, ok bool) {
	f, err := os.Open(path)
	if err != nil {
		return h, false
	}
	defer f.Close()
	var st unix.Statx_t
	if err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_INO|unix.STATX_BTIME, &st); err != nil {
		return h, false
	}
	var b [40]byte
	if _, err := f.ReadAt(b[:], 0); err != nil || string(b[:8]) != "girokseg" {
		return h, false
	}
	at := func(i int) uint64 { return binary.LittleEndian.Uint64(b[i:]) }
	return header{file: file{filepath.Dir(path), st.Ino, st.Btime}, seq: at(16), size: at(24), base: at(32)}, true
}

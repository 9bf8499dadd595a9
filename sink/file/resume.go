package file

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// resume finds out how much of a batch is in that an earlier try, or an earlier
// process, had begun to write.
func (s *Spooled) resume(m, before mark, partial bool) (mark, error) {
	f := s.file
	found, err := s.find(&m, before)
	if err != nil {
		return mark{}, err
	}
	if !found {
		s.env.Log.Warn("the file that a batch was begun in is gone: writing the batch to a new one; what of it was in the old one is there twice, if that still exists", "file", f.path)
		return s.place(before)
	}
	size, err := f.size()
	if err != nil {
		return mark{}, err
	}
	if size < m.Size {
		s.env.Log.Warn("the file was cut while a batch was under way: writing the batch again", "file", f.path)
		return s.place(before)
	}
	if size >= m.Size+m.Length {
		sum, err := f.sum(m.Size, m.Length)
		if err != nil || sum == m.CRC {
			return m, err // all of it is in: nothing is left
		}
	}
	have, err := f.read(m.Size, min(size-m.Size, max(m.Length, int64(len(s.lines))+1)))
	if err != nil {
		return mark{}, err
	}
	m.Skip = min(m.Skip, int64(len(s.lines)))
	want := s.lines[m.Skip:]
	if m.Break {
		want = append([]byte{'\n'}, want...)
	}
	if !partial && int64(len(want)) == m.Length && crc32.Checksum(want, castagnoli) == m.CRC {
		return s.complete(m, want, have, size)
	}
	return s.replace(m, have, size, partial)
}

// complete goes on where a batch was torn.
func (s *Spooled) complete(m mark, want, have []byte, size int64) (mark, error) {
	n := int64(0)
	for n < int64(min(len(want), len(have))) && want[n] == have[n] {
		n++
	}
	if m.Size+n < size && m.Size+int64(len(have)) == size && len(bytes.Trim(have[n:], "\x00")) == 0 {
		// A power cut leaves zeros where the bytes had not come to the disk.
		if err := s.file.truncate(m.Size + n); err != nil {
			return mark{}, err
		}
		size = m.Size + n
	}
	if m.Size+n == size {
		s.left = want[n:]
		return m, nil
	}
	s.env.Log.Warn("somebody else has written to the file in the middle of a batch: one line may be torn, and comes again", "file", s.file.path)
	done := m.Skip + n
	if m.Break && n > 0 {
		done--
	}
	skip := max(m.Skip, int64(bytes.LastIndexByte(s.lines[:done], '\n')+1))
	torn, err := s.file.torn(size)
	return s.at(size, skip, torn), err
}

// replace goes on where a batch was torn whose bytes can't be made again: another
// version makes other lines of its records, or (partial) some of them are gone,
// and then what is in of those stays.
func (s *Spooled) replace(m mark, have []byte, size int64, partial bool) (mark, error) {
	skip := int64(bytes.LastIndexByte(s.lines[:m.Skip], '\n') + 1)
	cut := int64(0)
	if partial {
		cut = s.before(have)
	}
	if size <= m.Size+m.Length && m.Size+cut < size {
		if err := s.file.truncate(m.Size + cut); err != nil {
			return mark{}, err
		}
		size = m.Size + cut
	}
	torn, err := s.file.torn(size)
	return s.at(size, skip, torn && skip < int64(len(s.lines))), err
}

// before is how much of a torn batch lies before the first record that is left.
func (s *Spooled) before(have []byte) int64 {
	if first, _, ok := bytes.Cut(s.lines, []byte{'\n'}); ok {
		line := append(append([]byte{'\n'}, first...), '\n')
		if i := bytes.Index(append([]byte{'\n'}, have...), line); i >= 0 {
			return int64(i)
		}
	}
	return int64(bytes.LastIndexByte(have, '\n') + 1)
}

// find opens the file that holds the batch of m: at its path, under another name
// in its folder, or a copy at its path that goes on where the last batch ended.
func (s *Spooled) find(m *mark, before mark) (bool, error) {
	f := s.file
	if f.f != nil && f.inode == m.Inode {
		if st, err := f.f.Stat(); err != nil || linked(st) {
			return err == nil, err
		}
	}
	at, err := os.Stat(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if err == nil && inodeOf(at) == m.Inode {
		return true, f.use(f.path, *m)
	}
	dir := filepath.Dir(f.path)
	entries, rerr := os.ReadDir(dir)
	if rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
		return false, rerr
	}
	for _, e := range entries {
		if st, err := e.Info(); err == nil && st.Mode().IsRegular() && inodeOf(st) == m.Inode {
			return true, f.use(filepath.Join(dir, e.Name()), *m)
		}
	}
	if err != nil || at.Size() < m.Size || before.Length == 0 || before.Size+before.Length > m.Size {
		return false, nil
	}
	if err := f.use(f.path, *m); err != nil {
		return false, err
	}
	sum, err := f.sum(before.Size, before.Length)
	if err != nil || sum != before.CRC {
		return false, err
	}
	s.env.Log.Info("the file is a copy of the one that was written: going on in it", "file", f.path)
	m.Inode = f.inode
	return true, nil
}

// sum is the checksum of a part of the file.
func (o *owned) sum(at, n int64) (uint32, error) {
	h := crc32.New(castagnoli)
	_, err := io.Copy(h, io.NewSectionReader(o.f, at, n))
	return h.Sum32(), err
}

// read reads a part of the file.
func (o *owned) read(at, n int64) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(io.NewSectionReader(o.f, at, n), b)
	return b, err
}

func (o *owned) truncate(size int64) error {
	o.end = -1
	return o.f.Truncate(size)
}

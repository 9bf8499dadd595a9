package spool

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"sync"

	"github.com/girok/girok/internal/rights"
)

// The plain writer is for systems where a mapping can't be had as it is needed:
// the same files, written with one call a frame. Appends take turns, so frames
// are committed in their order and there are no holes; a kill in the middle of a
// call leaves a file that ends within its last frame, which is none.

// newPlainSegment makes segment h in a new file, which grows as it is written.
func newPlainSegment(path string, h header) (*segment, error) {
	s := &segment{header: h.renew(), path: path, walked: h.data()}
	f, err := rights.OpenFile(path, os.O_RDWR|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	b := make([]byte, headerSize)
	s.encode(b)
	if _, err := f.Write(b); err != nil {
		f.Close()
		os.Remove(path)
		return nil, err
	}
	s.f = f
	return s, nil
}

// commitPlain is commit for the plain writer.
func (w *Writer) commitPlain(payload []byte, force bool) (pos uint64, err error) {
	sum := crc32.Checksum(payload, castagnoli)
	need := frameSize(len(payload))
	w.mu.Lock()
	for {
		t := w.tail.Load()
		if t&sealed != 0 {
			w.mu.Unlock()
			return w.Tail(), ErrClosed
		}
		seg, at := w.cur.Load(), t&offsetMask
		pos = seg.base + at
		if at+need > seg.size {
			if err = w.endPlain(seg, at); err == nil {
				err = w.rollOn(seg, force)
			}
		} else if err = seg.write(pos, frameWord(sum, len(payload), seg.salt, pos), payload); err == nil {
			seg.frames++ // nobody walks over them
			w.tail.Store(t + need)
			w.mu.Unlock()
			break
		}
		if err != nil {
			w.mu.Unlock()
			return pos, err
		}
	}
	if shift := kickShift(w.size); w.asleep.Load() || pos>>shift != (pos+need)>>shift {
		w.wake()
	}
	if w.disk {
		w.syncer.wait(pos + need)
	}
	return pos, nil
}

// endPlain writes the PAD that ends a segment, once. The caller holds mu.
func (w *Writer) endPlain(seg *segment, at uint64) error {
	if at == seg.size || seg.padded {
		return nil
	}
	pos := seg.base + at
	if err := seg.write(pos, padWord(seg.end()-pos, seg.salt, pos), nil); err != nil {
		return err
	}
	seg.padded = true
	return nil
}

var plainBuffers = sync.Pool{New: func() any { return new([]byte) }}

// write writes one frame, or takes what it could write of it back.
func (s *segment) write(pos, word uint64, payload []byte) error {
	buf := plainBuffers.Get().(*[]byte)
	defer plainBuffers.Put(buf)
	b := binary.LittleEndian.AppendUint64((*buf)[:0], word)
	b = append(b, payload...)
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	*buf = b
	at := int64(pos - s.base)
	if _, err := s.f.WriteAt(b, at); err != nil {
		_ = s.f.Truncate(at) // on a full disk this succeeds; a torn frame is none in any case
		return err
	}
	return nil
}

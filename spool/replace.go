package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/girok/girok/record"
)

// homeless reports whether the run's folder is gone: somebody has removed it under
// the program. What is mapped is still there, until the program ends.
func (w *Writer) homeless() bool {
	if w.run.path == "" {
		return false
	}
	_, err := os.Lstat(filepath.Join(w.run.path, configFile))
	return isGone(err)
}

// isGone reports whether an error says that a path is not there any more.
func isGone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) }

// rescue begins a new run where the folder of w's is gone, and reports whether
// there is another run to append to.
func (s *Spool) rescue(w *Writer) bool {
	s.moving.Lock()
	defer s.moving.Unlock()
	a := s.Appender()
	if a.cur.Load() != w {
		return true
	}
	select {
	case <-s.stop:
		return false
	default:
	}
	if !w.homeless() || w.run.Removed() {
		return false
	}
	next, err := s.birth(a.config)
	if err != nil {
		s.report(Event{Kind: EventDegraded, Err: fmt.Errorf("%s is gone, and no new run can be made: %w", w.run.path, err)})
		next = s.memoryRun(a.config)
		s.restored.Go(func() { s.restore(a) })
	} else {
		s.report(Event{Kind: EventDisk, Err: fmt.Errorf("%s is gone: somebody has removed it; going on in a new run, and what is still mapped of the old one is delivered", w.run.path)})
	}
	w.countGone()
	s.succeed(a, next)
	return true
}

// succeed makes next the run to append to; the one of before is delivered to its
// end. The caller holds moving.
func (s *Spool) succeed(a *Appender, next *Writer) {
	next.start()
	s.mu.Lock()
	old := a.cur.Swap(next)
	s.retired = append(s.retired, old)
	s.mu.Unlock()
	s.restored.Go(func() { // the background of old may be what calls
		old.finish()
		if s.opts.WriteOnly {
			s.carry(old, next)
		}
	})
	s.notify()
}

// carry copies what handlers still need of a run in memory, or without a folder,
// to one on disk.
func (s *Spool) carry(old, next *Writer) {
	for !old.finished.Load() { // an append stands still
		select {
		case <-s.stop:
			old.finished.Store(true)
		default:
			time.Sleep(stallPoll)
		}
	}
	r := old.run.Reader(0)
	defer r.Close()
	for f, st := r.Next(); st == Frame || st == Gap; f, st = r.Next() {
		if st == Gap {
			continue // counted when it went
		}
		mask := f.Mask()
		for _, h := range old.run.Config.Handlers {
			if old.run.count.Slot(h.Bit).Delivered() > f.Position {
				mask &^= 1 << h.Bit
			}
		}
		if mask == 0 {
			continue
		}
		if !record.IsRequest(f.Payload) {
			record.SetMask(f.Payload, mask)
		}
		_, _ = next.Append(f.Payload) // counted as lost, if it can't be taken
	}
	old.run.gone()
}

// countGone counts what the handlers lose with the segments of a run without a
// folder that are not mapped any more. Nobody can tell which of their records were
// for whom: they count for each handler.
func (w *Writer) countGone() {
	w.mu.Lock()
	defer w.mu.Unlock()
	var most uint64
	for _, s := range w.segs {
		if !s.unmapped {
			continue
		}
		gone := false
		for _, h := range w.run.Config.Handlers {
			if slot := w.run.count.Slot(h.Bit); slot.FreeBelow() < s.end() {
				slot.addLost(s.frames, s.data(), s.end())
				gone = true
			}
		}
		if gone {
			most += s.frames
		}
	}
	if most > 0 {
		w.spool.lost(errGone, most)
	}
}

var errGone = errors.New("spool: somebody has removed its files")

// mappedSegments lists the segments of an own run whose files can still be read
// though their names are gone.
func (w *Writer) mappedSegments() (list []segmentFile) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.segs {
		if s.f != nil && !s.unmapped {
			list = append(list, segmentFile{header: s.header})
		}
	}
	return list
}

// openMapped opens the file of such a segment once more.
func (w *Writer) openMapped(seq uint64) (*os.File, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.segs {
		if s.seq == seq && s.f != nil && !s.unmapped {
			return duplicate(s.f)
		}
	}
	return nil, fs.ErrNotExist
}

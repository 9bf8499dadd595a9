package spool

import (
	"os"
	"path/filepath"
	"time"
)

// segmentSize is that of a full segment: an eighth of the limit at most.
func (s *Spool) segmentSize() uint64 {
	if s.opts.segment > 0 {
		return s.opts.segment
	}
	size := uint64(fullSegment)
	if m := s.opts.MaxBytes; m > 0 {
		size = min(size, max(uint64(m)/8, minSegment))
	}
	return size &^ 4095
}

// Share is how many bytes of the run an open batch may hold back: an eighth of what the
// service may have, so that what is being collected does not go to make room. 0: its
// writer has not said what that is.
func (r *Run) Share() uint64 { return r.Counters().load(limitOffset) / 8 }

// over reports whether a segment of n bytes more would exceed the limit. Two
// segments of the own run are always allowed.
func (s *Spool) over(own *Run, n int64) bool {
	w := own.writer
	if len(w.spare) > 0 {
		n = 0 // it takes the place of a spare one
	}
	var held int64
	for _, list := range [][]*segment{w.segs, w.spare} {
		for _, seg := range list {
			held += int64(seg.size)
		}
	}
	if len(w.segs) < 2 {
		return false
	}
	if own.path == "" {
		return held+n > memoryLimit
	}
	limit := s.limit.Load()
	if limit == 0 {
		limit = defaultLimit // until Account has looked at the disk
	}
	return held+s.others.Load()+n > limit
}

// Account looks at what the service's other runs hold, and when no limit is
// configured at the disk. Whoever delivers calls it now and then.
func (s *Spool) Account() {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	s.account()
}

// account is Account for a caller that holds room.mu.
func (s *Spool) account() {
	if s.dir == "" || s.Degraded() {
		return
	}
	begin := time.Now()
	entries, _ := os.ReadDir(filepath.Join(s.dir, "runs"))
	var held int64
	own := s.Writer().run.path
	for _, e := range entries {
		path := filepath.Join(s.dir, "runs", e.Name())
		if path != own {
			held += heldIn(path)
		}
	}
	s.others.Store(held)
	if s.room.looked.IsZero() {
		s.room.floor = held
	}
	s.room.looked = time.Now()
	s.room.took = s.room.looked.Sub(begin)
	if s.opts.MaxBytes == 0 {
		if d, err := LookDisk(s.dir); err == nil {
			limit := min(defaultLimit, int64(d.Free+uint64(held))/10)
			s.limit.Store(max(limit, 4*fullSegment, s.room.floor+2*fullSegment))
		}
	}
	s.Writer().run.count.setLimit(s.limit.Load())
}

// Limit is the most that the service's segments may take, in bytes.
func (s *Spool) Limit() int64 { return s.limit.Load() }

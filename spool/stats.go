package spool

// Stats is how the spool of a service fares. Counts are those of this process;
// they begin at Open and only grow.
type Stats struct {
	Held  int64 // bytes that segments take, of other runs as of the last Account
	Limit int64 // bytes that they may take; in memory that of the ring
	Runs  int   // that have a folder, living and dead
	// Unreadable is how many of them this program can't read: damaged, or of a newer
	// girok.
	Unreadable int
	Degraded   bool // records stay in memory
	// Records and Bytes were appended, with what the frames have beside their
	// records. The background counts: they may be a tenth of a second old.
	Records, Bytes uint64
	Lost           uint64 // records that could not be kept, or went to make room
	Evicted        uint64 // of them, those that went to make room
	Refused        uint64 // appends that were given back to a source, which tries again
}

// Stats tells how the spool fares.
func (s *Spool) Stats() Stats {
	st := Stats{
		Limit: s.Limit(), Degraded: s.Degraded(),
		Lost: s.losses.Load(), Evicted: s.evicted.Load(), Refused: s.refused.Load(),
	}
	s.mu.Lock()
	s.prune()
	st.Records, st.Bytes = s.past.Records, s.past.Bytes
	writers := s.writers()
	st.Unreadable = len(s.bad)
	s.mu.Unlock()
	for _, w := range writers {
		n, bytes := w.appended()
		st.Records += n
		st.Bytes += bytes
		if w.run.path == "" || w == s.Writer() { // the others are looked at by Account
			st.Held += w.run.Held()
		}
	}
	switch {
	case st.Degraded:
		st.Limit = memoryLimit
		return st
	case st.Limit == 0:
		st.Limit = defaultLimit // until Account has looked at the disk
	}
	st.Held += s.others.Load()
	if ids, err := s.Present(); err == nil {
		st.Runs = len(ids)
	}
	return st
}

// appended is how many frames the writer has taken, and their bytes.
func (w *Writer) appended() (frames, bytes uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	frames = w.dropped
	for _, s := range w.segs {
		frames += s.frames
	}
	return frames, w.Tail() - headerSize*w.segs[len(w.segs)-1].seq
}

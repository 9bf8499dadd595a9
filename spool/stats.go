package spool

import (
	"maps"
	"slices"
)

// Stats is how the spool of a service fares. Counts are those of this process;
// they begin at Open and only grow.
type Stats struct {
	Held  int64 // bytes that segments take, of other runs as of the last Account
	Limit int64 // bytes that they may take; in memory that of the ring; with OnlyDelivers 0: not known
	Runs  int   // that have a folder, living and dead
	// Unreadable is how many of them this program can't read: damaged, or of a newer
	// girok.
	Unreadable int
	Degraded   bool // records stay in memory
	// OnlyDelivers is that this process has had nothing to append: the run that it began
	// does not count, Limit is what the programs say that write, the least of those that
	// live, and what follows stays 0.
	OnlyDelivers bool
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
	others := slices.Collect(maps.Values(s.known))
	s.mu.Unlock()
	for _, w := range writers {
		n, bytes := w.appended()
		st.Records += n
		st.Bytes += bytes
		if w.run.path == "" || w == s.Writer() { // the others are looked at by Account
			st.Held += w.run.Held()
		}
	}
	st.OnlyDelivers = st.Records == 0 && len(s.Appender().config.Handlers) == 0
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
	if st.OnlyDelivers {
		st.Runs = max(st.Runs-len(writers), 0)
		st.Limit = s.saidLimit(others)
	}
	return st
}

// saidLimit is what the service may take by those who write: the least of what living
// runs say, else what they said last; 0 if none has said it.
func (s *Spool) saidLimit(runs []*Run) int64 {
	var least uint64
	for _, r := range runs {
		if len(r.Config.Handlers) == 0 || !r.Alive() {
			continue // who has nothing to write does not know it
		}
		if n := r.Counters().load(limitOffset); n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
	if least > 0 {
		s.said.Store(int64(least))
	}
	return s.said.Load()
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

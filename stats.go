package girok

import (
	"sort"

	"github.com/girok/girok/deliver"
	"github.com/girok/girok/source"
	"github.com/girok/girok/spool"
)

// Stats is how a program's logging fares. Counts are those of this process: they
// begin at Open and only grow.
type Stats struct {
	Handlers []HandlerStats // that are spooled, by name
	Direct   []DirectStats  // that write in the call, by name
	Spool    *SpoolStats    // nil if no handler is spooled
	Sources  []SourceStats  // by name
}

// HandlerStats is how one spooled handler fares.
type HandlerStats = deliver.Stat

// SpoolStats is how the spool fares.
type SpoolStats = spool.Stats

// DirectStats is how one handler fares that writes in the call. Of a handler that a
// reload has changed the counts begin anew, and one that it has taken away is gone.
type DirectStats struct {
	Handler string
	Written uint64 // records
	Failed  uint64 // records that could not be written whole, dropped ones among them
	Dropped uint64 // records that a console with mode: drop dropped
}

// SourceStats is how one source fares.
type SourceStats struct {
	Source  string
	Read    uint64 // lines or requests taken from senders
	Spooled uint64 // records of them that came into the spool
	Waits   uint64 // times that a full spool made the sender wait
}

// Stats tells how handlers, spool and sources fare. Nothing of it is counted in
// a log call into the spool; what waits is looked at when it is asked for, which
// takes some microseconds for each run with a backlog.
func (l *Logs) Stats() Stats {
	var s Stats
	if store := l.spool.Load(); store != nil {
		sp := store.Stats()
		s.Spool = &sp
		if d := l.deliver.Load(); d != nil {
			s.Handlers = d.Stats()
		}
	}
	for _, h := range l.blue.Load().sorted() {
		if c, ok := h.tree.Direct.(counter); ok && !h.spooled {
			d := DirectStats{Handler: h.name, Written: c.Written(), Failed: c.Failed()}
			if c, ok := c.(interface{ Dropped() uint64 }); ok {
				d.Dropped = c.Dropped()
			}
			s.Direct = append(s.Direct, d)
		}
	}
	l.counts.Range(func(name, counts any) bool {
		c := counts.(*source.Counts)
		s.Sources = append(s.Sources, SourceStats{Source: name.(string), Read: c.Read.Load(), Spooled: c.Spooled.Load(), Waits: c.Waits.Load()})
		return true
	})
	sort.SliceStable(s.Sources, func(i, j int) bool { return s.Sources[i].Source < s.Sources[j].Source })
	return s
}

// counter is a direct handler that counts.
type counter interface {
	Written() (records uint64)
	Failed() (records uint64)
}

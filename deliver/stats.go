package deliver

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/spool"
)

// Stat is how one handler fares, as far as this process knows. Counts begin at
// its start and only grow.
type Stat struct {
	Handler string
	Target  string // where in its destination the rows go; "" if no class of this program can tell
	Holds   bool   // this process delivers for all programs on the machine

	State spool.State
	Cause string // why it does not deliver, whole; "" if it does

	Records uint64 // delivered
	Bytes   uint64 // of their frames
	Batches uint64
	Retries uint64 // tries after the first of a batch, for whatever cause
	Letters uint64 // records set aside as dead letters
	Lost    uint64 // records that were gone before the handler had read them
	Earlier uint64 // of them, those of runs that other processes wrote
	Damaged uint64 // bytes of the spool that did not check and were stepped over
	Errors  Errors
	// LastSuccess is when the destination took something last; the zero time if
	// it never did.
	LastSuccess time.Time

	Waiting  Waiting
	BatchAge time.Duration // how long a batch may stay open
}

// Errors counts the answers of a destination that were not success, by what
// they meant.
type Errors struct {
	Retry    uint64 // not now: the same batch was sent again
	Rejected uint64 // rows were at fault
	Refused  uint64 // the destination refused everything
	Fenced   uint64 // somebody else moves the positions
}

// Waiting is what a handler has still to take: in all runs that this process
// knows if it holds the destination, else in its own.
type Waiting struct {
	Bytes uint64 // of the spool that the handler has not passed
	// Records is exact below 256 KiB, and beyond that reckoned from how many
	// there are in the first 256 KiB.
	Records uint64
	Since   time.Time // time of the oldest; zero if nothing waits
}

func (w *Waiting) add(o Waiting) {
	w.Bytes += o.Bytes
	w.Records += o.Records
	if w.Since.IsZero() || !o.Since.IsZero() && o.Since.Before(w.Since) {
		w.Since = o.Since
	}
}

// Stats tells how each handler fares, by name and target. It reads what waits
// of the spool, up to 256 KiB of each of a few runs.
func (d *Deliverer) Stats() []Stat { return d.stats(true) }

// Sizes is Stats without a look into the spool: of what waits it tells only the
// bytes.
func (d *Deliverer) Sizes() []Stat { return d.stats(false) }

func (d *Deliverer) stats(read bool) (all []Stat) {
	d.statsMu.Lock()
	defer d.statsMu.Unlock()
	for _, l := range d.lanes() {
		all = addStat(all, l.stat(read))
	}
	for _, s := range d.past {
		s.Holds = slices.ContainsFunc(all, func(o Stat) bool { return o.Handler == s.Handler && o.Target == s.Target && o.Holds })
		all = addStat(all, s)
	}
	for _, c := range d.undeliverable() {
		s := Stat{Handler: c.run.Handler(c.bit).Name, State: spool.Refused, Cause: c.why.Error()}
		s.Lost, _, _ = c.slot().Lost()
		s.Waiting = waitingOf([]*cursor{c.cursor}, read)
		all = addStat(all, s)
	}
	sort.SliceStable(all, func(i, j int) bool {
		a, b := &all[i], &all[j]
		return cmp.Or(cmp.Compare(a.Handler, b.Handler), cmp.Compare(a.Target, b.Target)) < 0
	})
	return all
}

// addStat adds s, or joins it to one of the same name and target: a handler has
// two lanes where a run in memory and one on disk are delivered side by side.
func addStat(all []Stat, s Stat) []Stat {
	i := slices.IndexFunc(all, func(o Stat) bool { return o.Handler == s.Handler && o.Target == s.Target })
	if i < 0 {
		return append(all, s)
	}
	o := &all[i]
	o.Holds = o.Holds && s.Holds
	if s.State > o.State {
		o.State, o.Cause = s.State, s.Cause
	}
	o.Records += s.Records
	o.Bytes += s.Bytes
	o.Batches += s.Batches
	o.Retries += s.Retries
	o.Letters += s.Letters
	o.Lost += s.Lost
	o.Earlier += s.Earlier
	o.Damaged += s.Damaged
	o.Errors.Retry += s.Errors.Retry
	o.Errors.Rejected += s.Errors.Rejected
	o.Errors.Refused += s.Errors.Refused
	o.Errors.Fenced += s.Errors.Fenced
	if s.LastSuccess.After(o.LastSuccess) {
		o.LastSuccess = s.LastSuccess
	}
	o.Waiting.add(s.Waiting)
	return all
}

// Backlog is what one handler has still to take of one run.
type Backlog struct {
	Run     *spool.Run
	Handler string
	Bytes   uint64
	State   spool.State
	Cause   string // why it does not move; "" if it does
	Tried   bool   // that is what this process has met; else what the run's page says
	Remedy  string // what to do, where it is no destination that refuses; else ""
	Holder  string // the other process that delivers it; "" if none does, or this one
}

// Backlog lists what waits in the own runs and in those whose writers are dead,
// oldest run first.
func (d *Deliverer) Backlog() []Backlog {
	return d.backlog(false, func(c *cursor) uint64 {
		if !c.run.Own() && c.run.Alive() {
			return 0
		}
		return c.waiting()
	})
}

// backlog lists what waits, which waiting tells of each run and handler; with the
// process that delivers it, if others says so.
func (d *Deliverer) backlog(others bool, waiting func(*cursor) uint64) (list []Backlog) {
	d.scan()
	d.statsMu.Lock()
	defer d.statsMu.Unlock()
	add := func(c *cursor, st spool.State, cause, foreign, remedy, holder string) {
		n := waiting(c)
		if n == 0 {
			return
		}
		if c.newer.Load() {
			st, cause = spool.Refused, "a newer girok wrote it: use a newer one to deliver it"
		}
		if why := c.unread.Load(); why != nil {
			st, cause = spool.Retrying, *why
		}
		b := Backlog{Run: c.run, Handler: c.run.Handler(c.bit).Name, Bytes: n, State: st, Cause: cause, Tried: st != spool.Delivering}
		if !b.Tried {
			b.State, b.Cause = c.slot().State()
			b.Cause = cmp.Or(b.Cause, foreign)
		}
		b.Remedy, b.Holder = remedy, holder
		list = append(list, b)
	}
	for _, l := range d.lanes() {
		st, cause := spool.State(l.stats.state.Load()), l.cause()
		foreign := ""
		if _, waits := l.dest.ownProgress(); waits && !l.dest.holds() {
			foreign = "another process delivers to it: " + l.dest.holder()
		}
		holder := ""
		if others {
			holder = l.dest.heldBy()
		}
		for _, c := range l.all() {
			add(c, st, cause, foreign, "", holder)
		}
	}
	for _, c := range d.undeliverable() {
		add(c.cursor, spool.Refused, c.why.Error(), "", c.remedy, "")
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := list[i].Run, list[j].Run
		return cmp.Or(a.Config.Created.Compare(b.Config.Created), cmp.Compare(a.ID, b.ID)) < 0
	})
	return list
}

// all lists the runs that the lane has or was given.
func (l *lane) all() []*cursor {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append(slices.Clone(l.runs), l.fresh...)
}

func (d *Deliverer) undeliverable() []stranded {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.nobody)
}

// counts are the numbers of a lane that only grow. The caller holds statsMu.
func (l *lane) counts() Stat {
	st := &l.stats
	s := Stat{
		Handler: l.handler, Target: l.target,
		Records: st.records.Load(), Bytes: st.bytes.Load(), Batches: st.batches.Load(), Letters: st.letters.Load(), Earlier: st.lost.Load(), Damaged: st.damaged.Load(),
		Errors: Errors{Retry: st.retries.Load(), Rejected: st.rejected.Load(), Refused: st.refused.Load(), Fenced: st.fenced.Load()},
	}
	if at := st.succeeded.Load(); at != 0 {
		s.LastSuccess = time.Unix(0, at)
	}
	s.Retries = s.Errors.Retry + s.Errors.Refused
	s.Lost = s.Earlier + l.ownLost
	return s
}

func (l *lane) stat(read bool) Stat {
	runs := l.all()
	l.countLost(runs)
	s := l.counts()
	s.Holds, s.State, s.Cause = l.dest.holds(), spool.State(l.stats.state.Load()), l.cause()
	if len(runs) > 0 {
		s.BatchAge = time.Duration(runs[0].cfg.Limits().Age)
	}
	if !s.Holds {
		runs = slices.DeleteFunc(runs, func(c *cursor) bool { return !c.run.Own() })
	}
	s.Waiting = waitingOf(runs, read)
	return s
}

// countLost counts what the own runs have lost. The caller holds statsMu.
func (l *lane) countLost(runs []*cursor) {
	own := uint64(0)
	for _, c := range runs {
		if c.run.Own() {
			n, _, _ := c.slot().Lost()
			own += n
		}
	}
	l.ownLost = max(l.ownLost, own) // a run that is gone had its losses too
}

// holds reports whether this process has the destination's lock.
func (dest *destination) holds() bool {
	select {
	case <-dest.held:
		return true
	default:
		return false
	}
}

// look is what Stats remembers of a run and handler, so that a run that does not
// move is not read again. Guarded by statsMu.
type look struct {
	end   uint64 // of a dead run; 0: not known
	at    uint64 // where the handler stood
	bytes uint64
	seen  *sight
}

// sight is what stands at the beginning of what waits.
type sight struct {
	records uint64
	bytes   uint64    // in which they are
	whole   bool      // that is all that waits
	since   time.Time // of the first
}

const (
	// sightBytes is how much of what waits is read to count its records, and
	// sightMost where it has none for the handler.
	sightBytes = 256 << 10
	sightMost  = 4 << 20
	// sights is how many runs of a handler are looked at: the oldest.
	sights = 8
)

// waitingOf is what waits in runs, which are sorted by age; records and times only
// if read.
func waitingOf(runs []*cursor, read bool) (w Waiting) {
	var blind uint64 // bytes in runs that were not looked at
	var records, bytes, looked uint64
	for _, c := range runs {
		n := c.waiting()
		if n == 0 {
			continue
		}
		if w.Bytes += n; !read {
			continue
		}
		if looked++; looked > sights && !c.run.Own() {
			blind += n
			continue
		}
		s := c.sight()
		records, bytes = records+s.records, bytes+s.bytes
		w.add(Waiting{Records: s.reckon(n), Since: s.since})
	}
	if bytes > 0 {
		w.Records += blind * records / bytes
	}
	return w
}

// waiting is how many bytes the handler has not passed.
func (c *cursor) waiting() uint64 {
	k, run := &c.look, c.run
	alive := run.Alive()
	end := k.end
	if end == 0 {
		if end = run.End(); !alive {
			k.end = end
		}
	}
	at := c.slot().Delivered()
	if at >= end {
		*k = look{end: k.end}
		return 0
	}
	if !alive && k.at == at && k.bytes > 0 {
		return k.bytes
	}
	if k.at != at || alive && k.seen != nil && k.seen.whole {
		k.seen = nil
	}
	k.at, k.bytes = at, run.Waiting(c.bit, end)
	return k.bytes
}

// sight looks at the beginning of what waits.
func (c *cursor) sight() *sight {
	if c.look.seen != nil {
		return c.look.seen
	}
	s := &sight{}
	c.look.seen = s
	r := c.run.Reader(c.look.at)
	defer r.Close()
	var v record.View
	for {
		ref, st := r.Next()
		switch st {
		case spool.Frame:
			s.bytes += ref.Next - ref.Position
			if ref.Mask()&(1<<c.bit) == 0 {
				continue
			}
			for _, p := range ref.Records() {
				if v.Parse(p) != nil || v.Mask&(1<<c.bit) == 0 {
					continue
				}
				if s.records++; s.since.IsZero() {
					s.since = v.Time()
				}
			}
		case spool.Gap:
		default:
			s.whole = true
			return s
		}
		if s.bytes >= sightMost || s.bytes >= sightBytes && s.records > 0 {
			return s
		}
	}
}

// reckon is how many records there are in n bytes.
func (s *sight) reckon(n uint64) uint64 {
	if s.whole || s.bytes == 0 {
		return s.records
	}
	return n * s.records / s.bytes
}

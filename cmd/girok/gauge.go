package main

import (
	"sort"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/spool"
)

// gauge counts the records of one run as they come, so that what waits for each
// handler is known without reading all of it again.
type gauge struct {
	run   *spool.Run
	rd    *spool.Reader
	total []uint64 // records so far, by handler
	marks []mark   // by position; the last is where the reader stands
	last  *reading
}

// mark is how many records of each handler lie below a position, which is the
// edge of a frame.
type mark struct {
	position uint64
	records  []uint64
}

// markEvery is how far marks lie apart, in bytes: what lies between two is read
// again when a handler stands there.
const markEvery = 64 << 10

// reading is how a run stands at one moment.
type reading struct {
	at       time.Time
	end      uint64
	written  uint64 // records
	handlers []handlerReading
}

type handlerReading struct {
	delivered uint64    // position
	passed    uint64    // records
	waiting   uint64    // records
	oldest    time.Time // of those that wait
}

func newGauge(r *spool.Run) *gauge {
	from := ^uint64(0)
	for _, h := range r.Config.Handlers {
		from = min(from, r.Counters().Slot(h.Bit).Delivered())
	}
	if len(r.Config.Handlers) == 0 {
		from = 0
	}
	g := &gauge{run: r, rd: r.Reader(from), total: make([]uint64, len(r.Config.Handlers))}
	g.mark(from)
	return g
}

func (g *gauge) mark(at uint64) {
	g.marks = append(g.marks, mark{at, append([]uint64(nil), g.total...)})
}

// read counts what has come, at most up to where the run ends now.
func (g *gauge) read() {
	for end := g.run.End(); g.rd.Position() < end; {
		ref, st := g.rd.Next()
		switch st {
		case spool.Frame:
			g.add(ref)
		case spool.Gap:
			g.mark(g.rd.GapTo)
		default:
			return
		}
	}
}

func (g *gauge) add(ref spool.Ref) {
	record.Masks(ref.Payload, func(mask uint64) {
		for i, h := range g.run.Config.Handlers {
			g.total[i] += mask >> h.Bit & 1
		}
	})
	if ref.Next-g.marks[len(g.marks)-1].position >= markEvery {
		g.mark(ref.Next)
	}
}

// below is how many records of handler i lie below a position that it has
// reached.
func (g *gauge) below(i int, position uint64) uint64 {
	if position >= g.rd.Position() {
		return g.total[i]
	}
	at := sort.Search(len(g.marks), func(j int) bool { return g.marks[j].position > position }) - 1
	if at < 0 {
		return g.marks[0].records[i]
	}
	m := g.marks[at]
	n, bit := m.records[i], g.run.Config.Handlers[i].Bit
	rd := g.run.Reader(m.position)
	defer rd.Close()
	for {
		ref, st := rd.Next()
		if st != spool.Frame || ref.Position >= position {
			return n
		}
		record.Masks(ref.Payload, func(mask uint64) { n += mask >> bit & 1 })
	}
}

// reading looks how the run stands now.
func (g *gauge) reading() *reading {
	g.read()
	r := &reading{at: time.Now(), end: g.run.End()}
	lowest := g.rd.Position()
	for i, h := range g.run.Config.Handlers {
		hr := handlerReading{delivered: g.run.Counters().Slot(h.Bit).Delivered()}
		hr.passed = g.below(i, hr.delivered)
		if hr.waiting = g.total[i] - min(hr.passed, g.total[i]); hr.waiting > 0 {
			hr.oldest = g.oldest(hr.delivered, h.Bit)
		}
		lowest = min(lowest, hr.delivered)
		r.written = max(r.written, g.total[i])
		r.handlers = append(r.handlers, hr)
	}
	for len(g.marks) > 1 && g.marks[1].position <= lowest {
		g.marks = g.marks[1:]
	}
	return r
}

// oldest is the time of the first record for a handler from a position on.
func (g *gauge) oldest(from uint64, bit int) time.Time {
	rd := g.run.Reader(from)
	defer rd.Close()
	var v record.View
	for {
		ref, st := rd.Next()
		switch {
		case st == spool.Gap:
			continue
		case st != spool.Frame:
			return time.Time{}
		case ref.Mask()&(1<<bit) == 0:
			continue
		}
		for _, payload := range ref.Records() {
			if v.Parse(payload) == nil {
				return v.Time()
			}
		}
	}
}

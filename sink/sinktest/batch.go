package sinktest

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// Record is one record to be written; what is left out gets a plain value.
type Record struct {
	Time    time.Time
	Kind    record.Kind
	Level   record.Level
	Logger  string
	Message string
	Source  string
	ID      string // an id that it brings with it
	Caller  record.Caller
	Attrs   []slog.Attr
}

// Log is a record with a message and attributes, at level INFO.
func Log(message string, attrs ...slog.Attr) Record {
	return Record{Level: record.Info, Logger: "test.logger", Message: message, Attrs: attrs}
}

// At is the time of records that have none.
var At = time.Date(2026, 11, 25, 20, 32, 58, 123456789, time.UTC)

// Payload encodes a record as a program would.
func (r Record) Payload() []byte {
	if r.Time.IsZero() {
		r.Time = At
	}
	e := record.NewEncoder(nil)
	defer e.Release()
	e.Begin(&record.Header{Mask: 1, Kind: r.Kind, Level: r.Level, Time: r.Time, Logger: r.Logger, Message: r.Message})
	if r.Caller != (record.Caller{}) {
		e.Caller(record.EncodeCaller(r.Caller))
	}
	if r.Source != "" {
		e.Source(r.Source)
	}
	e.ID(r.ID)
	for _, a := range r.Attrs {
		e.Attr(a)
	}
	return slices.Clone(e.Finish())
}

// Spool plays one run of a spool: it hands out places in order.
type Spool struct {
	Origin sink.Origin
	Start  record.Place
	next   record.Place
}

// NewRun begins a run. Its places begin where those of a spool do.
func NewRun(id record.RunID) *Spool {
	start := record.Place{Position: 4096}
	return &Spool{
		Origin: sink.Origin{Run: id, Service: "sinktest", Version: "1.2.3", Host: "here"},
		Start:  start, next: start,
	}
}

// Next is the place of the next record.
func (r *Spool) Next() record.Place { return r.next }

// Seek moves the run, so that the next batch begins elsewhere.
func (r *Spool) Seek(p record.Place) { r.next = p }

// Part appends records to the run: the range that they take, and them as items.
func (r *Spool) Part(records ...Record) Part {
	p := Part{Move: sink.Move{Run: r.Origin.Run, From: r.next}}
	for _, rec := range records {
		payload := rec.Payload()
		p.Items = append(p.Items, sink.Item{Origin: &r.Origin, Place: r.next, Payload: payload})
		r.next.Position += uint64(8 + (len(payload)+7)&^7)
	}
	if len(records) == 0 {
		r.next.Position += 64 // a frame that is not for this handler
	}
	p.Move.To = r.next
	return p
}

// Part is what a batch has of one run.
type Part struct {
	Move  sink.Move
	Items []sink.Item
}

// Batch makes a batch of parts of different runs.
func Batch(handler string, parts ...Part) *sink.Batch {
	var moves []sink.Move
	var items []sink.Item
	h := sha256.New()
	for _, p := range parts {
		moves = append(moves, p.Move)
		items = append(items, p.Items...)
		fmt.Fprint(h, p.Move)
		for _, it := range p.Items {
			h.Write(it.Payload)
		}
	}
	name := handler
	if len(moves) > 0 {
		name = fmt.Sprintf("%s-%s-%d-%x", handler, moves[0].Run, moves[0].From.Position, h.Sum(nil)[:8])
	}
	return sink.NewBatch(handler, name, moves, items)
}

// Without is p less the items at indexes: what is left of it after a Reject.
func (p Part) Without(indexes ...int) Part {
	q := Part{Move: p.Move}
	for i, it := range p.Items {
		if !slices.Contains(indexes, i) {
			q.Items = append(q.Items, it)
		}
	}
	return q
}

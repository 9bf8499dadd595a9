package tree

import (
	"context"
	"log/slog"
	"time"

	"github.com/girok/girok/filter"
	"github.com/girok/girok/record"
)

// handler is a logger with what was bound by With and WithGroup. It never
// changes.
type handler struct {
	node  *Node
	bound *record.Bound
}

// Enabled reports whether a log of this level reaches any handler.
func (h *handler) Enabled(_ context.Context, level slog.Level) bool {
	return int64(level) >= h.node.enabled.Load()
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{h.node, h.bound.With(attrs, h.node.plan.Load().cfg.Redact)}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.node, h.bound.WithGroup(name)}
}

// Handle routes one log. It returns nil: what goes wrong is told to
// Config.Failed and counted by the spool.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	p := h.node.plan.Load()
	level := record.FromSlog(r.Level)
	if p.only != nil && level >= p.onlyFrom && level < p.onlyBelow {
		// Without a frame, and here: what returns after a system call is slow.
		c := record.NewCall()
		c.Level, c.Logger, c.Bound, c.Record = level, h.node.name, h.bound, r
		ok, err := p.only.HandleCall(c)
		c.Release()
		if err != nil {
			p.cfg.Failed(p.direct[0].h.Name, err)
		}
		if ok {
			return nil
		}
	}
	mask, direct := p.route(record.Log, level)
	if mask != 0 && record.IsQuiet(ctx) {
		mask = 0
	}
	t := h.node.tree
	if mask == 0 && !direct {
		t.miss(p)
		return nil
	}
	traces := p.traces(level)
	e := record.NewEncoder(p.cfg.Redact)
	e.Begin(&record.Header{Mask: mask, Kind: record.Log, Level: level, Time: r.Time, Logger: h.node.name, Message: r.Message})
	if p.caller {
		e.Caller(t.callers.Encoded(r.PC))
	}
	if traces {
		addStack(e, &r, p.cfg.Redact)
	}
	e.Bound(h.bound)
	e.Record(&r)
	if traces {
		addCauses(e, &r, p.cfg.Redact)
	}
	if _, err := t.send(p, level, record.Log, e, mask, direct, false); err != nil && err == p.cfg.Moved {
		return h.Handle(ctx, r) // by the configuration that was applied meanwhile
	}
	return nil // the spool has counted what it could not take
}

// miss counts a record that nothing showed because nothing is configured.
func (t *Tree) miss(p *plan) {
	if !p.found && !p.disabled && !p.refused {
		t.unshown.Add(1)
	}
}

// send finishes a record, writes it and gives the encoder back. When the appender
// has moved nobody gets it. try: when the
// spool does not take it now, nobody gets it. kept are the bits of the spooled
// handlers that have it.
func (t *Tree) send(p *plan, level record.Level, kind record.Kind, e *record.Encoder, mask uint64, direct, try bool) (kept uint64, err error) {
	payload := e.Finish()
	var v *record.View
	if direct || p.filters {
		v = e.View()
	}
	if v != nil && p.filters {
		mask = p.filter(v, mask)
		record.SetMask(payload, mask)
	}
	switch {
	case mask == 0:
	case try:
		if _, err = p.cfg.Appender.TryAppend(payload); err != nil {
			e.Release()
			return 0, err
		}
	default:
		if _, err = p.cfg.Appender.Append(payload); err != nil && err == p.cfg.Moved {
			e.Release()
			return 0, err
		}
	}
	if v != nil {
		p.handle(v, kind, level)
	}
	e.Release()
	return mask, err
}

// handle gives a record to the direct handlers that take it.
func (p *plan) handle(v *record.View, kind record.Kind, level record.Level) {
	for i := range p.direct {
		d := &p.direct[i]
		if d.takes(kind, level) && passes(d.h.Filters, v) {
			if err := d.h.Direct.Handle(v); err != nil {
				p.cfg.Failed(d.h.Name, err)
			}
			if d.h.Shows != nil {
				v.Show(d.h.Shows)
			}
		}
	}
}

// filter takes the bits of spooled handlers whose filters refuse the record.
func (p *plan) filter(v *record.View, mask uint64) uint64 {
	for i := range p.spooled {
		if t := &p.spooled[i]; mask&t.mask != 0 && !passes(t.h.Filters, v) {
			mask &^= t.mask
		}
	}
	return mask
}

func passes(fs []filter.Filter, v *record.View) bool {
	for _, f := range fs {
		if !f.Pass(v) {
			return false
		}
	}
	return true
}

// Entry is a record that a source brings in, from outside of the program.
type Entry struct {
	Kind    record.Kind
	Level   record.Level
	Time    time.Time
	Message string
	Source  string        // name of the source
	Caller  record.Caller // zero: not known
	Attrs   []slog.Attr
}

// Emit routes a record of the logger. When it returns nil and spooled is true,
// the record is in the spool: the sender may be told that it is taken. After an
// error no handler has it, and nothing is counted as lost: the sender, who still
// has it, gives it again or waits.
func (n *Node) Emit(en *Entry) (spooled bool, err error) {
	p := n.plan.Load()
	mask, direct := p.route(en.Kind, en.Level)
	if mask == 0 && !direct {
		n.tree.miss(p)
		return false, nil
	}
	e := record.NewEncoder(p.cfg.Redact)
	n.encode(e, en, mask)
	kept, err := n.tree.send(p, en.Level, en.Kind, e, mask, direct, true)
	if err != nil && err == p.cfg.Moved {
		return n.Emit(en)
	}
	return kept != 0, err
}

func (n *Node) encode(e *record.Encoder, en *Entry, mask uint64) {
	e.Begin(&record.Header{Mask: mask, Kind: en.Kind, Level: en.Level, Time: en.Time, Logger: n.name, Message: en.Message})
	if en.Caller != (record.Caller{}) {
		e.Caller(record.EncodeCaller(en.Caller))
	}
	if en.Source != "" {
		e.Source(en.Source)
	}
	for _, a := range en.Attrs {
		e.Attr(a)
	}
}

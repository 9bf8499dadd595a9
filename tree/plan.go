package tree

import (
	"math"
	"slices"

	"github.com/girok/girok/filter"
	"github.com/girok/girok/record"
)

// plan is where a logger's records go: what Handle needs, and nothing else.
type plan struct {
	cfg       *Config
	level     record.Level // the lowest of a log that is not dropped; records that are no logs pass it
	effective record.Level // of the logger
	spooled   []target
	direct    []target
	caller    bool
	disabled  bool
	refused   bool // by the logger's own filters
	filters   bool // a spooled handler has filters that look at records
	found     bool // a handler is configured on the way
	// only is the one direct handler, if it can do without frames. Logs of the levels from
	// onlyFrom up to onlyBelow go to it, and to no other, without a stack.
	only                Straight
	onlyFrom, onlyBelow record.Level
}

// target is a handler with what routing looks at.
type target struct {
	h       *Handler
	mask    uint64 // of a spooled handler
	level   record.Level
	accepts uint8
}

// compile finds out where a logger's records go.
func (t *Tree) compile(n *Node) {
	p := &plan{cfg: t.cfg, disabled: n.disabled}
	p.refused = slices.ContainsFunc(n.filters, func(f filter.Name) bool { return !f.Takes(n.name) })
	for at := n; at != nil; at = t.parent(at.name) {
		if p.effective == record.NotSet {
			p.effective = at.level
		}
	}
	if p.level = p.effective; t.mute != record.NotSet {
		p.level = max(p.level, t.mute+1)
	}
	for at := n; at != nil; at = t.parent(at.name) {
		for _, h := range at.handlers {
			p.found = true
			if !h.refuses(n.name) {
				p.add(h)
			}
		}
		if !at.propagate {
			break
		}
	}
	if !p.found && t.cfg.LastResort != nil {
		p.add(&Handler{Name: "last resort", Level: record.Warning, Accepts: Takes(record.Log), Direct: t.cfg.LastResort})
	}
	if len(p.direct) == 1 && t.cfg.Redact == nil && !p.direct[0].h.looks() {
		p.only, _ = p.direct[0].h.Direct.(Straight)
		p.alone()
	}
	n.plan.Store(p)
	n.enabled.Store(int64(p.lowest().Slog()))
	if p.disabled || p.refused {
		n.enabled.Store(math.MaxInt64)
	} else if !p.found {
		// So that what is not shown is counted: from INFO up where nothing at all
		// is configured; a program's DEBUG stays free.
		level := p.level
		if len(t.cfg.Loggers) == 0 {
			level = min(level, record.Info)
		}
		n.enabled.Store(int64(level.Slog()))
	}
}

// alone finds out which logs go to the one direct handler alone.
func (p *plan) alone() {
	p.onlyFrom, p.onlyBelow = max(p.level, p.direct[0].level), math.MaxInt32
	if p.disabled || p.refused || p.direct[0].accepts&Takes(record.Log) == 0 {
		p.only = nil
	}
	if p.cfg.Stack != record.NotSet {
		p.onlyBelow = p.cfg.Stack
	}
	for i := range p.spooled {
		if t := &p.spooled[i]; t.accepts&Takes(record.Log) != 0 {
			p.onlyBelow = min(p.onlyBelow, t.level)
		}
	}
}

func (p *plan) add(h *Handler) {
	p.caller = p.caller || h.Caller
	p.filters = p.filters || h.Direct == nil && h.looks()
	if h.Direct != nil {
		p.direct = append(p.direct, target{h: h, level: h.Level, accepts: h.Accepts})
		return
	}
	if !slices.ContainsFunc(p.spooled, func(t target) bool { return t.h == h }) {
		p.spooled = append(p.spooled, target{h: h, mask: 1 << h.Bit, level: h.Level, accepts: h.Accepts})
	}
}

// lowest is the lowest level of a log that reaches a handler.
func (p *plan) lowest() record.Level {
	low := record.Level(math.MaxInt32)
	for _, ts := range [][]target{p.spooled, p.direct} {
		for _, t := range ts {
			if t.h.Accepts&Takes(record.Log) != 0 {
				low = min(low, t.h.Level)
			}
		}
	}
	return max(low, p.level)
}

// route is the mask of the spooled handlers that take a record, and whether a
// direct one does.
func (p *plan) route(kind record.Kind, level record.Level) (mask uint64, direct bool) {
	if p.refused || kind == record.Log && (level < p.level || p.disabled) {
		return 0, false
	}
	for i := range p.spooled {
		if t := &p.spooled[i]; t.takes(kind, level) {
			mask |= t.mask
		}
	}
	for i := range p.direct {
		direct = direct || p.direct[i].takes(kind, level)
	}
	return mask, direct
}

func (t *target) takes(kind record.Kind, level record.Level) bool {
	return t.accepts&(1<<kind) != 0 && (kind != record.Log || level >= t.level)
}

// refuses reports whether a filter of the handler takes none of a logger's records.
func (h *Handler) refuses(logger string) bool {
	return slices.ContainsFunc(h.Filters, func(f filter.Filter) bool {
		name, ok := f.(filter.Name)
		return ok && !name.Takes(logger)
	})
}

// looks reports whether a filter of the handler has to see the records.
func (h *Handler) looks() bool {
	return slices.ContainsFunc(h.Filters, func(f filter.Filter) bool { _, ok := f.(filter.Name); return !ok })
}

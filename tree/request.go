package tree

import "github.com/girok/girok/record"

// Request collects the records that a source got in one request, and commits them
// together: after a crash the spool has all of them or none. It is not safe for
// concurrent use.
type Request struct {
	id, offset string
	given      []given
	done       int // of given: they are committed
	direct     []pending
	spooled    bool
	part       record.RequestEncoder
	alone      []byte // a record that is too long for a frame with others
}

type given struct {
	node  *Node
	entry *Entry
}

// pending is a record that direct handlers get once all is committed.
type pending struct {
	plan    *plan
	entry   *Entry
	payload []byte
}

// NewRequest begins a request. id is how its sender calls it and offset where it
// stands in its source; both go into the spool beside the records and may be
// empty.
func NewRequest(id, offset string) *Request { return &Request{id: id, offset: offset} }

// Add gives a record of logger n. The entry must not change before Commit.
func (r *Request) Add(n *Node, en *Entry) { r.given = append(r.given, given{n, en}) }

// Commit writes the records. When it returns nil and spooled is true, those for
// spooled handlers are in the spool. After an error no direct handler has any of
// them, and no spooled one either, unless the request is longer than a frame: then
// the frames before the one that failed stay, and another Commit goes on there.
func (r *Request) Commit() (spooled bool, err error) {
	for r.done < len(r.given) {
		cfg, next, direct := r.encode()
		if frame := r.frame(); frame != nil {
			switch _, err := cfg.Appender.TryAppend(frame); {
			case err != nil && err == cfg.Moved:
				continue // route what is left anew
			case err != nil:
				return false, err
			}
			r.spooled = true
		}
		r.done, r.direct = next, append(r.direct, direct...)
	}
	var v record.View
	for i := range r.direct {
		d := &r.direct[i]
		if v.Parse(d.payload) == nil {
			d.plan.handle(&v, d.entry.Kind, d.entry.Level)
		}
	}
	r.direct = nil
	return r.spooled, nil
}

// frame is what encode made; nil if no spooled handler takes anything of it.
func (r *Request) frame() []byte {
	switch {
	case r.alone != nil:
		return r.alone
	case r.part.Len() > 0:
		return r.part.Finish()
	}
	return nil
}

// encode makes a frame of what is not committed, up to next: as much as it can
// hold and as is routed by one configuration.
func (r *Request) encode() (cfg *Config, next int, direct []pending) {
	r.part.Begin(r.id, r.offset, nil)
	r.alone = nil
	for next = r.done; next < len(r.given); next++ {
		n, en := r.given[next].node, r.given[next].entry
		p := n.plan.Load()
		if cfg == nil {
			cfg = p.cfg
		}
		if p.cfg != cfg {
			return cfg, next, direct
		}
		mask, toDirect := p.route(en.Kind, en.Level)
		if mask == 0 && !toDirect {
			n.tree.miss(p)
			continue
		}
		e := record.NewEncoder(cfg.Redact)
		n.encode(e, en, mask)
		payload := e.Finish()
		if p.filters {
			if v := e.View(); v != nil {
				mask = p.filter(v, mask)
				record.SetMask(payload, mask)
			}
		}
		fits := mask == 0 || r.part.Add(payload)
		if !fits && r.part.Len() == 0 {
			r.alone = append([]byte(nil), payload...)
		}
		if (fits || r.alone != nil) && toDirect {
			direct = append(direct, pending{p, en, append([]byte(nil), payload...)})
		}
		e.Release()
		if r.alone != nil {
			return cfg, next + 1, direct
		}
		if !fits {
			return cfg, next, direct
		}
	}
	return cfg, next, direct
}

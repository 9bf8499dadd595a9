package tree

import "github.com/girok/girok/record"

// Request collects the records that a source got in one request, and commits them
// together: after a crash the spool has all of them or none. It is not safe for
// concurrent use.
type Request struct {
	t      *Tree
	id     string
	offset string
	parts  []*record.RequestEncoder // a frame each; more than one only for a long request
	direct []pending
}

// pending is a record that direct handlers get once all is committed.
type pending struct {
	p       *plan
	entry   *Entry
	payload []byte
}

// NewRequest begins a request. id is how its sender calls it and offset where it
// stands in its source; both go into the spool beside the records and may be
// empty.
func (t *Tree) NewRequest(id, offset string) *Request { return &Request{t: t, id: id, offset: offset} }

// Add routes a record of logger n. The entry must not change before Commit.
func (r *Request) Add(n *Node, en *Entry) {
	p := n.plan.Load()
	mask, direct := p.route(en.Kind, en.Level)
	if mask == 0 && !direct {
		r.t.miss(p)
		return
	}
	e := record.NewEncoder(r.t.cfg.Redact)
	defer e.Release()
	n.encode(e, en, mask)
	payload := e.Finish()
	if p.filters {
		if v := e.View(); v != nil {
			mask = p.filter(v, mask)
			record.SetMask(payload, mask)
		}
	}
	if mask != 0 {
		r.part(payload)
	}
	if direct {
		r.direct = append(r.direct, pending{p, en, append([]byte(nil), payload...)})
	}
}

// part adds a payload to the frame that is open, or to a new one.
func (r *Request) part(payload []byte) {
	if n := len(r.parts); n > 0 && r.parts[n-1].Add(payload) {
		return
	}
	part := &record.RequestEncoder{}
	part.Begin(r.id, r.offset, nil)
	r.parts = append(r.parts, part)
	part.Add(payload)
}

// Commit writes the records. When it returns nil and spooled is true, those for
// spooled handlers are in the spool. After an error no direct handler has any of
// them, and no spooled one either, unless the request is longer than a frame: then
// the frames before the one that failed stay.
func (r *Request) Commit() (spooled bool, err error) {
	for _, part := range r.parts {
		if _, err := r.t.cfg.Appender.TryAppend(part.Finish()); err != nil {
			return false, err
		}
	}
	var v record.View
	for i := range r.direct {
		d := &r.direct[i]
		if v.Parse(d.payload) == nil {
			r.t.handle(d.p, &v, d.entry.Kind, d.entry.Level)
		}
	}
	return len(r.parts) > 0, nil
}

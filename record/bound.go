package record

import (
	"log/slog"
	"math"
	"slices"
	"sync/atomic"
	"time"
)

// Bound is what With and WithGroup bound, encoded once. It never changes:
// loggers derived from one parent share it without seeing each other.
type Bound struct {
	bytes []byte
	open  []openGroup
	names []string // of the open groups
	cut   bool
	left  int                    // attributes that found no room
	json  atomic.Pointer[[]byte] // the same as members of a JSON object, once it was asked for
}

// boundRoom is where With and WithGroup stop taking more, so that the longest
// attribute after it still leaves room for the longest logger and message.
const boundRoom = room - MaxString - math.MaxUint16 - 4<<10

// With returns b (which may be nil) with more attributes.
func (b *Bound) With(attrs []slog.Attr, redact *Redactor) *Bound {
	if len(attrs) == 0 {
		return b
	}
	return b.extend(redact, func(e *Encoder) {
		for _, a := range attrs {
			e.Attr(a)
		}
	})
}

// WithGroup returns b (which may be nil) with one more open group. An empty
// name opens nothing.
func (b *Bound) WithGroup(name string) *Bound {
	if name == "" {
		return b
	}
	if b != nil && (len(b.open) >= maxDepth || len(b.bytes) > boundRoom) {
		return &Bound{bytes: b.bytes, open: b.open, names: b.names, cut: true, left: b.left}
	}
	n := b.extend(nil, func(e *Encoder) { e.open = append(e.open, e.beginGroup(name)) })
	n.names = append(n.names, name)
	return n
}

func (b *Bound) extend(redact *Redactor, add func(*Encoder)) *Bound {
	e := &Encoder{redact: redact}
	e.Begin(&Header{Time: time.Unix(0, 0)})
	start := len(e.buf)
	e.Bound(b)
	e.room = boundRoom
	add(e)
	n := &Bound{bytes: slices.Clip(slices.Clone(e.buf[start:])), cut: Flags(e.buf[offFlags])&Cut != 0, left: e.left}
	if b != nil {
		n.names = slices.Clip(b.names)
	}
	for _, g := range e.open {
		n.open = append(n.open, openGroup{g.key - start, g.len - start})
	}
	return n
}

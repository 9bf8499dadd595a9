package record

import (
	"log/slog"
	"math"
	"strconv"
	"sync"
	"time"
	"unsafe"
)

// Call is a log that was not encoded: slog's record, and what the logger adds. A
// handler that is the only one to take a record, and writes it in the call, may
// be given this in the place of a frame.
type Call struct {
	Level  Level
	Logger string
	Bound  *Bound
	Record slog.Record
	Line   []byte // memory for the line that is made of it

	head View
}

var calls = sync.Pool{New: func() any { return &Call{Line: make([]byte, 0, 1024)} }}

// NewCall takes a Call from a pool.
func NewCall() *Call { return calls.Get().(*Call) }

// Release gives it back. What the log held stays with it until the next one, or until
// the pool is emptied: to clear it would cost as much as to fill it.
func (c *Call) Release() {
	const most = 64 << 10
	if cap(c.Line) > most {
		c.Line = nil
	}
	calls.Put(c)
}

// Head is a view of the call without its attributes, for one that has a time. It is
// good until Release.
func (c *Call) Head() *View {
	v := &c.head
	v.Level = c.Level
	v.Seconds, v.Nanos = c.Record.Time.Unix(), uint32(c.Record.Time.Nanosecond())
	v.Logger, v.Message = bytesOf(c.Logger), bytesOf(c.Record.Message)
	return v
}

// bytesOf are the bytes of a text, which must not be written to.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// Attrs gives the attributes of the log as they lie in it, in two parts, without
// those that are bound. They are good until Release.
func (c *Call) Attrs() (front, back []slog.Attr) { return attrsOf(&c.Record) }

// Attrs gives what is bound; ok is false when a group is open, which has no end yet.
func (b *Bound) Attrs() (a Attrs, ok bool) {
	if b == nil {
		return a, true
	}
	return Attrs{b: b.bytes}, len(b.open) == 0
}

// Key is the name of an attribute, and how it stands in a line.
type Key struct {
	Name string
	Text []byte
}

// AppendMembers appends `,"key":value` for each attribute, bound ones first, the
// same bytes as Attrs.AppendMembers of a frame. keys, of which there may be too few,
// are those that the log itself is likely to have, with `,"key":` as their text. ok is
// false when it would take a frame: a group is open, or the record is so long that it
// must be cut.
func (c *Call) AppendMembers(dst []byte, keys []Key) (_ []byte, ok bool) {
	start := len(dst)
	dst, ok = c.Bound.AppendMembers(dst)
	if !ok || len(c.Record.Message) > MaxString || len(c.Logger) > math.MaxUint16 {
		return dst, false
	}
	front, back := attrsOf(&c.Record)
	dst = appendMembers(dst, front, keys)
	if len(back) > 0 {
		dst = appendMembers(dst, back, keys[min(len(front), len(keys)):])
	}
	// A frame of it is at most twice as long: a float of one digit.
	return dst, len(c.Logger)+len(c.Record.Message)+2*(len(dst)-start) < room
}

func appendMembers(dst []byte, attrs []slog.Attr, keys []Key) []byte {
	for i := range attrs {
		a := &attrs[i]
		if i < len(keys) && a.Key == keys[i].Name {
			mark := len(dst)
			var ok bool
			if dst, ok = appendValue(append(dst, keys[i].Text...), &a.Value); ok {
				continue
			}
			dst = dst[:mark]
		}
		dst = AppendMember(dst, a)
	}
	return dst
}

// AppendMembers appends what is bound, as AppendMembers of a frame does; it is made
// once. ok is false when it takes a frame.
func (b *Bound) AppendMembers(dst []byte) (_ []byte, ok bool) {
	if b == nil {
		return dst, true
	}
	if len(b.open) > 0 || b.cut || b.left > 0 {
		return dst, false
	}
	text := b.json.Load()
	if text == nil {
		made := Attrs{b: b.bytes}.AppendMembers(nil)
		text = &made
		b.json.Store(text)
	}
	return append(dst, *text...), true
}

// AppendMember appends `,"key":value` for one attribute, as AppendMembers of a frame
// does. What is not as most are goes through an encoder.
func AppendMember(dst []byte, a *slog.Attr) []byte {
	mark := len(dst)
	if a.Key != "" && len(a.Key) <= maxKey {
		dst = append(AppendJSONString(append(dst, ','), a.Key), ':')
		if out, ok := appendValue(dst, &a.Value); ok {
			return out
		}
	}
	return appendEncoded(dst[:mark], *a)
}

// appendValue appends a value as a member has it; false for one that is not as most
// are.
func appendValue(dst []byte, v *slog.Value) (_ []byte, ok bool) {
	switch v.Kind() {
	case slog.KindString:
		s := v.String()
		return AppendJSONString(dst, s), len(s) <= MaxString
	case slog.KindInt64, slog.KindDuration:
		return AppendInt(dst, int64(Bits(v))), true
	case slog.KindUint64:
		return appendUint(dst, Bits(v)), true
	case slog.KindFloat64:
		return AppendJSONFloat(dst, math.Float64frombits(Bits(v))), true
	case slog.KindBool:
		return strconv.AppendBool(dst, Bits(v) != 0), true
	}
	return dst, false
}

func appendEncoded(dst []byte, a slog.Attr) []byte {
	e := NewEncoder(nil)
	e.Begin(&Header{Time: time.Unix(0, 0)})
	start := len(e.buf)
	e.Attr(a)
	dst = Attrs{b: e.buf[start:]}.AppendMembers(dst)
	e.Release()
	return dst
}

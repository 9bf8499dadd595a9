package record

import (
	"log/slog"
	"math"
	"strconv"
	"sync"
	"time"
)

// Call is a log that was not encoded: slog's record, and what the logger adds. A
// handler that is the only one to take a record, and writes it in the call, may
// be given this in the place of a frame.
type Call struct {
	Level  Level
	Logger string
	Bound  *Bound
	Record slog.Record
}

var calls = sync.Pool{New: func() any { return new(Call) }}

// NewCall takes a Call from a pool.
func NewCall() *Call { return calls.Get().(*Call) }

// Release gives it back.
func (c *Call) Release() {
	c.Bound, c.Record = nil, slog.Record{}
	calls.Put(c)
}

// AppendMembers appends `,"key":value` for each attribute, bound ones first, the
// same bytes as Attrs.AppendMembers of a frame. ok is false when that would take
// a frame: a group is open, or the record is so long that it must be cut.
func (c *Call) AppendMembers(dst []byte) (_ []byte, ok bool) {
	start := len(dst)
	dst, ok = c.Bound.appendJSON(dst)
	if !ok || len(c.Record.Message) > MaxString || len(c.Logger) > math.MaxUint16 {
		return dst, false
	}
	front, back := attrsOf(&c.Record)
	for i := range front {
		dst = appendAttrJSON(dst, front[i])
	}
	for i := range back {
		dst = appendAttrJSON(dst, back[i])
	}
	// A frame of it is at most twice as long: a float of one digit.
	return dst, len(c.Logger)+len(c.Record.Message)+2*(len(dst)-start) < room
}

// appendJSON appends what is bound; it is made once.
func (b *Bound) appendJSON(dst []byte) (_ []byte, ok bool) {
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

// appendAttrJSON appends `,"key":value` for one attribute. What is not plain goes
// through an encoder, so that both ways write the same.
func appendAttrJSON(dst []byte, a slog.Attr) []byte {
	v := a.Value
	kind := v.Kind()
	if len(a.Key) == 0 || len(a.Key) > maxKey || !plainKind(kind) || kind == slog.KindString && len(v.String()) > MaxString {
		return appendEncoded(dst, a)
	}
	dst = append(dst, ',')
	dst = AppendJSONString(dst, a.Key)
	dst = append(dst, ':')
	switch kind {
	case slog.KindString:
		return AppendJSONString(dst, v.String())
	case slog.KindInt64:
		return AppendInt(dst, v.Int64())
	case slog.KindUint64:
		return appendUint(dst, v.Uint64())
	case slog.KindFloat64:
		return AppendJSONFloat(dst, v.Float64())
	case slog.KindBool:
		return strconv.AppendBool(dst, v.Bool())
	}
	return AppendInt(dst, int64(v.Duration()))
}

func plainKind(k slog.Kind) bool {
	switch k {
	case slog.KindString, slog.KindInt64, slog.KindUint64, slog.KindFloat64, slog.KindBool, slog.KindDuration:
		return true
	}
	return false
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

package record

import (
	"log/slog"
	"math"
	"reflect"
	"time"
	"unsafe"
)

// layout is how slog.Record lies in memory.
type layout struct {
	Time    time.Time
	Message string
	Level   slog.Level
	PC      uintptr
	front   [5]slog.Attr
	nFront  int
	back    []slog.Attr
}

// valueLayout is how slog.Value does.
type valueLayout struct {
	_   [0]func()
	num uint64
	any any
}

// sameLayout: what they say is true of the slog that this is built with.
var sameLayout = laidOut[slog.Record, layout]() && laidOut[slog.Value, valueLayout]()

func laidOut[T, U any]() bool {
	theirs, ours := reflect.TypeFor[T](), reflect.TypeFor[U]()
	if theirs.NumField() != ours.NumField() {
		return false
	}
	for i := range ours.NumField() {
		t, o := theirs.Field(i), ours.Field(i)
		if t.Name != o.Name || t.Type != o.Type || t.Offset != o.Offset {
			return false
		}
	}
	return true
}

// Bits is what a value that is a number, a bool or a duration keeps: Int64 and
// Duration as they are, Float64 by its bits. slog's own functions find out anew
// which of them it is.
func Bits(v *slog.Value) uint64 {
	if !sameLayout {
		return bitsOf(v)
	}
	return (*valueLayout)(unsafe.Pointer(v)).num
}

func bitsOf(v *slog.Value) uint64 {
	switch v.Kind() {
	case slog.KindInt64:
		return uint64(v.Int64())
	case slog.KindUint64:
		return v.Uint64()
	case slog.KindFloat64:
		return math.Float64bits(v.Float64())
	case slog.KindDuration:
		return uint64(v.Duration())
	case slog.KindBool:
		if v.Bool() {
			return 1
		}
	}
	return 0
}

// attrsOf gives the attributes of r as they lie in it, in two parts. slog's own
// Attrs copies the record first, all of its 320 bytes, which is a tenth of what
// girok adds to a call. With a slog that keeps them otherwise it is used all the
// same.
func attrsOf(r *slog.Record) (front, back []slog.Attr) {
	if !sameLayout {
		return nil, collect(r)
	}
	l := (*layout)(unsafe.Pointer(r))
	return l.front[:l.nFront], l.back
}

func collect(r *slog.Record) []slog.Attr {
	attrs := make([]slog.Attr, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	return attrs
}

// Record adds the attributes of r.
func (e *Encoder) Record(r *slog.Record) {
	front, back := attrsOf(r)
	for i := range front {
		e.add(&front[i])
	}
	for i := range back {
		e.add(&back[i])
	}
}

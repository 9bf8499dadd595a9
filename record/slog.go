package record

import (
	"log/slog"
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

// sameLayout: what layout says is true of the slog that this is built with.
var sameLayout = func() bool {
	theirs, ours := reflect.TypeFor[slog.Record](), reflect.TypeFor[layout]()
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
}()

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
		e.Attr(front[i])
	}
	for i := range back {
		e.Attr(back[i])
	}
}

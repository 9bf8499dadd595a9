package format

import (
	"log/slog"
	"strconv"
	"time"

	"github.com/girok/girok/record"
)

// Logfmt writes a record as slog's TextHandler would:
//
//	time=2024-03-05T22:45:06.123+09:00 level=INFO logger=shop.orders msg="order placed" user=kim
//
// time is missing when the record came without one, logger for the root logger,
// source unless it was asked for and the record has it. Groups become prefixes with
// dots; nil is null, where slog says <nil>.
type Logfmt struct {
	clock  *clock
	source bool
}

// NewLogfmt makes one; loc is the zone of its times, nil the local one.
func NewLogfmt(loc *time.Location, source bool) *Logfmt {
	return &Logfmt{clock: newClock(loc, logfmtStamp), source: source}
}

func logfmtStamp(t time.Time) stamp {
	return stamp{
		head: t.AppendFormat([]byte("time="), "2006-01-02T15:04:05"),
		tail: append(t.AppendFormat(nil, "Z07:00"), " level="...),
	}
}

// NeedsCaller implements Formatter.
func (l *Logfmt) NeedsCaller() bool { return l.source }

// Append implements Formatter.
func (l *Logfmt) Append(dst []byte, v *record.View) []byte {
	var prefix [64]byte // grows where groups need more
	return appendPairs(l.begin(dst, v), v.Attrs(), prefix[:0])
}

// AppendCall is Append for a call that is not encoded, the same bytes. ok is false
// when it takes a frame: for groups, and for values that are no texts or numbers.
func (l *Logfmt) AppendCall(dst []byte, c *record.Call) (_ []byte, ok bool) {
	bound, whole := c.Bound.Attrs()
	if l.source || !whole || !isShort(c) {
		return dst, false
	}
	mark := len(dst)
	var prefix [64]byte
	dst = appendPairs(l.begin(dst, c.Head()), bound, prefix[:0])
	front, back := c.Attrs()
	for _, attrs := range [...][]slog.Attr{front, back} {
		for i := range attrs {
			if dst, ok = appendPair(append(dst, ' '), &attrs[i]); !ok {
				return dst[:mark], false
			}
		}
	}
	if len(dst)-mark > long {
		return dst[:mark], false
	}
	return dst, true
}

// begin appends what stands before the attributes.
func (l *Logfmt) begin(dst []byte, v *record.View) []byte {
	if v.Flags&record.NoTime != 0 {
		dst = append(dst, "level="...)
	} else {
		s := l.clock.at(v.Seconds)
		dst = append(dst, s.head...)
		dst = appendMillis(append(dst, '.'), v.Nanos)
		dst = append(dst, s.tail...)
	}
	dst = appendSlogLevel(dst, v.Level.Slog())
	if c, ok := callerOf(v); l.source && ok && len(c.file) > 0 {
		mark := len(dst) + len(" source=")
		dst = append(append(dst, " source="...), c.file...)
		dst = strconv.AppendUint(append(dst, ':'), c.line, 10)
		dst = quoteIfNeeded(dst, mark)
	}
	if len(v.Logger) > 0 {
		dst = appendBare(append(dst, " logger="...), v.Logger)
	}
	return appendBare(append(dst, " msg="...), v.Message)
}

// appendMillis appends the milliseconds, three digits, the rest cut off.
func appendMillis(dst []byte, nanos uint32) []byte {
	ms := nanos / 1e6
	return append(dst, '0'+byte(ms/100), '0'+byte(ms/10%10), '0'+byte(ms%10))
}

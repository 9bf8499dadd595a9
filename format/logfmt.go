package format

import (
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
		dst = append(dst, " logger="...)
		dst = quoteIfNeeded(append(dst, v.Logger...), len(dst))
	}
	dst = append(dst, " msg="...)
	dst = quoteIfNeeded(append(dst, v.Message...), len(dst))
	var prefix [64]byte // grows where groups need more
	return appendPairs(dst, v.Attrs(), prefix[:0])
}

// appendMillis appends the milliseconds, three digits, the rest cut off.
func appendMillis(dst []byte, nanos uint32) []byte {
	ms := nanos / 1e6
	return append(dst, '0'+byte(ms/100), '0'+byte(ms/10%10), '0'+byte(ms%10))
}

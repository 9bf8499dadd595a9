package table

import (
	"time"

	"github.com/girok/girok/record"
)

// The times that every store holds: from year 1 to 9999, in seconds since 1970.
const (
	minSeconds = -62135596800
	maxSeconds = 253402300799
)

// asTime reads a time as microseconds since 1970 UTC, as wall clock in the
// converter's zone, or as a day there.
func (c *converter) asTime(v *record.Value, t Type) (int64, bool) {
	switch v.Type {
	case record.Time:
		return c.moment(v.Int(), v.Nanos, t)
	case record.String:
		return c.parseTime(string(v.Raw), t)
	}
	return 0, false
}

// moment is one moment as the type wants it. Digits below a microsecond are cut
// off, never rounded up: a record does not move to the next day.
func (c *converter) moment(sec int64, nanos uint32, t Type) (int64, bool) {
	if sec < minSeconds || sec > maxSeconds {
		return 0, false
	}
	if t != Timestamp {
		_, offset := time.Unix(sec, 0).In(c.loc).Zone()
		sec += int64(offset)
		if sec < minSeconds || sec > maxSeconds {
			return 0, false
		}
	}
	if t == Date {
		return floorDiv(sec, 86400), true
	}
	return sec*1e6 + int64(nanos/1000), true
}

func (c *converter) parseTime(s string, t Type) (int64, bool) {
	if at, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return c.moment(at.Unix(), uint32(at.Nanosecond()), t)
	}
	if t == Timestamp {
		return 0, false
	}
	layouts := []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05"}
	if t == Date {
		layouts = []string{"2006-01-02"}
	}
	utc := converter{loc: time.UTC}
	for _, layout := range layouts {
		if at, err := time.Parse(layout, s); err == nil {
			return utc.moment(at.Unix(), uint32(at.Nanosecond()), t)
		}
	}
	return 0, false
}

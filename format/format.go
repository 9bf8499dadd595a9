// Package format turns a record into one line of bytes: text in the style of
// Python's logging, or JSON in slog's spelling.
package format

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/girok/girok/record"
)

// Formatter turns records into lines. It is safe for concurrent use.
type Formatter interface {
	// Append appends the line of v, without a line end, and returns the longer
	// slice. It keeps neither dst nor v, never fails and never panics: what a
	// format can't show of a record is said in the line itself. For values of
	// slog's kinds it allocates nothing but what dst lacks.
	Append(dst []byte, v *record.View) []byte
	// NeedsCaller reports whether the line shows where the call stands in the
	// code. Who makes the record can save the cost of finding out if not.
	NeedsCaller() bool
}

// stamp is the part of a line that all records of one second share.
type stamp struct {
	unix       int64
	head, tail []byte // before and after the fraction of the second
	plain      bool   // asctime's: it stands in JSON as it is
}

// clock keeps the stamp of the newest second that it was asked for, so that a
// record pays a comparison and not a calendar. It is safe for concurrent use.
type clock struct {
	loc  *time.Location
	make func(t time.Time) stamp // t is whole seconds in loc
	last atomic.Pointer[stamp]
}

func newClock(loc *time.Location, build func(time.Time) stamp) *clock {
	if loc == nil {
		loc = time.Local
	}
	return &clock{loc: loc, make: build}
}

// at returns the stamp of a second. What it points to never changes.
func (c *clock) at(unix int64) *stamp {
	s := c.last.Load()
	if s != nil && s.unix == unix {
		return s
	}
	return c.miss(s, unix)
}

func (c *clock) miss(last *stamp, unix int64) *stamp {
	s := c.make(time.Unix(unix, 0).In(c.loc))
	s.unix = unix
	if last == nil || unix > last.unix || unix < last.unix-1 {
		c.last.Store(&s)
	}
	return &s
}

// appendFraction appends ".123456789" without trailing zeros; nothing for 0.
func appendFraction(dst []byte, nanos uint32) []byte {
	if nanos == 0 {
		return dst
	}
	return record.AppendFraction(append(dst, '.'), nanos)
}

// pairs are the numbers from 00 to 99.
var pairs = func() (t [200]byte) {
	for i := range 100 {
		t[2*i], t[2*i+1] = '0'+byte(i/10), '0'+byte(i%10)
	}
	return t
}()

// caller is where a call stands in the code, as a view of the record.
type caller struct {
	file, function []byte
	line           uint64
}

// callerOf reads what Encoder.Caller wrote; false when the record has none.
func callerOf(v *record.View) (c caller, ok bool) {
	b := v.EncodedCaller()
	line, n := binary.Uvarint(b)
	if n <= 0 {
		return c, false
	}
	c.line = line
	c.file, b, ok = prefixed(b[n:])
	if ok {
		c.function, _, ok = prefixed(b)
	}
	return c, ok
}

// prefixed reads bytes that have their length before them.
func prefixed(b []byte) (text, rest []byte, ok bool) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return nil, nil, false
	}
	return b[n : n+int(size)], b[n+int(size):], true
}

// Package record defines one record: the binary frame it is encoded into at
// the call, once, and the views that text, JSON and table rows are made from.
//
// It imports nothing of girok; everything else imports it.
package record

import (
	"log/slog"
	"strconv"
	"time"
)

// Kind says what a record is. Only logs have levels; records of the other
// kinds pass every level.
type Kind uint8

// The kinds of records.
const (
	Log Kind = iota
	Event
	Row
	Metric
	Span
	numKinds
)

var kindNames = [numKinds]string{"log", "event", "row", "metric", "span"}

func (k Kind) String() string {
	if k < numKinds {
		return kindNames[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// ParseKind is the inverse of Kind.String.
func ParseKind(s string) (Kind, bool) {
	for i, n := range kindNames {
		if n == s {
			return Kind(i), true
		}
	}
	return 0, false
}

// KindNames lists the kinds' names in the order of their numbers.
func KindNames() []string { return kindNames[:] }

// Level is a level as Python's logging counts: DEBUG 10 … CRITICAL 50. All
// comparing of levels is done in these numbers.
type Level int32

// The named levels.
const (
	NotSet   Level = 0
	Debug    Level = 10
	Info     Level = 20
	Warning  Level = 30
	Error    Level = 40
	Critical Level = 50
)

// FromSlog maps slog's levels: py = 20 + floor(slog*5/2). It is one-to-one, and
// the named levels meet (slog's 12 is CRITICAL).
func FromSlog(l slog.Level) Level {
	const limit = 1 << 28
	l = min(max(l, -limit), limit)
	return Level(20 + (int(l)*5)>>1)
}

// Slog is the inverse of FromSlog: the smallest slog level that is not below l.
// Rounding up and not down makes it exact for each of slog's levels.
func (l Level) Slog() slog.Level {
	n := (int64(l) - 20) * 2
	if n > 0 {
		n += 4
	}
	return slog.Level(n / 5)
}

// String is Python's name of the level: "INFO", "WARNING", "Level 22"; or what
// AddLevelName has given it.
func (l Level) String() string {
	if name, ok := AddedName(l); ok {
		return name
	}
	switch l {
	case NotSet:
		return "NOTSET"
	case Debug:
		return "DEBUG"
	case Info:
		return "INFO"
	case Warning:
		return "WARNING"
	case Error:
		return "ERROR"
	case Critical:
		return "CRITICAL"
	}
	return "Level " + strconv.Itoa(int(l))
}

// ParseLevel knows Python's names of levels, exact case, those that AddLevelName
// has given, and plain numbers.
func ParseLevel(s string) (Level, bool) {
	if l, ok := addedLevel(s); ok {
		return l, true
	}
	switch s {
	case "NOTSET":
		return NotSet, true
	case "DEBUG":
		return Debug, true
	case "INFO":
		return Info, true
	case "WARNING", "WARN":
		return Warning, true
	case "ERROR":
		return Error, true
	case "CRITICAL", "FATAL":
		return Critical, true
	}
	n, err := strconv.ParseInt(s, 10, 32)
	return Level(n), err == nil
}

// Severity is the level as a SeverityNumber of OpenTelemetry's log data model:
// 1 (TRACE) to 24 (FATAL4), 9 for INFO.
func (l Level) Severity() int {
	return min(max(int(l.Slog())+9, 1), 24)
}

// RunID names a run: what one opening of a spool wrote. It is random, never
// zero.
type RunID uint64

// String is the id as 16 hex digits.
func (r RunID) String() string {
	const digits = "0123456789abcdef"
	var b [16]byte
	for i := range b {
		b[i] = digits[r>>(60-4*i)&15]
	}
	return string(b[:])
}

// ParseRunID is the inverse of RunID.String.
func ParseRunID(s string) (RunID, bool) {
	n, err := strconv.ParseUint(s, 16, 64)
	return RunID(n), err == nil && len(s) == 16 && n != 0
}

// Place is where a record lies in its run: the position of its frame, and its
// number in the frame (0 unless the frame holds a group).
type Place struct {
	Position uint64
	Index    uint32
}

// Compare orders places of one run.
func (p Place) Compare(q Place) int {
	switch {
	case p.Position < q.Position || p.Position == q.Position && p.Index < q.Index:
		return -1
	case p == q:
		return 0
	}
	return 1
}

// Attr's type of value. The numbers stand in frames: they never change.
type Type uint8

// The types of values. Values stay as they were given.
const (
	Null     Type = 0
	False    Type = 1
	True     Type = 2
	Int      Type = 3  // zigzag varint
	Uint     Type = 4  // uvarint
	Float    Type = 5  // 8 bytes, IEEE 754, little endian
	String   Type = 6  // uvarint length, bytes
	Bytes    Type = 7  // uvarint length, bytes
	Time     Type = 8  // zigzag seconds since 1970, uvarint nanoseconds, zigzag offset from UTC in seconds
	Duration Type = 9  // zigzag nanoseconds
	Group    Type = 10 // 4 bytes length, little endian; then attributes
	JSON     Type = 11 // uvarint length; text that encoding/json made at the call
	Err      Type = 12 // uvarint length; the text of an error
)

// Limits of a record. What is longer is cut and says so.
const (
	// MaxPayload is the longest payload of a frame, in bytes.
	MaxPayload = 512 << 10
	// MaxString is the longest string, byte string or JSON text, in bytes.
	MaxString = 128 << 10
	// room is where an encoder stops taking attributes.
	room = MaxPayload - MaxString - 4<<10
	// maxDepth limits groups in groups.
	maxDepth = 64
	// maxWork limits the attributes of groups that are looked at, and the groups:
	// groups that LogValue makes out of each other may be many without taking any
	// room. A record with one byte of each has no room for more.
	maxWork = 1 << 17
)

// HeaderSize is the length of the fixed part of a payload, in bytes.
const HeaderSize = 36

// The fixed part of a payload, little endian:
//
//	 0  8  mask: bit n is set when handler n of the run takes the record
//	 8  1  kind
//	 9  1  encoding of what follows: 1 this one, 2 JSON (other languages), 3 a request
//	10  2  flags
//	12  4  level, Python's number, signed
//	16  8  seconds since 1970 UTC, signed
//	24  4  nanoseconds
//	28  4  length of the message
//	32  2  length of the logger's name
//	34  2  0
//	36     logger, message; then by flags caller, source, id; then attributes
const (
	offKind    = 8
	offEncode  = 9
	offFlags   = 10
	offLevel   = 12
	offSeconds = 16
	offNanos   = 24
	offMessage = 28
	offLogger  = 32
)

// Encodings of a record.
const (
	EncodingGirok   = 1
	EncodingJSON    = 2
	EncodingRequest = 3 // the payload is that of several records: see Request
)

// Flags of a record.
type Flags uint16

// The flags. A set flag of the second group says that the part is there.
const (
	NoTime Flags = 1 << 0 // the record came without a time; the one it has is that of its arrival
	Cut    Flags = 1 << 1 // something was too long and was cut

	HasCaller Flags = 1 << 4 // uvarint line, uvarint length + file, uvarint length + function
	HasSource Flags = 1 << 5 // uvarint length + name of the source it came in by
	HasID     Flags = 1 << 6 // 26 bytes: the id it got first
)

// Caller is where a call stands in the code.
type Caller struct {
	File     string
	Function string
	Line     int
}

// unix splits a time for the header.
func unix(t time.Time) (sec int64, nsec uint32) {
	return t.Unix(), uint32(t.Nanosecond())
}

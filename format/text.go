package format

import (
	"cmp"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/girok/girok/record"
)

// Text writes a record by a format in the style of Python's logging:
//
//	%(asctime)s | %(levelname)-8s - %(message)s (%(user)s)
//
// A name in parentheses is an attribute of Python's log records or, failing
// that, an attribute of the record; "a.b" is b in the group a, or an attribute
// with that very key; "extra.name" is an attribute whose key, name, is one of
// Python's. Where a key comes twice, the last one counts. Values look as
// Python's str() would show them; text that is not UTF-8 has U+FFFD there.
//
// CPython loses the line when a field is missing or does not fit its
// conversion. Here nothing is lost: the line says "<no user>", or "<user is not
// %d: bob>", and Misfits counts it.
type Text struct {
	pieces   []piece
	defaults *record.View // values for attributes that a record lacks; nil: none
	trouble  bool         // errors and stacks follow the line
	calls    bool         // its fields are all those of a call
	clock    *clock
	millis   string // what stands before the milliseconds of asctime; "" if it has none
	rest     bool   // attributes follow the line
	caller   bool
	start    time.Time
	pid      int
	uvicorn  *uvicorn // its fields; nil: none

	misfits atomic.Uint64
}

// started is what relativeCreated counts from.
var started = time.Now()

var pid = os.Getpid()

// defaultFormat is girok's own, when no format is given.
const defaultFormat = "%(asctime)s %(levelname)s %(name)s: %(message)s"

// New compiles a format. An empty one is Python's, "%(message)s". datefmt is
// strftime's, in the C locale; when empty, asctime is
// "2024-03-05 22:45:06,123". loc is the zone of asctime; nil is the local zone.
// The error is a *SyntaxError.
func New(format, datefmt string, loc *time.Location) (*Text, error) {
	return Options{Format: format, Datefmt: datefmt, Location: loc}.Text()
}

// Options say how a text looks. The zero value is Python's: the message alone.
type Options struct {
	Format   string
	Style    byte   // % { $; 0 is %
	Datefmt  string // of asctime; "": TimeFormat, and the milliseconds
	Location *time.Location
	Lenient  bool // a format without fields is no mistake
	// Defaults has values for attributes that a record lacks.
	Defaults *record.View
	// TimeFormat is asctime without a Datefmt; "": "%Y-%m-%d %H:%M:%S". Millis
	// stands before its milliseconds; "": ",".
	TimeFormat, Millis string
	NoMillis           bool
}

// Text compiles the format. The error is a *SyntaxError.
func (o Options) Text() (*Text, error) {
	t := &Text{start: started, pid: pid, trouble: true, calls: true, defaults: o.Defaults}
	var err error
	switch o.Style {
	case '{':
		t.pieces, err = compileBrace(cmp.Or(o.Format, "{message}"), o.Lenient)
	case '$':
		t.pieces, err = compileDollar(cmp.Or(o.Format, "${message}"), o.Lenient)
	default:
		t.pieces, err = compile(cmp.Or(o.Format, "%(message)s"), o.Lenient)
	}
	if err != nil {
		return nil, err
	}
	if o.Datefmt == "" && !o.NoMillis {
		t.millis = cmp.Or(o.Millis, ",")
	}
	layout := parseLayout(cmp.Or(o.Datefmt, o.TimeFormat, "%Y-%m-%d %H:%M:%S"))
	t.clock = newClock(o.Location, func(at time.Time) stamp {
		head := layout.append(nil, at)
		return stamp{head: head, plain: record.IsPlain(head) && record.IsPlain([]byte(t.millis))}
	})
	for i := range t.pieces {
		p := &t.pieces[i]
		t.caller = t.caller || p.field.needsCaller()
		t.calls = t.calls && p.field.ofCall()
		t.trouble = t.trouble && !(p.field == fieldAttr && (p.key == attrError || p.key == attrStack))
	}
	return t, nil
}

// Attributes are the names in the format that stand for attributes: no field of a
// record is called so.
func (t *Text) Attributes() (names []string) {
	for _, p := range t.pieces {
		if p.field == fieldAttr && p.name == p.key {
			names = append(names, p.name)
		}
	}
	return names
}

// ShowsTime reports whether the format has asctime.
func (t *Text) ShowsTime() bool {
	return slices.ContainsFunc(t.pieces, func(p piece) bool { return p.field == fieldAscTime })
}

// Misspelt gives the field of a record that an attribute's name differs from in
// one letter, or in capitals; "" if there is none.
func Misspelt(name string) string {
	for _, f := range slices.Sorted(maps.Keys(fields)) {
		if f != name && len(name) > 3 && (strings.EqualFold(f, name) || oneEdit(f, name)) {
			return f
		}
	}
	return ""
}

// oneEdit reports whether one letter more, less or another, or two changed round,
// make a of b.
func oneEdit(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(b) && a[i] == b[i] {
		i++
	}
	switch ra, rb := a[i:], b[i:]; len(ra) - len(rb) {
	case 1:
		return ra[1:] == rb
	case 0:
		return len(ra) > 0 && (ra[1:] == rb[1:] || len(ra) > 1 && ra[0] == rb[1] && ra[1] == rb[0] && ra[2:] == rb[2:])
	}
	return false
}

// Default is the text of girok when no format is given: time, level, logger and
// message, and then every attribute as key=value, quoted where needed, groups
// with dots.
func Default(loc *time.Location) *Text {
	t, err := New(defaultFormat, "", loc)
	if err != nil {
		panic(err) // of a constant: a test would have seen it
	}
	t.rest, t.calls = true, false
	return t
}

// StartedAt sets what relativeCreated counts from; without it, the start of the
// program. It must not be called once t is in use.
func (t *Text) StartedAt(at time.Time) { t.start = at }

// Of is t for the records of another process, or of an earlier life of this one:
// what it was called by and when it began are not in its records. Misfits are
// counted apart.
func (t *Text) Of(pid int, started time.Time) Formatter { return t.of(pid, started) }

func (t *Text) of(pid int, started time.Time) *Text {
	return &Text{
		pieces: t.pieces, defaults: t.defaults, trouble: t.trouble, calls: t.calls, clock: t.clock, millis: t.millis,
		rest: t.rest, caller: t.caller, start: started, pid: pid, uvicorn: t.uvicorn,
	}
}

// Misfits is how many fields were missing or did not fit their conversion.
func (t *Text) Misfits() uint64 { return t.misfits.Load() }

// NeedsCaller implements Formatter.
func (t *Text) NeedsCaller() bool { return t.caller }

// Append implements Formatter.
func (t *Text) Append(dst []byte, v *record.View) []byte {
	mark := len(dst)
	for i := range t.pieces {
		p := &t.pieces[i]
		dst = append(dst, p.before...)
		switch {
		case !p.plain:
			dst = t.field(dst, p, v)
		case p.field == fieldMessage:
			dst = record.AppendValidUTF8(dst, v.Message)
		case p.field == fieldLevelName:
			dst = append(dst, levelName(v.Level)...)
		case p.field == fieldAscTime:
			dst = t.appendTime(dst, v)
		default:
			dst = t.field(dst, p, v)
		}
	}
	if t.rest {
		var prefix [64]byte // grows where groups need more
		return appendPairs(dst, v.Attrs(), prefix[:0])
	}
	if t.trouble {
		dst = appendTrouble(dst, mark, v)
	}
	return dst
}

// AppendCall is Append for a call that is not encoded, the same bytes. ok is false
// when it takes a frame: for formats that show attributes or where the call stands,
// and for attributes that may be an error or a stack.
func (t *Text) AppendCall(dst []byte, c *record.Call) (_ []byte, ok bool) {
	if !t.calls || !isShort(c) || t.trouble && mayBeTrouble(c) {
		return dst, false
	}
	return t.Append(dst, c.Head()), true
}

// field appends one field by its conversion.
func (t *Text) field(dst []byte, p *piece, v *record.View) []byte {
	if p.field == fieldNone {
		return dst
	}
	var x operand
	mark := len(dst)
	if !t.load(&x, p, v) {
		t.misfits.Add(1)
		dst = append(dst, "<no "...)
		dst = append(dst, p.name...)
		return append(dst, '>')
	}
	ok := false
	if p.brace != nil {
		dst, ok = p.brace.append(dst, &x, t, v)
	} else {
		dst, ok = p.spec.append(dst, &x)
	}
	if ok {
		return dst
	}
	t.misfits.Add(1)
	dst = append(dst[:mark], '<')
	dst = append(dst, p.name...)
	if p.brace != nil {
		dst = append(append(append(dst, " is not :"...), p.brace.text...), ": "...)
	} else {
		dst = append(append(dst, " is not %"...), p.spec.conv, ':', ' ')
	}
	return append(x.appendStr(dst), '>')
}

// appendTime appends asctime.
func (t *Text) appendTime(dst []byte, v *record.View) []byte {
	sec, ms := created(v)
	return t.appendStamp(dst, t.clock.at(sec), ms)
}

func (t *Text) appendStamp(dst []byte, s *stamp, ms uint32) []byte {
	dst = append(dst, s.head...)
	if t.millis != "" {
		dst = append(append(dst, t.millis...), '0'+byte(ms/100), '0'+byte(ms/10%10), '0'+byte(ms%10))
	}
	return dst
}

// created is the second and the millisecond of a record as Python 3.13 has
// them: its time is a float, which the last nanoseconds of a second round up.
func created(v *record.View) (sec int64, ms uint32) {
	if v.Nanos < 999_999_000 {
		return v.Seconds, v.Nanos / 1e6
	}
	if sec = int64(math.Floor(createdFloat(v))); sec != v.Seconds {
		return sec, 0
	}
	return v.Seconds, 999
}

// createdFloat is Python's record.created: seconds, rounded twice.
func createdFloat(v *record.View) float64 {
	const limit = math.MaxInt64/1_000_000_000 - 1
	if v.Seconds > limit || v.Seconds < -limit {
		return float64(v.Seconds)
	}
	return float64(v.Seconds*1e9+int64(v.Nanos)) / 1e9
}

package format

import (
	"log/slog"
	"slices"
	"strconv"
	"sync"

	"github.com/girok/girok/record"
)

// straight is how most records are written: member after member, without a list of
// them. It is nil where the options may move or replace members.
type straight struct {
	heads   [][]byte        // `"name": ` of each field of the format
	static  []byte          // the members that all records have, each with a comma behind it
	stamp   []byte          // `"timestamp": `; nil for none
	calls   bool            // no field needs more than a call has
	special map[string]bool // names that attributes may not have
	begins  [256]uint64     // their lengths, modulo 64, by what they begin with
}

// goStraight finds out whether j can.
func (j *PyJSON) goStraight() {
	if len(j.rename)+len(j.defaults)+len(j.extra) > 0 || j.keep || j.layout.pretty {
		return
	}
	s := &straight{calls: true}
	seen := map[string]bool{}
	head := func(name string) []byte {
		seen[name] = true
		return append(j.layout.string(nil, []byte(name)), ": "...)
	}
	for i := range j.required {
		s.heads = append(s.heads, head(j.required[i].name))
		switch j.required[i].field {
		case fieldMessage, fieldName, fieldLevelName, fieldLevelNo, fieldAscTime, fieldCreated, fieldMsecs:
		default:
			s.calls = false
		}
	}
	for i := range j.static {
		s.static = append(append(append(s.static, head(j.static[i].key)...), j.static[i].text...), ", "...)
	}
	all := len(j.required) + len(j.static)
	if j.stamp != "" {
		s.stamp = head(j.stamp)
		all++
	}
	if len(seen) < all {
		return // one replaces another
	}
	for name := range fields {
		seen[name] = true
	}
	for name := range j.skip {
		seen[name] = true
	}
	for _, name := range []string{attrError, attrStack, attrExcInfo, attrExcText, attrStackInfo, attrRecord} {
		seen[name] = true
	}
	for name := range seen {
		if name != "" {
			s.begins[name[0]] |= 1 << (len(name) & 63)
		}
	}
	s.special = seen
	j.straight = s
}

// isSpecial reports whether an attribute is more than one.
func isSpecial[T string | []byte](s *straight, key T) bool {
	return len(key) == 0 || key[0] == '_' || s.begins[key[0]]>>(len(key)&63)&1 != 0 && s.special[string(key)]
}

// append appends the line; false, and dst as it was, for a record that takes the
// other way: it has an error, or attributes with the names of fields or with one name.
func (s *straight) append(dst []byte, j *PyJSON, v *record.View) (_ []byte, ok bool) {
	mark := len(dst)
	dst = append(append(dst, j.prefix...), '{')
	begun := len(dst)
	for i := range j.required {
		dst = append(dst, s.heads[i]...)
		dst = append(j.plainField(dst, &j.required[i], v), ", "...)
	}
	dst = append(dst, s.static...)
	var keys [16][]byte
	var key []byte
	var val record.Value
	n := 0
	for a := v.Attrs(); a.Next(&key, &val); n++ {
		if n == len(keys) || isSpecial(s, key) {
			return dst[:mark], false
		}
		for _, k := range keys[:n] {
			if len(k) == len(key) && string(k) == string(key) {
				return dst[:mark], false
			}
		}
		keys[n] = key
		dst = append(j.layout.string(dst, key), ": "...)
		dst = append(j.value(dst, &val, 1), ", "...)
	}
	if s.stamp != nil {
		dst = append(appendStamp(append(dst, s.stamp...), v), ", "...)
	}
	if len(dst) > begun {
		dst = dst[:len(dst)-len(", ")]
	}
	return append(dst, '}'), true
}

// views have a call's level and time, and nothing else.
var views = sync.Pool{New: func() any { return new(record.View) }}

// AppendCall is Append for a call that is not encoded, the same bytes. ok is false
// when it takes a frame.
func (j *PyJSON) AppendCall(dst []byte, c *record.Call) (_ []byte, ok bool) {
	s, r := j.straight, &c.Record
	const long = 16 << 10 // what may have to be cut takes a frame
	if s == nil || !s.calls || c.Bound != nil || r.Time.IsZero() || len(c.Logger) > long || len(r.Message) > long {
		return dst, false
	}
	mark := len(dst)
	dst = append(append(dst, j.prefix...), '{')
	begun := len(dst)
	v := views.Get().(*record.View)
	defer views.Put(v)
	v.Level, v.Seconds, v.Nanos = c.Level, r.Time.Unix(), uint32(r.Time.Nanosecond())
	for i := range j.required {
		dst = append(dst, s.heads[i]...)
		switch p := &j.required[i]; {
		case p.field == fieldMessage:
			dst = appendPyString(dst, r.Message, j.layout.ascii)
		case p.field == fieldName && c.Logger != "":
			dst = appendPyString(dst, c.Logger, j.layout.ascii)
		default:
			dst = j.plainField(dst, p, v)
		}
		dst = append(dst, ", "...)
	}
	dst = append(dst, s.static...)
	var keys [16]string
	n := 0
	r.Attrs(func(a slog.Attr) bool {
		if ok = n < len(keys) && !isSpecial(s, a.Key) && len(a.Key) < 1024 && !slices.Contains(keys[:n], a.Key); !ok {
			return false
		}
		keys[n] = a.Key
		n++
		dst = append(appendPyString(dst, a.Key, j.layout.ascii), ": "...)
		dst, ok = j.attr(dst, a.Value)
		dst = append(dst, ", "...)
		return ok
	})
	if n > 0 && !ok || len(dst)-mark > long || n < r.NumAttrs() {
		return dst[:mark], false
	}
	if s.stamp != nil {
		dst = append(appendStamp(append(dst, s.stamp...), v), ", "...)
	}
	if len(dst) > begun {
		dst = dst[:len(dst)-len(", ")]
	}
	return append(dst, '}'), true
}

// attr appends a value of slog's; false for one that takes a frame.
func (j *PyJSON) attr(dst []byte, v slog.Value) ([]byte, bool) {
	var val record.Value
	switch v.Kind() {
	case slog.KindString:
		return appendPyString(dst, v.String(), j.layout.ascii), len(v.String()) < record.MaxString
	case slog.KindInt64:
		return strconv.AppendInt(dst, v.Int64(), 10), true
	case slog.KindUint64:
		return strconv.AppendUint(dst, v.Uint64(), 10), true
	case slog.KindFloat64:
		return appendPyJSONFloat(dst, v.Float64()), true
	case slog.KindBool:
		return strconv.AppendBool(dst, v.Bool()), true
	case slog.KindDuration:
		val = record.Value{Type: record.Duration, Num: uint64(v.Duration())}
		return j.value(dst, &val, 1), true
	}
	return dst, false
}

// plainField is field, quicker for those that nearly all formats have.
func (j *PyJSON) plainField(dst []byte, p *piece, v *record.View) []byte {
	switch p.field {
	case fieldMessage:
		return j.layout.string(dst, v.Message)
	case fieldLevelName:
		mark := len(dst) + 1
		dst = append(append(append(dst, '"'), levelName(v.Level)...), '"')
		if isPlain(dst[mark : len(dst)-1]) {
			return dst
		}
		dst = dst[:mark-1]
	case fieldName:
		if len(v.Logger) > 0 {
			return j.layout.string(dst, v.Logger)
		}
	case fieldAscTime:
		mark := len(dst)
		dst = append(j.text.appendTime(append(dst, '"'), v), '"')
		if isPlain(dst[mark+1 : len(dst)-1]) {
			return dst
		}
		dst = dst[:mark]
	}
	return j.field(dst, p, v)
}

// isPlain reports whether a text is the same in JSON.
func isPlain(s []byte) bool {
	for _, b := range s {
		if !plainJSON[b] {
			return false
		}
	}
	return true
}

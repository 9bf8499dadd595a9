package format

import (
	"log/slog"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/girok/girok/record"
)

// straight is how most records are written: member after member, without a list of
// them. It is nil where the options may move or replace members.
type straight struct {
	heads   [][]byte // `"name": ` of each field of the format, each but the first with a comma before it
	static  []byte   // the members that all records have, each with a comma behind it
	stamp   []byte   // `"timestamp": `; nil for none
	calls   bool     // no field needs more than a call has
	special nameSet  // names that attributes may not have
	sites   sites
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
		h := head(j.required[i].name)
		if i > 0 {
			h = append([]byte(", "), h...)
		}
		s.heads = append(s.heads, h)
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
	s.special = *newNameSet(seen, j.skip, troubleNames)
	j.straight = s
}

// isSpecial reports whether an attribute is more than one.
func isSpecial[T string | []byte](s *straight, key T) bool {
	return hasName(&s.special, key) || key[0] == '_'
}

// append appends the line; false, and dst as it was, for a record that takes the
// other way: it has an error, or attributes with the names of fields or with one name.
func (s *straight) append(dst []byte, j *PyJSON, v *record.View) (_ []byte, ok bool) {
	mark := len(dst)
	dst = s.begin(dst, j, v)
	var keys [mostKeys][]byte
	if dst, _, ok = s.members(dst, j, v.Attrs(), &keys); !ok {
		return dst[:mark], false
	}
	return s.end(dst, j, v), true
}

// mostKeys is how many attributes are looked through for one name.
const mostKeys = 16

// begin appends what stands before the attributes.
func (s *straight) begin(dst []byte, j *PyJSON, v *record.View) []byte {
	dst = append(append(dst, j.prefix...), '{')
	for i := range j.required {
		dst = j.plainField(append(dst, s.heads[i]...), &j.required[i], v)
	}
	if len(j.required) > 0 {
		dst = append(dst, ", "...)
	}
	return append(dst, s.static...)
}

// end appends what stands behind them. The line has a comma at its end, unless it
// has no member.
func (s *straight) end(dst []byte, j *PyJSON, v *record.View) []byte {
	if s.stamp != nil {
		dst = append(appendStamp(append(dst, s.stamp...), v), ", "...)
	}
	if dst[len(dst)-1] == ' ' {
		dst = dst[:len(dst)-len(", ")]
	}
	return append(dst, '}')
}

// members appends attributes and notes their keys; false where they take the other
// way.
func (s *straight) members(dst []byte, j *PyJSON, a record.Attrs, keys *[mostKeys][]byte) (_ []byte, n int, ok bool) {
	var key []byte
	var val record.Value
	for ; a.Next(&key, &val); n++ {
		if n == len(keys) || isSpecial(s, key) {
			return dst, n, false
		}
		for _, k := range keys[:n] {
			if len(k) == len(key) && string(k) == string(key) {
				return dst, n, false
			}
		}
		keys[n] = key
		dst = append(j.layout.string(dst, key), ": "...)
		dst = append(j.value(dst, &val, 1), ", "...)
	}
	return dst, n, true
}

// AppendCall is Append for a call that is not encoded, the same bytes. ok is false
// when it takes a frame.
func (j *PyJSON) AppendCall(dst []byte, c *record.Call) (_ []byte, ok bool) {
	s := j.straight
	bound, whole := c.Bound.Attrs()
	if s == nil || !s.calls || !whole || !isShort(c) {
		return dst, false
	}
	mark, v := len(dst), c.Head()
	if c.Bound == nil {
		dst, ok = s.call(dst, j, c, v)
	} else {
		var keys [mostKeys][]byte
		n := 0
		if dst, n, ok = s.members(s.begin(dst, j, v), j, bound, &keys); ok {
			dst, ok = s.own(dst, j, c, keys[:n])
		}
	}
	if !ok || len(dst)-mark > long {
		return dst[:mark], false
	}
	return s.end(dst, j, v), true
}

// call appends the line of a call up to its end; false where it takes the other way.
func (s *straight) call(dst []byte, j *PyJSON, c *record.Call, v *record.View) (_ []byte, ok bool) {
	t := s.sites.of(c)
	if t != nil {
		mark := len(dst)
		if dst, ok = t.append(dst, j, c, v); ok {
			return dst, true
		}
		dst = dst[:mark]
	}
	names := record.LevelNames()
	if dst, ok = s.own(s.begin(dst, j, v), j, c, nil); !ok {
		return dst, false
	}
	if t = s.sites.learns(c, names); t != nil {
		s.learn(t, j, v)
		s.sites.keep(c, t)
	}
	return dst, true
}

// learn makes the text of a call that the straight way was good for.
func (s *straight) learn(t *site, j *PyJSON, v *record.View) {
	text := append([]byte(j.prefix), '{')
	for i := range j.required {
		p := &j.required[i]
		text = append(text, s.heads[i]...)
		switch p.field {
		case fieldName, fieldLevelName, fieldLevelNo:
			text = j.plainField(text, p, v)
		default:
			t.head = append(t.head, hole{text, p})
			text = nil
		}
	}
	if len(j.required) > 0 {
		text = append(text, ", "...)
	}
	t.rest = append(text, s.static...)
	for i := range t.keys {
		k := &t.keys[i]
		if i > 0 {
			k.Text = append(k.Text, ", "...)
		}
		k.Text = append(j.layout.string(k.Text, []byte(k.Name)), ": "...)
	}
	if len(t.keys) > 0 {
		t.end = []byte(", ")
	}
}

// append appends the line of a call that is known up to its end; false if it has other
// keys this time, or a value that takes a frame.
func (t *site) append(dst []byte, j *PyJSON, c *record.Call, v *record.View) (_ []byte, ok bool) {
	front, back := c.Attrs()
	if len(front)+len(back) != len(t.keys) {
		return dst, false
	}
	for i := range t.head {
		h := &t.head[i]
		dst = j.plainField(append(dst, h.text...), h.field, v)
	}
	if dst, ok = t.values(append(dst, t.rest...), j, t.keys, front); ok && len(back) > 0 {
		dst, ok = t.values(dst, j, t.keys[len(front):], back)
	}
	return append(dst, t.end...), ok
}

func (t *site) values(dst []byte, j *PyJSON, keys []record.Key, attrs []slog.Attr) (_ []byte, ok bool) {
	for i := range attrs {
		a, k := &attrs[i], &keys[i]
		if a.Key != k.Name {
			return dst, false
		}
		if dst, ok = j.attr(append(dst, k.Text...), &a.Value); !ok {
			return dst, false
		}
	}
	return dst, true
}

// own appends the attributes of the call itself, behind those that are bound; false
// where they take the other way.
func (s *straight) own(dst []byte, j *PyJSON, c *record.Call, bound [][]byte) (_ []byte, ok bool) {
	front, back := c.Attrs()
	if len(bound)+len(front)+len(back) > mostKeys {
		return dst, false
	}
	seen := uint64(0)
	for part, attrs := range [...][]slog.Attr{front, back} {
		for i := range attrs {
			a := &attrs[i]
			if isSpecial(s, a.Key) || len(a.Key) >= longKey || contains(bound, a.Key) {
				return dst, false
			}
			bit := uint64(1) << ((int(a.Key[0]) + 8*len(a.Key)) & 63)
			if seen&bit != 0 && (hasKey(attrs[:i], a.Key) || part > 0 && hasKey(front, a.Key)) {
				return dst, false
			}
			seen |= bit
			dst = append(appendPyString(dst, a.Key, j.layout.ascii), ": "...)
			if dst, ok = j.attr(dst, &a.Value); !ok {
				return dst, false
			}
			dst = append(dst, ", "...)
		}
	}
	return dst, true
}

func hasKey(attrs []slog.Attr, key string) bool {
	for i := range attrs {
		if attrs[i].Key == key {
			return true
		}
	}
	return false
}

func contains(keys [][]byte, key string) bool {
	return slices.ContainsFunc(keys, func(k []byte) bool { return string(k) == key })
}

// attr appends a value of slog's; false for one that takes a frame.
func (j *PyJSON) attr(dst []byte, v *slog.Value) ([]byte, bool) {
	switch v.Kind() {
	case slog.KindString:
		return appendPyString(dst, v.String(), j.layout.ascii), len(v.String()) < record.MaxString
	case slog.KindInt64:
		return record.AppendInt(dst, int64(record.Bits(v))), true
	case slog.KindUint64:
		return strconv.AppendUint(dst, record.Bits(v), 10), true
	case slog.KindFloat64:
		return appendPyJSONFloat(dst, math.Float64frombits(record.Bits(v))), true
	case slog.KindBool:
		return strconv.AppendBool(dst, record.Bits(v) != 0), true
	case slog.KindDuration:
		d := time.Duration(record.Bits(v))
		if micro := d.Abs(); micro >= time.Microsecond && micro < time.Millisecond {
			return appendPyString(dst, d.String(), j.layout.ascii), true // µ
		}
		return append(record.AppendDuration(append(dst, '"'), d), '"'), true
	}
	return dst, false
}

// plainField is field, quicker for those that nearly all formats have.
func (j *PyJSON) plainField(dst []byte, p *piece, v *record.View) []byte {
	switch p.field {
	case fieldMessage:
		return j.layout.string(dst, v.Message)
	case fieldLevelName:
		if out, ok := record.AppendPlain(dst, levelName(v.Level)); ok {
			return out
		}
	case fieldName:
		if len(v.Logger) > 0 {
			return j.layout.string(dst, v.Logger)
		}
	case fieldAscTime:
		sec, ms := created(v)
		if s := j.text.clock.at(sec); s.plain {
			return append(j.text.appendStamp(append(dst, '"'), s, ms), '"')
		}
	}
	return j.field(dst, p, v)
}

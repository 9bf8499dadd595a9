package format

import (
	"bytes"
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/girok/girok/record"
)

// PyJSON writes a record as python-json-logger does:
//
//	{"asctime": "2024-03-05 22:45:06,123", "levelname": "INFO", "message": "order placed", "user": "kim"}
//
// First come the fields of the format, then static_fields, the error and the stack,
// and the record's own attributes. Where version 2.0.7 of the package loses a
// record, because a field that is to be renamed is not there, it is written.
type PyJSON struct {
	text       *Text // reads the fields
	required   []piece
	extra      []piece // attributes of Python's records that reserved_attrs does not name
	static     []jsonMember
	defaults   []jsonMember
	rename     []renamed
	skip       map[string]bool // names that attributes don't have
	stamp      string          // name of the timestamp; "" for none
	prefix     string
	layout     jsonLayout
	newer      bool // version 3.3 and later
	keep       bool // rename_fields_keep_missing
	excLines   bool
	stackLines bool
	straight   *straight
}

// jsonMember is a member that all records have.
type jsonMember struct {
	key  string
	text []byte // JSON
}

type renamed struct{ from, to string }

// object is one object while it is made: its members in order.
type object struct {
	members []member
	key     []byte
}

type member struct {
	key   string
	name  []byte // the key, in the record; nil: it is key
	kind  memberKind
	field *piece
	json  []byte
	value record.Value
}

type memberKind uint8

const (
	isNull memberKind = iota
	isField
	isJSON
	isAttr
	isLines
	isStamp
)

var objects = sync.Pool{New: func() any { return new(object) }}

// NeedsCaller implements Formatter.
func (j *PyJSON) NeedsCaller() bool { return j.text.caller }

// Of is j for the records of another process: see Text.Of.
func (j *PyJSON) Of(pid int, started time.Time) Formatter {
	c := *j
	c.text = j.text.Of(pid, started).(*Text)
	return &c
}

// Append implements Formatter.
func (j *PyJSON) Append(dst []byte, v *record.View) []byte {
	if j.straight != nil {
		if out, ok := j.straight.append(dst, j, v); ok {
			return out
		}
	}
	return j.appendMembers(dst, v)
}

// appendMembers collects all members before it writes them.
func (j *PyJSON) appendMembers(dst []byte, v *record.View) []byte {
	o := objects.Get().(*object)
	o.members = o.members[:0]
	j.fill(o, v)
	if !j.newer {
		j.moveRenamed(o)
	}
	dst = j.write(append(dst, j.prefix...), o, v)
	clear(o.members)
	objects.Put(o)
	return dst
}

// set puts a member in, in the place of one of the same name.
func (o *object) set(m member) {
	for i := range o.members {
		if x := &o.members[i]; x.same(&m) {
			m.key, m.name = x.key, x.name
			*x = m
			return
		}
	}
	o.members = append(o.members, m)
}

func (m *member) same(x *member) bool {
	if x.name != nil {
		return m.is(string(x.name))
	}
	return m.is(x.key)
}

func (m *member) is(name string) bool {
	if m.name != nil {
		return string(m.name) == name
	}
	return m.key == name
}

func (o *object) find(name string) *member {
	for i := range o.members {
		if o.members[i].is(name) {
			return &o.members[i]
		}
	}
	return nil
}

// fill collects the members.
func (j *PyJSON) fill(o *object, v *record.View) {
	for i := range j.defaults {
		d := &j.defaults[i]
		o.set(member{key: j.early(d.key), kind: isJSON, json: d.text})
	}
	for i := range j.required {
		p := &j.required[i]
		o.set(member{key: j.early(p.name), kind: isField, field: p})
	}
	for i := range j.static {
		s := &j.static[i]
		o.set(member{key: j.early(s.key), kind: isJSON, json: s.text})
	}
	t := troublesOf(v)
	j.setText(o, attrExcInfo, t.exc, j.excLines)
	j.setText(o, attrStackInfo, t.stack, j.stackLines)
	for i := range j.extra {
		p := &j.extra[i]
		if p.field < fieldExcInfo || p.field == fieldArgs || o.find(p.name) == nil {
			o.set(member{key: j.anew(p.name), kind: isField, field: p})
		}
	}
	j.attrs(o, v)
	if j.stamp != "" {
		o.set(member{key: j.early(j.stamp), kind: isStamp})
	}
	for i := range j.rename {
		if j.keep && o.find(j.rename[i].to) == nil {
			o.set(member{key: j.rename[i].to})
		}
	}
}

func (j *PyJSON) setText(o *object, key string, text []byte, lines bool) {
	if len(text) == 0 {
		return
	}
	m := member{key: j.early(key), kind: isAttr, value: record.Value{Type: record.String, Raw: text}}
	if lines {
		m.kind = isLines
	}
	o.set(m)
}

// attrs collects the record's own attributes.
func (j *PyJSON) attrs(o *object, v *record.View) {
	var key []byte
	var val record.Value
	if !j.newer && !j.skip["taskName"] && find(v.Attrs(), given[fieldTaskName], &val) {
		o.set(member{key: j.anew("taskName"), kind: isAttr, value: val})
	}
	for a := v.Attrs(); a.Next(&key, &val); {
		m := member{name: key, kind: isAttr, value: val}
		switch {
		case len(key) > 0 && key[0] == '_' || isTrouble(key, &val):
			continue
		case j.skip[string(key)] && fields[string(key)] == fieldNone:
			continue // the format has it, or it is reserved
		case fields[string(key)] != fieldNone:
			m.key, m.name = "extra."+string(key), nil
		case len(j.rename) > 0 || len(key) == 0:
			m.key, m.name = j.anew(string(key)), nil
		}
		o.set(m)
	}
}

// early is the name of a field when it is put in: version 2 renames at the end.
func (j *PyJSON) early(name string) string {
	if j.newer {
		return j.anew(name)
	}
	return name
}

func (j *PyJSON) anew(name string) string {
	for i := range j.rename {
		if j.rename[i].from == name {
			return j.rename[i].to
		}
	}
	return name
}

// moveRenamed renames as version 2 does: renamed members go to the end.
func (j *PyJSON) moveRenamed(o *object) {
	for _, r := range j.rename {
		from := o.find(r.from)
		if from == nil {
			continue
		}
		m := *from
		m.key, m.name = r.to, nil
		o.set(m)
		o.members = slices.DeleteFunc(o.members, func(m member) bool { return m.is(r.from) })
	}
}

func (j *PyJSON) write(dst []byte, o *object, v *record.View) []byte {
	if len(o.members) == 0 {
		return append(dst, "{}"...)
	}
	dst = append(dst, '{')
	for i := range o.members {
		m := &o.members[i]
		dst = j.layout.next(dst, i, 1)
		if m.name != nil {
			dst = j.layout.string(dst, m.name)
		} else {
			o.key = append(o.key[:0], m.key...)
			dst = j.layout.string(dst, o.key)
		}
		dst = j.member(append(dst, ": "...), m, v)
	}
	return append(j.layout.end(dst, 0), '}')
}

func (j *PyJSON) member(dst []byte, m *member, v *record.View) []byte {
	switch m.kind {
	case isJSON:
		return append(dst, m.json...)
	case isAttr:
		return j.value(dst, &m.value, 1)
	case isField:
		return j.field(dst, m.field, v)
	case isStamp:
		return appendStamp(dst, v)
	case isLines:
		dst = append(dst, '[')
		for i, line := range bytes.Split(bytes.TrimSuffix(m.value.Raw, []byte{'\n'}), []byte{'\n'}) {
			dst = j.layout.string(j.layout.next(dst, i, 2), line)
		}
		return append(j.layout.end(dst, 1), ']')
	}
	return append(dst, "null"...)
}

// field appends a field that the format names; what a record lacks is null.
func (j *PyJSON) field(dst []byte, p *piece, v *record.View) []byte {
	var x operand
	if !j.text.load(&x, p, v) {
		return j.missing(dst, p.name)
	}
	switch x.kind {
	case isArgs:
		return append(dst, "[]"...)
	case isValue:
		return j.value(dst, &x.value, 1)
	case isNone:
		return append(dst, "null"...)
	case isFloat:
		return appendPyJSONFloat(dst, math.Float64frombits(x.num))
	case isBool:
		return strconv.AppendBool(dst, x.num != 0)
	case isInt, isUint:
		return x.appendStr(dst)
	}
	mark := len(dst)
	return j.layout.requote(x.appendStr(dst), mark)
}

func (j *PyJSON) missing(dst []byte, name string) []byte {
	for i := range j.defaults {
		if j.defaults[i].key == name {
			return append(dst, j.defaults[i].text...)
		}
	}
	return append(dst, "null"...)
}

// value appends an attribute's value.
func (j *PyJSON) value(dst []byte, v *record.Value, depth int) []byte {
	mark := len(dst)
	switch v.Type {
	case record.Null:
		return append(dst, "null"...)
	case record.False, record.True:
		return strconv.AppendBool(dst, v.Type == record.True)
	case record.Float:
		return appendPyJSONFloat(dst, v.Float())
	case record.Int:
		return strconv.AppendInt(dst, v.Int(), 10)
	case record.Uint:
		return strconv.AppendUint(dst, v.Num, 10)
	case record.String, record.Err:
		return j.layout.string(dst, v.Raw)
	case record.JSON:
		return j.layout.json(dst, v.Raw, depth)
	case record.Group:
		return j.group(dst, v.Attrs(), depth)
	case record.Time:
		dst = appendPyTime(dst, v)
		dst[mark+bytes.IndexByte(dst[mark:], ' ')] = 'T'
	case record.Bytes:
		if j.newer {
			dst = base64.URLEncoding.AppendEncode(dst, v.Raw)
		} else {
			dst = appendBytesRepr(dst, v.Raw)
		}
	default:
		dst = v.AppendText(dst)
	}
	return j.layout.requote(dst, mark)
}

func (j *PyJSON) group(dst []byte, a record.Attrs, depth int) []byte {
	var key []byte
	var v record.Value
	dst = append(dst, '{')
	n := 0
	for ; a.Next(&key, &v); n++ {
		dst = j.layout.next(dst, n, depth+1)
		dst = append(j.layout.string(dst, key), ": "...)
		dst = j.value(dst, &v, depth+1)
	}
	if n > 0 {
		dst = j.layout.end(dst, depth)
	}
	return append(dst, '}')
}

// appendStamp appends the time in UTC, its microseconds rounded from the float.
func appendStamp(dst []byte, v *record.View) []byte {
	f := createdFloat(v)
	whole := math.Floor(f)
	us := int64(math.RoundToEven((f - whole) * 1e6))
	t := time.Unix(int64(whole), us*1000).UTC()
	dst = t.AppendFormat(append(dst, '"'), "2006-01-02T15:04:05")
	if us %= 1e6; us != 0 {
		dst = append(dst, '.')
		for unit := int64(100_000); unit > 0; unit /= 10 {
			dst = append(dst, '0'+byte(us/unit%10))
		}
	}
	return append(dst, `+00:00"`...)
}

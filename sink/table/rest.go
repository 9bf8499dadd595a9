package table

import (
	"fmt"
	"slices"
	"unsafe"

	"github.com/girok/girok/record"
)

// dearRest is for how many records commonRest is not tried after it was of no use.
const dearRest = 15

// commonRest is what the rest column gets of a record whose attributes are all
// of the common kind and go to no column: it is made in one walk, without the
// walk that finds them. ok is false for any other record.
func (m *Mapper) commonRest(v *record.View) (rest []byte, ok bool) {
	if m.rest < 0 || m.newColumns == "reject" {
		return nil, false
	}
	if m.unlike > 0 {
		m.unlike--
		return nil, false
	}
	start := len(m.buf)
	attrs := v.Attrs()
	m.buf = attrs.AppendCommon(append(m.buf, '{'), m.lengths)
	if !attrs.Empty() {
		m.buf, m.unlike = m.buf[:start], dearRest
		return nil, false
	}
	m.taking = false
	return m.object(start), true
}

// object ends the object whose brace lies at start of buf and whose members
// begin with a comma; nil without members.
func (m *Mapper) object(start int) []byte {
	if len(m.buf) == start+1 {
		m.buf = m.buf[:start]
		return nil
	}
	m.buf = append(m.buf, '}')
	m.buf[start+1] = m.buf[start] // the comma of the first member goes
	return m.since(start + 1)
}

// remains fills the rest column of a row with the attributes that no column
// took; without any it is NULL.
func (m *Mapper) remains(row []Value) error {
	if m.newColumns == "reject" {
		if key, ok := m.stray(); ok {
			return fmt.Errorf("attribute %s has no column, and new columns are rejected", key)
		}
	}
	if m.rest < 0 {
		return nil
	}
	start := len(m.buf)
	m.buf = append(m.buf, '{')
	m.buf = m.appendAttrs(m.buf, m.view.Attrs())
	if rest := m.object(start); rest != nil {
		row[m.rest] = Value{Type: JSON, Raw: cleanJSON(rest)}
	}
	return nil
}

// stray is the key of the first attribute that is not wholly in columns, or
// could be if its values fitted.
func (m *Mapper) stray() (string, bool) {
	kept := m.slots
	m.slots = slices.Clone(m.slots)
	defer func() { m.slots = kept }()
	for i := range m.slots {
		m.slots[i].keep = false
	}
	members := membersOf(append([]byte("{"), append(m.appendAttrs(nil, m.view.Attrs()), '}')...))
	quoted, _, ok := members.next()
	if !ok {
		return "", false
	}
	return string(plainKey(quoted)), true
}

// appendAttrs appends `,"key":value` for each attribute of the record that no
// column took.
func (m *Mapper) appendAttrs(dst []byte, attrs record.Attrs) []byte {
	if !m.taking {
		return attrs.AppendMembers(dst)
	}
	var key []byte
	var val record.Value
	for attrs.Next(&key, &val) {
		whole, part := m.taken(unsafe.SliceData(key))
		switch {
		case whole:
		case part:
			dst = m.appendMember(dst, key, &val)
		default:
			dst = append(dst, ',')
			dst = record.AppendJSONString(dst, key)
			dst = append(dst, ':')
			dst = val.AppendJSON(dst)
		}
	}
	return dst
}

// taken reports whether a column took all of what lies at p, or something in
// the outermost attribute at p.
func (m *Mapper) taken(p *byte) (whole, part bool) {
	for i := range m.slots {
		s := &m.slots[i]
		if !s.found || s.keep {
			continue
		}
		if s.at == p {
			return true, false
		}
		part = part || s.top == p
	}
	return false, part
}

// appendMember appends `,"key":value` without what columns took of the value;
// nothing if nothing is left of it.
func (m *Mapper) appendMember(dst, key []byte, val *record.Value) []byte {
	start := len(dst)
	dst = append(dst, ',')
	dst = record.AppendJSONString(dst, key)
	dst = append(dst, ':')
	n := len(dst)
	if dst = m.appendValue(dst, val); len(dst) == n {
		return dst[:start]
	}
	return dst
}

func (m *Mapper) appendValue(dst []byte, val *record.Value) []byte {
	switch {
	case val.Type == record.Group:
		start := len(dst)
		dst = append(dst, '{')
		n := len(dst)
		var key []byte
		var in record.Value
		for a := val.Attrs(); a.Next(&key, &in); {
			if whole, _ := m.taken(unsafe.SliceData(key)); !whole {
				dst = m.appendMember(dst, key, &in)
			}
		}
		return closeObject(dst, start, n)
	case val.Type == record.JSON && m.reaches(val.Raw):
		return m.appendObject(dst, val.Raw)
	}
	return val.AppendJSON(dst)
}

// appendObject appends a JSON object without the members that columns took.
func (m *Mapper) appendObject(dst, text []byte) []byte {
	start := len(dst)
	dst = append(dst, '{')
	n := len(dst)
	members := membersOf(text)
	for {
		key, value, ok := members.next()
		if !ok {
			return closeObject(dst, start, n)
		}
		if whole, _ := m.taken(unsafe.SliceData(value)); whole {
			continue
		}
		mark := len(dst)
		dst = append(dst, ',')
		dst = append(dst, key...)
		dst = append(dst, ':')
		if !m.reaches(value) {
			dst = append(dst, value...)
			continue
		}
		filled := len(dst)
		if dst = m.appendObject(dst, value); len(dst) == filled {
			dst = dst[:mark]
		}
	}
}

// reaches reports whether a column took something that lies in text.
func (m *Mapper) reaches(text []byte) bool {
	if len(text) == 0 {
		return false
	}
	from := uintptr(unsafe.Pointer(unsafe.SliceData(text)))
	for i := range m.slots {
		s := &m.slots[i]
		at := uintptr(unsafe.Pointer(s.at))
		if s.found && !s.keep && at > from && at < from+uintptr(len(text)) {
			return true
		}
	}
	return false
}

// closeObject ends the object that begins at start and whose members begin at n
// with a comma; one without members goes.
func closeObject(dst []byte, start, n int) []byte {
	if len(dst) == n {
		return dst[:start]
	}
	return append(append(dst[:n], dst[n+1:]...), '}')
}

package table

import (
	"strings"
	"unsafe"

	"github.com/girok/girok/record"
)

// addSlot makes room for the attribute at path and returns its slot.
func (m *Mapper) addSlot(path string) int {
	if i, ok := m.exact[path]; ok {
		return i
	}
	m.exact[path] = len(m.slots)
	m.lengths |= 1 << (len(path) & 63)
	if head, _, dotted := strings.Cut(path, "."); dotted {
		m.nested = append(m.nested, len(m.slots))
		m.heads[head] = true
	}
	m.slots = append(m.slots, slot{path: path})
	return len(m.slots) - 1
}

// find looks up all slots in one walk over the record's attributes. Where a key
// comes twice the later value is taken, and the earlier one stays in the rest.
func (m *Mapper) find(v *record.View) {
	m.taking = false
	if len(m.slots) == 0 {
		return
	}
	for i := range m.slots {
		s := &m.slots[i]
		s.found, s.keep, s.klen = false, false, 0
	}
	var key []byte
	var val record.Value
	for a := v.Attrs(); a.Next(&key, &val); {
		if m.lengths>>(len(key)&63)&1 == 0 {
			// no path has this length, as is so for most keys
		} else if i, ok := m.exact[string(key)]; ok {
			m.taking = true
			at := unsafe.SliceData(key)
			s := &m.slots[i]
			s.found, s.klen, s.val, s.top, s.at = true, len(key), val, at, at
		}
		if len(m.nested) > 0 && (val.Type == record.Group || val.Type == record.JSON) {
			m.findBelow(key, &val)
		}
	}
}

// findBelow looks for the slots whose path leads into the attribute key.
func (m *Mapper) findBelow(key []byte, val *record.Value) {
	for _, i := range m.nested {
		s := &m.slots[i]
		path, ok := below(s.path, string(key))
		if !ok || len(key) < s.klen {
			continue
		}
		in := *val
		if at, ok := seek(&in, path); ok {
			m.taking = true
			s.found, s.klen, s.val, s.top, s.at = true, len(key), in, unsafe.SliceData(key), at
		}
	}
}

// below is what is left of path after key and a dot.
func below(path, key string) (rest string, ok bool) {
	if len(path) <= len(key) || path[len(key)] != '.' || path[:len(key)] != key {
		return "", false
	}
	return path[len(key)+1:], true
}

// seek replaces v by what lies at path in it. An attribute's own key may hold
// dots: the longest key that leads on is taken, of equal ones the last.
func seek(v *record.Value, path string) (at *byte, ok bool) {
	switch v.Type {
	case record.Group:
		return seekGroup(v, path)
	case record.JSON:
		return seekJSON(v, path)
	}
	return nil, false
}

func seekGroup(v *record.Value, path string) (at *byte, ok bool) {
	var key []byte
	var val, best record.Value
	longest := 0
	for a := v.Attrs(); a.Next(&key, &val); {
		if len(key) < longest {
			continue
		}
		if string(key) == path {
			best, at, ok, longest = val, unsafe.SliceData(key), true, len(key)
		} else if rest, deeper := below(path, string(key)); deeper {
			if p, found := seek(&val, rest); found {
				best, at, ok, longest = val, p, true, len(key)
			}
		}
	}
	if ok {
		*v = best
	}
	return at, ok
}

func seekJSON(v *record.Value, path string) (at *byte, ok bool) {
	best, longest := record.Value{}, 0
	m := membersOf(v.Raw)
	for {
		quoted, value, more := m.next()
		if !more {
			break
		}
		key := plainKey(quoted)
		if len(key) < longest {
			continue
		}
		val := record.Value{Type: record.JSON, Raw: value}
		if string(key) == path {
			best, at, ok, longest = val, unsafe.SliceData(value), true, len(key)
		} else if rest, deeper := below(path, string(key)); deeper {
			if p, found := seekJSON(&val, rest); found {
				best, at, ok, longest = val, p, true, len(key)
			}
		}
	}
	if ok {
		*v = best
	}
	return at, ok
}

package table

import (
	"slices"
	"strings"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// maxSkipped bounds the memory of keys that can't become columns.
const maxSkipped = 4096

// maxColumns bounds how wide `new_columns: add` makes a table: keys that a
// program makes up must not.
const maxColumns = 500

// Existing tells the mapper which columns the table has. With new_columns: add,
// those that the configuration does not name take the attributes of their name.
func (m *Mapper) Existing(table []Column) {
	if m.newColumns != "add" {
		return
	}
	clear(m.extra)
	for _, c := range table {
		m.extra[strings.ToLower(c.Name)] = c
	}
	for _, c := range m.cols {
		delete(m.extra, strings.ToLower(c.Name))
	}
}

// Discover gives the columns that the table lacks for attributes of b, typed
// after the first value that is not null; nil unless the configuration says
// new_columns: add. Add them to the table, then call Add. Attributes whose
// columns the table has already are taken from now on.
func (m *Mapper) Discover(b *sink.Batch) []Column {
	if m.newColumns != "add" {
		return nil
	}
	var found []Column
	names := map[string]bool{}
	var key []byte
	var val record.Value
	for i := range b.Len() {
		if b.At(i, &m.view) != nil {
			continue
		}
		for a := m.view.Attrs(); a.Next(&key, &val); {
			if _, known := m.exact[string(key)]; known || m.heads[string(key)] || m.skipped[string(key)] {
				continue
			}
			col, ok := m.newColumn(string(key), &val)
			if !ok || names[strings.ToLower(col.Name)] {
				continue
			}
			names[strings.ToLower(col.Name)] = true
			if there, ok := m.extra[strings.ToLower(col.Name)]; ok {
				there.source, there.path, there.added = fromAttr, col.path, true
				m.Add([]Column{there})
			} else if len(m.cols)+len(found) < maxColumns {
				found = append(found, col)
			}
		}
	}
	return found
}

// Add takes columns that Discover gave and that the table now has.
func (m *Mapper) Add(cols []Column) {
	for _, c := range cols {
		delete(m.extra, strings.ToLower(c.Name))
		m.add(c)
	}
}

// newColumn is the column for an attribute; ok is false if it must stay in rest.
func (m *Mapper) newColumn(key string, val *record.Value) (_ Column, ok bool) {
	v := *val
	if v.Type == record.JSON {
		var c converter
		c.scalar(&v)
	}
	if v.Type == record.Null {
		return Column{}, false
	}
	name := columnName(key)
	same := func(c Column) bool { return strings.EqualFold(c.Name, name) }
	if name == "" || slices.ContainsFunc(m.cols, same) {
		if len(m.skipped) < maxSkipped {
			m.skipped[strings.Clone(key)] = true
		}
		return Column{}, false
	}
	return Column{Name: name, From: "attr." + key, Type: typeOf(&v), source: fromAttr, path: strings.Clone(key), added: true}, true
}

// typeOf is the type that holds a value as it is.
func typeOf(v *record.Value) ColumnType {
	t := ColumnType{Type: String}
	switch v.Type {
	case record.False, record.True:
		t.Type = Bool
	case record.Int, record.Duration:
		t.Type = Int
	case record.Uint:
		t.Type = Int
		if int64(v.Num) < 0 {
			t = ColumnType{Decimal, 20, 0}
		}
	case record.Float:
		t.Type = Float
	case record.Time:
		t.Type = Timestamp
	case record.Bytes:
		t.Type = Bytes
	case record.Group:
		t.Type = JSON
	case record.JSON:
		t.Type = JSON
		if text := number(v); text != nil {
			t = typeOfNumber(v)
		}
	}
	return t
}

func typeOfNumber(v *record.Value) ColumnType {
	var c converter
	if _, ok := c.asInt(v); ok && !strings.ContainsAny(string(v.Raw), ".eE") {
		return ColumnType{Type: Int}
	}
	if _, ok := c.asFloat(v); ok {
		return ColumnType{Type: Float}
	}
	return ColumnType{Type: JSON}
}

// maxAdded is the longest name of an added column, in bytes: what all stores take.
const maxAdded = 63

// columnName is a name that every store takes for the attribute key: letters,
// digits and _; "" if there is none.
func columnName(key string) string {
	name := strings.Map(func(r rune) rune {
		if r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, key)
	if strings.Trim(name, "_") == "" || len(name) > maxAdded {
		return ""
	}
	if name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}

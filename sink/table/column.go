package table

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/girok/girok/config"
)

// Column is one column of a table.
type Column struct {
	Name string
	From string // the source as it is written in a configuration
	Type ColumnType

	source   origin
	path     string // of an attribute
	slot     int    // where a mapper finds it
	constant Value
	added    bool // not in the configuration: new_columns added it, or found it in the table
}

// column makes a column that is known to be right.
func column(name, from string, typ Type) Column {
	o, path, _, err := parseSource(from)
	if err != nil {
		panic(err)
	}
	return Column{Name: name, From: from, Type: ColumnType{Type: typ}, source: o, path: path}
}

// logColumns is the default schema of logs; the rest column stands in it where
// the configuration does not name or drop it.
var logColumns = []Column{
	column("created_at", "time", Timestamp),
	column("level", "levelname", String),
	column("severity", "severity", Int),
	column("logger", "logger", String),
	column("message", "message", String),
	{Name: "attributes", Type: ColumnType{Type: JSON}, source: fromRest},
	column("trace_id", "attr.trace_id", String),
	column("span_id", "attr.span_id", String),
	column("source", "source", String),
	column("host", "host", String),
	column("service", "service", String),
	column("service_version", "service_version", String),
	column("record_id", "record_id", String),
}

// Columns is the `columns` of a configuration, in its order: a map from a
// column's name to its source, or to {from, type}.
type Columns []Column

// FromNode reads the columns; it implements config.Unmarshaler.
func (c *Columns) FromNode(n *config.Node, ps *config.Problems) {
	if n.IsZero() {
		return
	}
	if n.Kind() != config.Map {
		ps.Add(n.Pos(), n.Path(), "want a map from columns to where they come from, as level: levelname")
		return
	}
	*c = nil
	seen := map[string]string{}
	for _, k := range n.Keys() {
		value := n.Get(k.Name)
		if msg := nameProblem(k.Name); msg != "" {
			ps.Add(k.Pos, value.Path(), "%s", msg)
			continue
		}
		folded := strings.ToLower(k.Name)
		if other, twice := seen[folded]; twice {
			ps.Add(k.Pos, value.Path(), "the column is there already as %q: case makes no difference in a database", other)
			continue
		}
		seen[folded] = k.Name
		if col, ok := readColumn(value, ps); ok {
			col.Name = k.Name
			*c = append(*c, col)
		}
	}
}

// DescribeType says what is wanted; it implements config.Describer.
func (*Columns) DescribeType() string {
	return "a map from columns to their source, or to {from: source, type: type}"
}

// maxName is the longest name of a column, in bytes: stores with shorter ones say so.
const maxName = 128

// nameProblem says what is wrong with the name of a column; "" if nothing is.
func nameProblem(name string) string {
	switch {
	case strings.TrimSpace(name) == "":
		return "a column needs a name"
	case len(name) > maxName:
		return fmt.Sprintf("the name of a column has at most %d bytes, this one %d", maxName, len(name))
	case !plainName(name):
		return "the name of a column can't hold control characters"
	}
	return ""
}

func plainName(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError })
}

// columnKeys is a column that is written as a map.
type columnKeys struct {
	From string `yaml:"from,required" doc:"where the values come from"`
	Type string `yaml:"type" doc:"the column's type; that of the source if absent"`
}

func readColumn(n *config.Node, ps *config.Problems) (Column, bool) {
	var keys columnKeys
	before := len(*ps)
	if n.Kind() == config.Map {
		config.Decode(n, ps, &keys)
	} else {
		config.DecodeValue(n, ps, &keys.From)
		if keys.From == "" && len(*ps) == before {
			ps.Add(n.KeyPos(), n.Path(), "want a source, as levelname or attr.user, or a map {from: …, type: …}")
		}
	}
	if len(*ps) > before {
		return Column{}, false
	}
	col := Column{From: keys.From}
	at := func(key string) (config.Pos, string) {
		if n.Kind() != config.Map {
			return n.Pos(), n.Path()
		}
		return n.Get(key).Pos(), n.Path() + "." + key
	}
	var natural Type
	var err error
	if col.source, col.path, natural, err = parseSource(keys.From); err != nil {
		pos, path := at("from")
		ps.Add(pos, path, "%v", err)
		return col, false
	}
	if keys.Type == "" {
		keys.Type = natural.String()
	}
	if err = col.setType(keys.Type); err != nil {
		pos, path := at("type")
		ps.Add(pos, path, "%v", err)
	}
	return col, err == nil
}

func (c *Column) setType(text string) (err error) {
	if c.Type, err = ParseType(text); err != nil {
		return err
	}
	if c.source == fromText {
		c.constant, err = constant(c.path, c.Type)
		return err
	}
	if !c.source.fits(c.Type.Type) {
		return &misfit{c.From, c.Type}
	}
	return nil
}

// misfit says that a source can't fill a type.
type misfit struct {
	from string
	typ  ColumnType
}

func (m *misfit) Error() string {
	o, _, _, _ := parseSource(m.from)
	var can []string
	for t := String; t <= Bytes; t++ {
		if o.fits(t) {
			can = append(can, t.String())
		}
	}
	return m.from + " can't fill a column of type " + m.typ.String() + "; it can: " + strings.Join(can, ", ")
}

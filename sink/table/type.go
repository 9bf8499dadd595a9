package table

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/girok/girok/config"
)

// Type is the type of a column or value, the same for all stores.
type Type uint8

// The types. Null is only a value's.
const (
	Null Type = iota
	String
	Int
	Float
	Decimal
	Bool
	Timestamp
	DateTime
	Date
	JSON
	Bytes
)

var typeNames = [...]string{"null", "string", "int", "float", "decimal", "bool", "timestamp", "datetime", "date", "json", "bytes"}

func (t Type) String() string { return typeNames[t] }

// ColumnType is a type with what belongs to it.
type ColumnType struct {
	Type      Type
	Precision int // of a decimal: digits in all, 1 to 38
	Scale     int // of a decimal: digits after the point, at most Precision
}

func (t ColumnType) String() string {
	if t.Type == Decimal {
		return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale)
	}
	return t.Type.String()
}

// otherNames are what databases call the types.
var otherNames = map[string]string{
	"text": "string", "varchar": "string", "char": "string", "integer": "int", "bigint": "int", "int64": "int",
	"double": "float", "real": "float", "float64": "float", "numeric": "decimal(18,4)", "boolean": "bool",
	"timestamptz": "timestamp", "blob": "bytes", "bytea": "bytes", "binary": "bytes", "jsonb": "json", "variant": "json",
}

// MaxPrecision is the most digits a decimal can have: what all stores hold.
const MaxPrecision = 38

// ParseType reads a type as it is written in a configuration.
func ParseType(s string) (ColumnType, error) {
	name, args, ok := strings.Cut(strings.ReplaceAll(strings.TrimSpace(s), " ", ""), "(")
	if name == "decimal" {
		return parseDecimalType(args, ok)
	}
	if strings.HasPrefix(name, "list<") {
		return ColumnType{}, fmt.Errorf("lists are not possible yet; json holds them")
	}
	for t := String; int(t) < len(typeNames); t++ {
		if typeNames[t] == name && !ok {
			return ColumnType{Type: t}, nil
		}
	}
	known := typeNames[String:]
	near := otherNames[strings.ToLower(name)]
	if near == "" {
		near = config.Suggest(name, known)
	}
	if near != "" {
		return ColumnType{}, fmt.Errorf("%q is no type; did you mean %q?", s, near)
	}
	return ColumnType{}, fmt.Errorf("%q is no type; known: %s", s, strings.Join(known, ", "))
}

func parseDecimalType(args string, ok bool) (ColumnType, error) {
	inner, closed := strings.CutSuffix(args, ")")
	p, s, two := strings.Cut(inner, ",")
	t := ColumnType{Type: Decimal}
	var err1, err2 error
	t.Precision, err1 = strconv.Atoi(p)
	if two {
		t.Scale, err2 = strconv.Atoi(s)
	}
	if !ok || !closed || err1 != nil || err2 != nil {
		return t, fmt.Errorf("want decimal(digits, digits after the point), as decimal(18,4)")
	}
	if t.Precision < 1 || t.Precision > MaxPrecision || t.Scale < 0 || t.Scale > t.Precision {
		return t, fmt.Errorf("a decimal has 1 to %d digits, of which at most all stand after the point", MaxPrecision)
	}
	return t, nil
}

package config

import (
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/girok/girok/internal/pattern"
)

// scalarType is what YAML 1.1 makes of a scalar.
type scalarType uint8

const (
	typeText scalarType = iota
	typeNull
	typeBool
	typeInt
	typeFloat
	typeTime
)

// PyTime is a date or a date with time, as PyYAML makes them of unquoted scalars
// such as 2024-01-02 and 2024-01-02 03:04:05.
type PyTime struct {
	Time     time.Time // UTC if the text names no zone
	DateOnly bool      // Python's date, not datetime
	Naive    bool      // no zone was written
}

// The regular expressions of PyYAML 6.0's resolver.
var (
	pyInt = pattern.Lazy{Expr: `^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)` +
		`|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$`}
	pyFloat = pattern.Lazy{Expr: `^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?` +
		`|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*` +
		`|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`}
	pyTime = pattern.Lazy{Expr: `^(\d\d\d\d)-(\d\d?)-(\d\d?)(?:(?:[Tt]|[ \t]+)` +
		`(\d\d?):(\d\d):(\d\d)(?:\.(\d*))?(?:[ \t]*(Z|([-+])(\d\d?)(?::(\d\d))?))?)?$`}
	pyDate = pattern.Lazy{Expr: `^\d\d\d\d-\d\d-\d\d$`}
)

// yamlBool gives the value of a word in one of YAML 1.1's spellings.
func yamlBool(text string) (value, ok bool) {
	switch text {
	case "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return true, true
	case "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return false, true
	}
	return false, false
}

// resolve gives the type of an unquoted scalar. What PyYAML recognizes but then
// fails to construct (0b_, 2024-13-45) is text here.
func resolve(text string) scalarType {
	switch text {
	case "", "~", "null", "Null", "NULL":
		return typeNull
	}
	if _, ok := yamlBool(text); ok {
		return typeBool
	}
	if !strings.ContainsRune("+-.0123456789", rune(text[0])) || len(text) > 400 {
		return typeText
	}
	switch {
	case pyInt.Get().MatchString(text):
		if _, ok := parseInt(text); ok {
			return typeInt
		}
	case pyFloat.Get().MatchString(text):
		return typeFloat
	case pyTime.Get().MatchString(text):
		if _, ok := parseTime(text); ok {
			return typeTime
		}
	}
	return typeText
}

// PyScalar gives what PyYAML's safe_load makes of a scalar: nil, bool, int,
// *big.Int (beyond an int), float64, string or [PyTime]; nil for lists and maps.
//
// References in the text are replaced first, where they can be; an unquoted
// scalar gets its type afterwards, so `propagate: ${P:-false}` is false (an empty
// variable is "", not nil). Where
// one can't be replaced the text stays as written; [Node.Py] reports that.
func (n *Node) PyScalar() any {
	if n.Kind() != Scalar {
		return nil
	}
	return n.Py(nil)
}

// Py is PyScalar for any value: a list gives []any, a map map[string]any (the
// order of its keys is lost; see [Node.Keys]). References that can't be replaced
// are added to ps.
func (n *Node) Py(ps *Problems) any {
	switch n.Kind() {
	case Scalar:
		text, typ := n.expanded(ps)
		return pyValue(typ, text)
	case List:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = item.Py(ps)
		}
		return list
	case Map:
		m := make(map[string]any, len(n.keys))
		for i, k := range n.keys {
			m[k.Name] = n.values[i].Py(ps)
		}
		return m
	}
	return nil
}

// pyValue constructs the value of a resolved scalar.
func pyValue(typ scalarType, text string) any {
	switch typ {
	case typeNull:
		return nil
	case typeBool:
		value, _ := yamlBool(text)
		return value
	case typeInt:
		value, _ := parseInt(text)
		if small := int(value.Int64()); value.IsInt64() && int64(small) == value.Int64() {
			return small
		}
		return value
	case typeFloat:
		return parseFloat(text)
	case typeTime:
		value, _ := parseTime(text)
		return value
	}
	return text
}

// parseInt reads the whole numbers of YAML 1.1: underscores, 0b, 0x, octal with
// a leading 0, base sixty.
func parseInt(text string) (*big.Int, bool) {
	text = strings.ReplaceAll(text, "_", "")
	negative := strings.HasPrefix(text, "-")
	text = strings.TrimLeft(text, "+-")
	value := new(big.Int)
	ok := true
	switch {
	case strings.HasPrefix(text, "0b"):
		_, ok = value.SetString(text[2:], 2)
	case strings.HasPrefix(text, "0x"):
		_, ok = value.SetString(text[2:], 16)
	case len(text) > 1 && text[0] == '0':
		_, ok = value.SetString(text[1:], 8)
	case strings.Contains(text, ":"):
		for part := range strings.SplitSeq(text, ":") {
			digit, good := new(big.Int).SetString(part, 10)
			if !good {
				return nil, false
			}
			value.Mul(value, big.NewInt(60)).Add(value, digit)
		}
	default:
		_, ok = value.SetString(text, 10)
	}
	if !ok {
		return nil, false
	}
	if negative {
		value.Neg(value)
	}
	return value, true
}

// parseFloat reads what pyFloat matched, and plain whole numbers.
func parseFloat(text string) float64 {
	text = strings.ToLower(strings.ReplaceAll(text, "_", ""))
	sign := 1.0
	if strings.HasPrefix(text, "-") {
		sign = -1
	}
	text = strings.TrimLeft(text, "+-")
	switch text {
	case ".inf":
		return sign * math.Inf(1)
	case ".nan":
		return math.NaN()
	}
	value, base := 0.0, big.NewInt(1)
	for _, part := range slices.Backward(strings.Split(text, ":")) { // in PyYAML's order, for what is rounded
		digits, _ := strconv.ParseFloat(part, 64) // out of range gives ±Inf, as in Python
		unit, _ := new(big.Float).SetInt(base).Float64()
		value += digits * unit
		base.Mul(base, big.NewInt(60))
	}
	return sign * value
}

// parseTime reads what pyTime matched; false for a day or an hour that does not exist.
func parseTime(text string) (PyTime, bool) {
	m := pyTime.Get().FindStringSubmatch(text)
	if m == nil {
		return PyTime{}, false
	}
	num := func(i int) int { v, _ := strconv.Atoi(m[i]); return v }
	dateOnly := m[4] == ""
	if dateOnly && !pyDate.Get().MatchString(text) {
		return PyTime{}, false
	}
	zone := time.UTC
	if m[9] != "" {
		offset := num(10)*3600 + num(11)*60
		if m[9] == "-" {
			offset = -offset
		}
		zone = time.FixedZone("", offset)
	}
	micros, _ := strconv.Atoi((m[7] + "000000")[:6])
	t := time.Date(num(1), time.Month(num(2)), num(3), num(4), num(5), num(6), micros*1000, zone)
	exists := t.Year() == num(1) && int(t.Month()) == num(2) && t.Day() == num(3) &&
		num(4) < 24 && num(5) < 60 && num(6) < 60 && num(1) > 0
	return PyTime{Time: t, DateOnly: dateOnly, Naive: m[8] == ""}, exists
}

package stdin

import (
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
)

// member is one key of an object and the text of its value.
type member struct {
	key   string
	raw   []byte
	taken bool // it is a part of the record, and no attribute
}

// members appends the members of an object. Like all here it is only for text
// that json.Valid has accepted.
func members(list []member, object []byte) []member {
	b := trimSpace(object[1:])
	for b[0] != '}' {
		var key, raw []byte
		key, b = next(b)
		b = trimSpace(b[1:]) // the colon
		raw, b = next(b)
		name, _ := stringOf(key)
		list = append(list, member{key: name, raw: raw})
		if b[0] == ',' {
			b = trimSpace(b[1:])
		}
	}
	return list
}

// next cuts the value at the beginning of b off; rest begins with what follows
// it and its spaces.
func next(b []byte) (raw, rest []byte) {
	n := 0
	switch b[0] {
	case '"':
		n = stringEnd(b)
	case '{', '[':
		for depth := 0; ; {
			switch b[n] {
			case '"':
				n += stringEnd(b[n:])
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			n++
			if depth == 0 {
				break
			}
		}
	default:
		for n < len(b) && !isSpace(b[n]) && b[n] != ',' && b[n] != '}' && b[n] != ']' {
			n++
		}
	}
	return b[:n:n], trimSpace(b[n:])
}

// stringEnd is the length of the string at the beginning of b.
func stringEnd(b []byte) int {
	for i := 1; ; i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func trimSpace(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	return b
}

// stringOf is the text of a JSON string; false for any other value.
func stringOf(raw []byte) (string, bool) {
	if raw[0] != '"' {
		return "", false
	}
	inner := string(raw[1 : len(raw)-1])
	if !strings.Contains(inner, `\`) {
		return inner, true
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}

func isNumber(raw []byte) bool { return raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9' }

// maxGroups is how deep objects become groups; deeper ones stay JSON.
const maxGroups = 32

// valueOf keeps a value as it is: objects are groups, lists stay JSON.
func valueOf(key string, raw []byte, depth int) slog.Value {
	switch raw[0] {
	case '"':
		s, _ := stringOf(raw)
		return slog.StringValue(s)
	case 't':
		return slog.BoolValue(true)
	case 'f':
		return slog.BoolValue(false)
	case 'n':
		return slog.AnyValue(nil)
	case '{':
		// slog leaves empty groups out and takes the members of one without a
		// name into the group around it.
		if key != "" && depth < maxGroups {
			if list := members(nil, raw); len(list) > 0 {
				return group(list, depth)
			}
		}
	case '[':
	default:
		return number(raw)
	}
	return asJSON(raw)
}

func group(list []member, depth int) slog.Value {
	attrs := make([]slog.Attr, len(list))
	for i, m := range list {
		attrs[i] = slog.Attr{Key: m.key, Value: valueOf(m.key, m.raw, depth+1)}
	}
	return slog.GroupValue(attrs...)
}

// maxDigits is how many significant digits every float64 keeps.
const maxDigits = 15

// number keeps a number's value: an integer of 64 bits, a float, or where that
// would lose digits its text as JSON.
func number(raw []byte) slog.Value {
	text := string(raw)
	if !strings.ContainsAny(text, ".eE") {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && text != "-0" {
			return slog.Int64Value(n)
		}
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			return slog.Uint64Value(n)
		}
		if text != "-0" {
			return asJSON(raw)
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	n := digits(text)
	if err != nil || n > maxDigits && !shortest(text, f) || f == 0 && n > 0 {
		return asJSON(raw)
	}
	return slog.Float64Value(f)
}

// digits counts the significant digits of a number's text.
func digits(text string) (n int) {
	mantissa, _, _ := strings.Cut(strings.ToLower(text), "e")
	mantissa = strings.TrimLeft(strings.TrimLeft(mantissa, "-"), "0.")
	for i := range len(mantissa) {
		if mantissa[i] != '.' {
			n++
		}
	}
	return n
}

// shortest reports whether a float's own text has the digits of text: then
// another program wrote a float64, and nothing is lost.
func shortest(text string, f float64) bool {
	trim := func(s string) string {
		mantissa, _, _ := strings.Cut(strings.ToLower(s), "e")
		s = strings.Trim(strings.ReplaceAll(strings.TrimLeft(mantissa, "-"), ".", ""), "0")
		return s
	}
	return trim(text) == trim(strconv.FormatFloat(f, 'e', -1, 64))
}

// asJSON keeps a value as the JSON text that it is.
func asJSON(raw []byte) slog.Value { return slog.AnyValue(json.RawMessage(raw)) }

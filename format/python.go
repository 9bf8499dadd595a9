package format

import (
	"math"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/girok/girok/record"
)

func appendPyBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, "True"...)
	}
	return append(dst, "False"...)
}

// appendPyFloat appends repr(f): the shortest text that reads back, always with
// a point or an exponent, the latter below 1e-4 and from 1e16.
func appendPyFloat(dst []byte, f float64) []byte {
	if abs := math.Abs(f); abs >= 1e-4 && abs < 1e9 { // as nearly all are; JSON's are the same, but for whole ones
		dst = record.AppendJSONFloat(dst, f)
		if f == float64(int64(f)) {
			dst = append(dst, ".0"...)
		}
		return dst
	}
	switch {
	case f != f:
		return append(dst, "nan"...)
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	}
	if abs := math.Abs(f); abs != 0 && (abs < 1e-4 || abs >= 1e16) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	mark := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	for _, b := range dst[mark:] {
		if b == '.' {
			return dst
		}
	}
	return append(dst, ".0"...)
}

// appendPyValue appends str() or repr() of a value as Python would show what
// comes nearest: groups are mappings, times are datetimes (microseconds, an
// offset, never Z). Durations are Go's text, for they have no twin.
func appendPyValue(dst []byte, v *record.Value, repr bool) []byte {
	mark := len(dst)
	switch v.Type {
	case record.Null:
		return append(dst, "None"...)
	case record.False, record.True:
		return appendPyBool(dst, v.Type == record.True)
	case record.Float:
		return appendPyFloat(dst, v.Float())
	case record.Group:
		return appendPyDict(dst, v.Attrs())
	case record.Bytes:
		return appendBytesRepr(dst, v.Raw)
	case record.JSON:
		return appendPyJSON(dst, v.Raw)
	case record.Time:
		dst = appendPyTime(dst, v)
	case record.String, record.Err, record.Duration:
		dst = v.AppendText(dst)
	default:
		return v.AppendText(dst)
	}
	if !repr {
		return dst
	}
	end := len(dst)
	dst = appendRepr(dst, dst[mark:end], false)
	return append(dst[:mark], dst[end:]...)
}

func appendPyDict(dst []byte, a record.Attrs) []byte {
	var key []byte
	var v record.Value
	dst = append(dst, '{')
	for first := true; a.Next(&key, &v); first = false {
		if !first {
			dst = append(dst, ", "...)
		}
		dst = appendRepr(dst, key, false)
		dst = append(dst, ": "...)
		dst = appendPyValue(dst, &v, true)
	}
	return append(dst, '}')
}

// appendPyTime appends str() of an aware datetime. Like record it shifts the
// clock, for a zone would cost an allocation.
func appendPyTime(dst []byte, v *record.Value) []byte {
	t := time.Unix(int64(v.Num)+int64(v.Offset), int64(v.Nanos)).UTC()
	dst = t.AppendFormat(dst, "2006-01-02 15:04:05")
	if us := v.Nanos / 1000; us > 0 {
		dst = append(dst, '.')
		for unit := uint32(100_000); unit > 0; unit /= 10 {
			dst = append(dst, '0'+byte(us/unit%10))
		}
	}
	offset, sign := v.Offset/60, byte('+')
	if offset < 0 {
		offset, sign = -offset, '-'
	}
	h, m := offset/60*2, offset%60*2
	return append(dst, sign, pairs[h], pairs[h+1], ':', pairs[m], pairs[m+1])
}

const hexDigits = "0123456789abcdef"

// appendRepr appends repr() of a text, or with ascii its ascii(): in single
// quotes unless it has those and no double ones.
func appendRepr(dst, s []byte, ascii bool) []byte {
	quote := byte('\'')
	single, double := false, false
	for _, b := range s {
		single, double = single || b == '\'', double || b == '"'
	}
	if single && !double {
		quote = '"'
	}
	dst = append(dst, quote)
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		s = s[n:]
		switch {
		case r == '\\' || r == rune(quote):
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\r':
			dst = append(dst, '\\', 'r')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r >= ' ' && r < 0x7f, r >= 0x7f && !ascii && unicode.IsPrint(r):
			dst = utf8.AppendRune(dst, r)
		default:
			dst = appendRuneEscape(dst, r)
		}
	}
	return append(dst, quote)
}

// escapeRunes makes ascii() of the repr() in dst[mark:].
func escapeRunes(dst []byte, mark int) []byte {
	plain := true
	for _, b := range dst[mark:] {
		plain = plain && b < utf8.RuneSelf
	}
	if plain {
		return dst
	}
	text := string(dst[mark:])
	dst = dst[:mark]
	for _, r := range text {
		if r < utf8.RuneSelf {
			dst = append(dst, byte(r))
		} else {
			dst = appendRuneEscape(dst, r)
		}
	}
	return dst
}

// appendRuneEscape appends \xNN, \uNNNN or \UNNNNNNNN, the shortest that fits.
func appendRuneEscape(dst []byte, r rune) []byte {
	letter, digits := byte('x'), 2
	if r > 0xff {
		letter, digits = 'u', 4
	}
	if r > 0xffff {
		letter, digits = 'U', 8
	}
	dst = append(dst, '\\', letter)
	for i := digits - 1; i >= 0; i-- {
		dst = append(dst, hexDigits[r>>(4*i)&15])
	}
	return dst
}

// appendBytesRepr appends repr() of bytes: b'hi\x00'.
func appendBytesRepr(dst, s []byte) []byte {
	dst = append(dst, "b'"...)
	for _, b := range s {
		switch {
		case b == '\\' || b == '\'':
			dst = append(dst, '\\', b)
		case b == '\n':
			dst = append(dst, '\\', 'n')
		case b == '\r':
			dst = append(dst, '\\', 'r')
		case b == '\t':
			dst = append(dst, '\\', 't')
		case b < ' ' || b >= 0x7f:
			dst = append(dst, '\\', 'x', hexDigits[b>>4], hexDigits[b&15])
		default:
			dst = append(dst, b)
		}
	}
	return append(dst, '\'')
}

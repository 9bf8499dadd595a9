package format

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/girok/girok/record"
)

// operandKind is what a value is in Python's eyes.
type operandKind uint8

const (
	isNone  operandKind = iota
	isText              // text or str
	isInt               // num, as int64
	isUint              // num
	isFloat             // num, as bits
	isBool              // num, 0 or 1
	isTime              // asctime of view
	isValue             // value: neither text nor number
	isArgs              // Python's empty tuple
)

// operand is the value of a field.
type operand struct {
	kind  operandKind
	num   uint64
	text  []byte // aliases the record
	str   string
	value record.Value
	clock *Text
	view  *record.View
}

func (x *operand) setText(b []byte)   { x.kind, x.text = isText, b }
func (x *operand) setString(s string) { x.kind, x.str = isText, s }
func (x *operand) setInt(n int64)     { x.kind, x.num = isInt, uint64(n) }
func (x *operand) setFloat(f float64) { x.kind, x.num = isFloat, math.Float64bits(f) }

// fromValue makes the operand of an attribute's value.
func (x *operand) fromValue() {
	x.num = x.value.Num
	switch x.value.Type {
	case record.Null:
		x.kind = isNone
	case record.String, record.Err:
		x.setText(x.value.Raw)
	case record.Int:
		x.kind = isInt
	case record.Uint:
		x.kind = isUint
	case record.Float:
		x.kind = isFloat
	case record.False, record.True:
		x.kind, x.num = isBool, 0
		if x.value.Type == record.True {
			x.num = 1
		}
	default:
		x.kind = isValue
	}
}

// appendStr appends Python's str() of the operand.
func (x *operand) appendStr(dst []byte) []byte {
	switch x.kind {
	case isNone:
		return append(dst, "None"...)
	case isText:
		return record.AppendValidUTF8(append(dst, x.str...), x.text)
	case isInt:
		return strconv.AppendInt(dst, int64(x.num), 10)
	case isUint:
		return strconv.AppendUint(dst, x.num, 10)
	case isFloat:
		return appendPyFloat(dst, math.Float64frombits(x.num))
	case isBool:
		return appendPyBool(dst, x.num != 0)
	case isTime:
		return x.clock.appendTime(dst, x.view)
	case isArgs:
		return append(dst, "()"...)
	}
	return appendPyValue(dst, &x.value, false)
}

// appendRepr appends Python's repr(), or with ascii its ascii(), of the operand.
func (x *operand) appendRepr(dst []byte, ascii bool) []byte {
	mark := len(dst)
	switch x.kind {
	case isText, isTime:
		dst = x.appendStr(dst)
		end := len(dst)
		dst = appendRepr(dst, dst[mark:end], ascii)
		return append(dst[:mark], dst[end:]...)
	case isValue:
		dst = appendPyValue(dst, &x.value, true)
		if ascii {
			dst = escapeRunes(dst, mark)
		}
		return dst
	}
	return x.appendStr(dst)
}

// spec is a conversion with its flags.
type spec struct {
	conv                          byte
	minus, plus, space, alt, zero bool
	width                         int // in code points
	prec                          int // -1: not given
}

// flag takes b if it is a flag.
func (s *spec) flag(b byte) bool {
	switch b {
	case '-':
		s.minus = true
	case '+':
		s.plus = true
	case ' ':
		s.space = true
	case '#':
		s.alt = true
	case '0':
		s.zero = true
	default:
		return false
	}
	return true
}

// append appends x as the conversion says; false when x does not fit it.
func (s *spec) append(dst []byte, x *operand) (_ []byte, ok bool) {
	mark := len(dst)
	switch s.conv {
	case 's':
		dst = x.appendStr(dst)
		return s.pad(dst, mark), true
	case 'r', 'a':
		dst = x.appendRepr(dst, s.conv == 'a')
		return s.pad(dst, mark), true
	case 'c':
		if dst, ok = appendChar(dst, x); ok {
			one := *s
			one.prec = -1
			dst = one.pad(dst, mark)
		}
		return dst, ok
	case 'd', 'i', 'u', 'x', 'X', 'o':
		return s.integer(dst, x)
	}
	return s.float(dst, x)
}

// pad cuts dst[mark:] to the precision and fills it up to the width with spaces.
func (s *spec) pad(dst []byte, mark int) []byte {
	if s.prec < 0 && s.width == 0 {
		return dst
	}
	n := utf8.RuneCount(dst[mark:])
	if s.prec >= 0 && n > s.prec {
		end := mark
		for range s.prec {
			_, size := utf8.DecodeRune(dst[end:])
			end += size
		}
		dst, n = dst[:end], s.prec
	}
	if n >= s.width {
		return dst
	}
	fill, end := s.width-n, len(dst)
	for range fill {
		dst = append(dst, ' ')
	}
	if !s.minus {
		copy(dst[mark+fill:], dst[mark:end])
		for i := range fill {
			dst[mark+i] = ' '
		}
	}
	return dst
}

// appendChar appends the character of a number, or of a text of one character.
func appendChar(dst []byte, x *operand) ([]byte, bool) {
	switch x.kind {
	case isInt, isUint, isBool:
		if x.num > utf8.MaxRune || !utf8.ValidRune(rune(x.num)) {
			return dst, false
		}
		return utf8.AppendRune(dst, rune(x.num)), true
	case isText, isTime:
		mark := len(dst)
		dst = x.appendStr(dst)
		return dst, utf8.RuneCount(dst[mark:]) == 1
	}
	return dst, false
}

// integer appends d, i, u, x, X and o.
func (s *spec) integer(dst []byte, x *operand) ([]byte, bool) {
	var scratch [64]byte
	digits, negative, prefix := scratch[:0], false, ""
	size, upper := 10, s.conv == 'X'
	switch s.conv {
	case 'x', 'X':
		size, prefix = 16, "0"+string(rune(s.conv))
	case 'o':
		size, prefix = 8, "0o"
	}
	if !s.alt {
		prefix = ""
	}
	switch x.kind {
	case isInt:
		n := x.num
		if negative = int64(n) < 0; negative {
			n = -n
		}
		digits = strconv.AppendUint(digits, n, size)
	case isUint, isBool:
		digits = strconv.AppendUint(digits, x.num, size)
	case isFloat:
		f := math.Trunc(math.Float64frombits(x.num))
		if size != 10 || math.IsNaN(f) || math.IsInf(f, 0) {
			return dst, false
		}
		negative = f < 0
		digits = strconv.AppendFloat(digits, math.Abs(f), 'f', 0, 64)
	default:
		return dst, false
	}
	if upper {
		copy(digits, bytes.ToUpper(digits))
	}
	return s.number(dst, negative, prefix, digits, s.prec), true
}

// float appends e, E, f, F, g and G.
func (s *spec) float(dst []byte, x *operand) ([]byte, bool) {
	var f float64
	switch x.kind {
	case isInt:
		f = float64(int64(x.num))
	case isUint, isBool:
		f = float64(x.num)
	case isFloat:
		f = math.Float64frombits(x.num)
	default:
		return dst, false
	}
	prec := s.prec
	if prec < 0 {
		prec = 6
	}
	var scratch [64]byte
	digits := appendCFloat(scratch[:0], math.Abs(f), s.conv|0x20, prec, s.alt)
	if s.conv < 'a' {
		for i, b := range digits {
			if b >= 'a' && b <= 'z' {
				digits[i] = b - 0x20
			}
		}
	}
	return s.number(dst, math.Signbit(f) && f == f, "", digits, 0), true
}

// appendCFloat appends f, which is not negative, as C's printf does. form is
// one of e f g; alt is the flag #.
func appendCFloat(dst []byte, f float64, form byte, prec int, alt bool) []byte {
	switch {
	case f != f:
		return append(dst, "nan"...)
	case math.IsInf(f, 0):
		return append(dst, "inf"...)
	case !alt:
		if form == 'g' {
			prec = max(prec, 1)
		}
		return strconv.AppendFloat(dst, f, form, prec, 64)
	}
	mark := len(dst)
	if form == 'g' {
		prec = max(prec, 1)
		var exp int
		dst, exp = appendExp(dst, f, prec-1)
		form, prec = 'e', prec-1
		if exp >= -4 && exp <= prec {
			form, prec = 'f', prec-exp
		}
		dst = dst[:mark]
	}
	dst = strconv.AppendFloat(dst, f, form, prec, 64)
	return withPoint(dst, mark)
}

// appendExp appends f with an exponent, and gives it.
func appendExp(dst []byte, f float64, prec int) (_ []byte, exp int) {
	mark := len(dst)
	dst = strconv.AppendFloat(dst, f, 'e', prec, 64)
	exp, _ = strconv.Atoi(string(dst[bytes.IndexByte(dst[mark:], 'e')+mark+1:])) // it is there
	return dst, exp
}

// withPoint gives the number in dst[mark:] the point that # asks for, unless it has
// one or is none.
func withPoint(dst []byte, mark int) []byte {
	number := dst[mark:]
	if bytes.IndexByte(number, '.') >= 0 || number[0] > '9' {
		return dst
	}
	e := bytes.IndexByte(number, 'e')
	if e < 0 {
		return append(dst, '.')
	}
	return slices.Insert(dst, mark+e, '.')
}

// number appends sign, prefix and digits, filled with zeros to prec digits and,
// with the flag 0, to the width.
func (s *spec) number(dst []byte, negative bool, prefix string, digits []byte, prec int) []byte {
	mark := len(dst)
	switch {
	case negative:
		dst = append(dst, '-')
	case s.plus:
		dst = append(dst, '+')
	case s.space:
		dst = append(dst, ' ')
	}
	dst = append(dst, prefix...)
	zeros := prec - len(digits)
	if s.zero && !s.minus {
		zeros = max(zeros, s.width-(len(dst)-mark)-len(digits))
	}
	for range max(zeros, 0) {
		dst = append(dst, '0')
	}
	dst = append(dst, digits...)
	out := spec{width: s.width, minus: s.minus, prec: -1}
	return out.pad(dst, mark)
}

package table

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/big"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/girok/girok/record"
)

// converter turns values of records into values of columns by the table in the
// package's comment. What it makes lies in buf and is good until reset; growing
// leaves earlier values where they are.
type converter struct {
	buf   []byte
	loc   *time.Location
	noNaN bool // floats can't be NaN
	noInf bool // nor infinite
}

// convert reports whether v fits t.
func (c *converter) convert(out *Value, t ColumnType, v *record.Value) bool {
	*out = Value{Type: t.Type}
	if t.Type == JSON && v.Type != record.Null {
		start := len(c.buf)
		c.buf = v.AppendJSON(c.buf)
		out.Raw = cleanJSON(c.since(start))
		return true
	}
	if v.Type == record.JSON {
		c.scalar(v)
	}
	if v.Type == record.Null {
		*out = Value{}
		return true
	}
	ok := false
	switch t.Type {
	case String:
		out.Raw, ok = c.asText(v), true
	case Int:
		out.Num, ok = c.asInt(v)
	case Float:
		out.Num, ok = c.asFloat(v)
	case Decimal:
		out.Raw, ok = c.asDecimal(v, t)
	case Bool:
		ok = v.Type == record.True || v.Type == record.False
		if v.Type == record.True {
			out.Num = 1
		}
	case Timestamp, DateTime, Date:
		out.Num, ok = c.asTime(v, t.Type)
	case Bytes:
		out.Raw, ok = v.Raw, v.Type == record.Bytes || isText(v)
	}
	return ok
}

// since is what was appended to buf from start on.
func (c *converter) since(start int) []byte { return c.buf[start:len(c.buf):len(c.buf)] }

func isText(v *record.Value) bool { return v.Type == record.String || v.Type == record.Err }

// scalar replaces a JSON value that is a scalar by what it stands for. Numbers
// that are no integer of 64 bits, objects and lists stay as they are.
func (c *converter) scalar(v *record.Value) {
	raw := skipSpace(v.Raw)
	if len(raw) == 0 {
		return
	}
	switch raw[0] {
	case '"':
		if stringEnd(raw) < 0 {
			return
		}
		start := len(c.buf)
		c.buf = appendUnquoted(c.buf, raw[:stringEnd(raw)])
		*v = record.Value{Type: record.String, Raw: c.since(start)}
	case 't':
		*v = record.Value{Type: record.True}
	case 'f':
		*v = record.Value{Type: record.False}
	case 'n':
		*v = record.Value{Type: record.Null}
	}
}

// number is the text of a JSON value that is a number, else nil.
func number(v *record.Value) []byte {
	raw := skipSpace(v.Raw)
	if v.Type != record.JSON || len(raw) == 0 || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return nil
	}
	return bytes.TrimRight(raw, " \t\r\n")
}

func (c *converter) asText(v *record.Value) []byte {
	if isText(v) {
		return c.text(v.Raw)
	}
	start := len(c.buf)
	if c.buf = v.AppendText(c.buf); v.Type == record.JSON || v.Type == record.Group {
		return cleanJSON(c.since(start))
	}
	return c.since(start)
}

// text is b by the rules for text; b itself where it keeps them.
func (c *converter) text(b []byte) []byte {
	if plainText(b) || bytes.IndexByte(b, 0) < 0 && utf8.Valid(b) {
		return b
	}
	start := len(c.buf)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == 0 {
			r = utf8.RuneError
		}
		c.buf = utf8.AppendRune(c.buf, r)
		b = b[n:]
	}
	return c.since(start)
}

// plainText reports whether b is ASCII without NUL; it may say no where it is.
func plainText(b []byte) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for len(b) >= 8 {
		w := binary.LittleEndian.Uint64(b)
		if (w|(w-ones))&high != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c-1 >= 0x7f {
			return false
		}
	}
	return true
}

// copied is a text that does not lie in the batch, by the same rules.
func (c *converter) copied(s string) []byte {
	start := len(c.buf)
	c.buf = append(c.buf, s...)
	return c.text(c.since(start))
}

func (c *converter) asInt(v *record.Value) (int64, bool) {
	switch v.Type {
	case record.Int, record.Duration:
		return v.Int(), true
	case record.Uint:
		return int64(v.Num), v.Num <= math.MaxInt64
	case record.Float:
		f := v.Float()
		return int64(f), f == math.Trunc(f) && f >= -1<<63 && f < 1<<63
	}
	text := number(v)
	if text == nil {
		return 0, false
	}
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return n, true
	}
	whole, ok := appendDecimal(nil, text, ColumnType{Decimal, 19, 0})
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(string(whole), 10, 64)
	return n, err == nil
}

func (c *converter) asFloat(v *record.Value) (bits int64, ok bool) {
	var f float64
	switch v.Type {
	case record.Float:
		f = v.Float()
		ok = !(c.noNaN && math.IsNaN(f)) && !(c.noInf && math.IsInf(f, 0))
	case record.Int, record.Duration:
		f = float64(v.Int())
		ok = f < 1<<63 && int64(f) == v.Int()
	case record.Uint:
		f = float64(v.Num)
		ok = f < 1<<64 && uint64(f) == v.Num
	default:
		if text := number(v); text != nil {
			f, ok = parseFloat(text)
		}
	}
	return int64(math.Float64bits(f)), ok
}

// parseFloat reads a number of JSON: an integer must be exact, a fraction is
// rounded.
func parseFloat(text []byte) (float64, bool) {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || bytes.ContainsAny(text, ".eE") {
		return f, err == nil
	}
	n, ok := new(big.Int).SetString(string(text), 10)
	exact, _ := new(big.Float).SetFloat64(f).Int(nil)
	return f, ok && n.Cmp(exact) == 0
}

func (c *converter) asDecimal(v *record.Value, t ColumnType) ([]byte, bool) {
	text := v.Raw
	switch v.Type {
	case record.Int, record.Uint, record.Duration, record.Float:
		start := len(c.buf)
		if v.Type == record.Float {
			c.buf = strconv.AppendFloat(c.buf, v.Float(), 'f', -1, 64)
		} else {
			c.buf = v.AppendJSON(c.buf)
		}
		text = c.since(start)
	case record.String, record.Err:
	default:
		if text = number(v); text == nil {
			return nil, false
		}
	}
	start := len(c.buf)
	buf, ok := appendDecimal(c.buf, text, t)
	c.buf = buf
	return c.since(start), ok
}

// appendDecimal appends the number that text is, with exactly t.Scale digits
// after the point; ok is false if text is no number or has more digits.
func appendDecimal(dst, text []byte, t ColumnType) (_ []byte, ok bool) {
	neg := len(text) > 0 && text[0] == '-'
	if neg || len(text) > 0 && text[0] == '+' {
		text = text[1:]
	}
	mantissa, exp := text, 0
	if i := bytes.IndexAny(text, "eE"); i >= 0 {
		n, err := strconv.Atoi(string(text[i+1:]))
		if err != nil || n < -1000 || n > 1000 {
			return dst, false
		}
		mantissa, exp = text[:i], n
	}
	whole, frac, _ := bytes.Cut(mantissa, []byte{'.'})
	if len(whole)+len(frac) == 0 || len(mantissa) > 1000 {
		return dst, false
	}
	digits := append(bytes.Clone(whole), frac...)
	for _, d := range digits {
		if d < '0' || d > '9' {
			return dst, false
		}
	}
	return placeDigits(dst, neg, digits, len(whole)+exp, t)
}

// placeDigits appends digits with the point after the first `point` of them,
// which may be fewer than none.
func placeDigits(dst []byte, neg bool, digits []byte, point int, t ColumnType) ([]byte, bool) {
	for len(digits) > 0 && digits[0] == '0' {
		digits, point = digits[1:], point-1
	}
	digits = bytes.TrimRight(digits, "0")
	if len(digits) == 0 {
		neg, point = false, 0
	}
	if point > t.Precision-t.Scale || len(digits)-point > t.Scale {
		return dst, false
	}
	digit := func(i int) byte {
		if i < 0 || i >= len(digits) {
			return '0'
		}
		return digits[i]
	}
	if neg {
		dst = append(dst, '-')
	}
	if point <= 0 {
		dst = append(dst, '0')
	}
	for i := range point {
		dst = append(dst, digit(i))
	}
	if t.Scale > 0 {
		dst = append(dst, '.')
	}
	for i := range t.Scale {
		dst = append(dst, digit(point+i))
	}
	return dst, true
}

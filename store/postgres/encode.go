package postgres

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"

	"github.com/girok/girok/sink/table"
)

// What COPY's binary format begins and ends with: its signature, no flags, no
// extension; a row of -1 fields.
var (
	binaryHeader  = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	binaryTrailer = []byte{0xff, 0xff}
)

// field is how a value is written that goes into a column.
type field struct {
	oid    uint32
	column string
}

// Types of PostgreSQL, by their number: it never changes.
const (
	oidBool        = 16
	oidBytea       = 17
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidText        = 25
	oidJSON        = 114
	oidFloat4      = 700
	oidFloat8      = 701
	oidBPChar      = 1042
	oidVarchar     = 1043
	oidDate        = 1082
	oidTimestamp   = 1114
	oidTimestamptz = 1184
	oidNumeric     = 1700
	oidJSONB       = 3802
)

// binaryFits reports whether values of a type are written in the binary form of a
// column. Where one of a table's columns is another, all go as text.
func binaryFits(t table.Type, oid uint32) bool {
	switch t {
	case table.String:
		return oid == oidText || oid == oidVarchar || oid == oidBPChar
	case table.Int:
		return oid == oidInt8 || oid == oidInt4 || oid == oidInt2
	case table.Float:
		return oid == oidFloat8
	case table.Decimal:
		return oid == oidNumeric
	case table.Bool:
		return oid == oidBool
	case table.Timestamp:
		return oid == oidTimestamptz
	case table.DateTime:
		return oid == oidTimestamp
	case table.Date:
		return oid == oidDate
	case table.JSON:
		return oid == oidJSONB || oid == oidJSON || oid == oidText || oid == oidVarchar
	case table.Bytes:
		return oid == oidBytea
	}
	return false
}

// PostgreSQL counts from 2000.
const (
	epochMicros = 946684800 * 1e6
	epochDays   = 10957
)

// AppendValue implements table.Wire: in COPY's binary form a value with its length
// before it, -1 for NULL, all big endian; in its text form one with a tab behind it.
func (t *tables) AppendValue(dst []byte, column int, v *table.Value) ([]byte, error) {
	if !t.binary {
		return append(appendText(dst, v), '\t'), nil
	}
	f := &t.fields[column]
	switch v.Type {
	case table.Null:
		return append(dst, 0xff, 0xff, 0xff, 0xff), nil
	case table.Int:
		dst, ok := appendInt(dst, v.Num, f.oid)
		if !ok {
			return dst, fmt.Errorf("column %s: the number %d does not fit a smaller integer", f.column, v.Num)
		}
		return dst, nil
	case table.Float:
		return append8(dst, v.Num), nil
	case table.Timestamp, table.DateTime:
		return append8(dst, v.Num-epochMicros), nil
	case table.Date:
		return binary.BigEndian.AppendUint32(append(dst, 0, 0, 0, 4), uint32(int32(v.Num-epochDays))), nil
	case table.Bool:
		return append(dst, 0, 0, 0, 1, byte(v.Num)), nil
	case table.Decimal:
		return appendNumeric(dst, v.Raw), nil
	}
	if f.oid == oidJSONB {
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(v.Raw)+1))
		return append(append(dst, 1), v.Raw...), nil // 1 is the form's version
	}
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(v.Raw))), v.Raw...), nil
}

func append8(dst []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, 0, 0, 0, 8), uint64(n))
}

func appendInt(dst []byte, n int64, oid uint32) (_ []byte, ok bool) {
	switch oid {
	case oidInt2:
		return binary.BigEndian.AppendUint16(append(dst, 0, 0, 0, 2), uint16(n)), n >= math.MinInt16 && n <= math.MaxInt16
	case oidInt4:
		return binary.BigEndian.AppendUint32(append(dst, 0, 0, 0, 4), uint32(n)), n >= math.MinInt32 && n <= math.MaxInt32
	}
	return append8(dst, n), true
}

// appendNumeric appends a decimal as groups of four digits: how many there are,
// the weight of the first as a power of 10,000, the sign, how many digits are
// shown after the point, then the groups. text is digits with at most one point.
func appendNumeric(dst, text []byte) []byte {
	sign := uint16(0)
	if len(text) > 0 && text[0] == '-' {
		sign, text = 0x4000, text[1:]
	}
	whole, frac := text, []byte(nil)
	for i, c := range text {
		if c == '.' {
			whole, frac = text[:i], text[i+1:]
			break
		}
	}
	start := len(dst)
	dst = append(dst, make([]byte, 12)...)
	groups := (len(whole) + 3) / 4
	weight, n, last := groups-1, 0, 0
	for i := range groups + (len(frac)+3)/4 {
		var g uint16
		for j := range 4 {
			g *= 10
			if at := 4*(i-groups) + len(whole) + j; i < groups {
				if at >= 0 {
					g += uint16(whole[at] - '0')
				}
			} else if at -= len(whole); at < len(frac) {
				g += uint16(frac[at] - '0')
			}
		}
		if n == 0 && g == 0 { // leading groups of zeros are not written
			weight--
			continue
		}
		dst = binary.BigEndian.AppendUint16(dst, g)
		if n++; g != 0 {
			last = n
		}
	}
	if n = last; n == 0 {
		weight, sign = 0, 0
	}
	dst = dst[:start+12+2*n] // nor those at the end
	binary.BigEndian.PutUint32(dst[start:], uint32(8+2*n))
	binary.BigEndian.PutUint16(dst[start+4:], uint16(n))
	binary.BigEndian.PutUint16(dst[start+6:], uint16(int16(weight)))
	binary.BigEndian.PutUint16(dst[start+8:], sign)
	binary.BigEndian.PutUint16(dst[start+10:], uint16(len(frac)))
	return dst
}

// appendText appends a value in COPY's text form, for the server to read by the
// rules of its column.
func appendText(dst []byte, v *table.Value) []byte {
	switch v.Type {
	case table.Null:
		return append(dst, `\N`...)
	case table.Int:
		return strconv.AppendInt(dst, v.Num, 10)
	case table.Float:
		return appendFloat(dst, v.Float())
	case table.Bool:
		return strconv.AppendBool(dst, v.Num != 0)
	case table.Timestamp:
		return table.AppendTimestamp(dst, v.Num)
	case table.DateTime:
		return table.AppendDateTime(dst, v.Num)
	case table.Date:
		return table.AppendDate(dst, v.Num)
	case table.Bytes:
		return hex.AppendEncode(append(dst, `\\x`...), v.Raw)
	}
	return appendEscaped(dst, v.Raw)
}

func appendFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

func appendEscaped(dst, text []byte) []byte {
	for _, c := range text {
		switch c {
		case '\\':
			dst = append(dst, '\\', '\\')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

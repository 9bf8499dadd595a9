package record

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
	"unsafe"
)

// AppendJSON appends the attributes as a JSON object, in their order. Where a
// key comes twice, both are written, as slog does.
func (a Attrs) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	n := len(dst)
	dst = a.AppendMembers(dst)
	if len(dst) > n {
		dst = append(dst[:n], dst[n+1:]...)
	}
	return append(dst, '}')
}

// AppendMembers appends `,"key":value` for each attribute.
func (a Attrs) AppendMembers(dst []byte) []byte {
	var key []byte
	var v Value
	for {
		if !a.err {
			dst, a.b = appendCommon(dst, a.b, 0)
		}
		if !a.Next(&key, &v) {
			return dst
		}
		dst = append(dst, ',')
		dst = AppendJSONString(dst, key)
		dst = append(dst, ':')
		dst = v.AppendJSON(dst)
	}
}

// AppendCommon is AppendMembers up to the first attribute whose key has a length
// in stop (bit n: n bytes, modulo 64), or that is not as most are: a short key and
// a short string, both ASCII that needs no escapes, or a number or a bool. What
// it stopped at is the next of a.
func (a *Attrs) AppendCommon(dst []byte, stop uint64) []byte {
	if !a.err {
		dst, a.b = appendCommon(dst, a.b, stop)
	}
	return dst
}

// appendCommon appends the attributes of b that cost half this way, and returns
// where it stopped.
func appendCommon(dst, b []byte, stop uint64) (_, rest []byte) {
	const short, number = 8, 32 // a key that fits one word; room for a number
	for len(b) >= 2 {
		n := int(b[0])
		if n >= 0x80 || len(b) < n+2 || stop>>(n&63)&1 != 0 {
			break
		}
		start := len(dst)
		dst = slices.Grow(dst, n+short+number)
		room := dst[start : start+n+short+4]
		room[0], room[1] = ',', '"'
		if n <= short && len(b) > short {
			w := binary.LittleEndian.Uint64(b[1:])
			binary.LittleEndian.PutUint64(room[2:], w)
			if n < short { // what follows the key is no part of it
				w = w&(1<<(8*n)-1) | allSpaces<<(8*n)
			}
			if notPlain(w) != 0 {
				break
			}
		} else if copyPlain(room[2:n+2], textOf(b[1:1+n])) != 0 {
			break
		}
		room[n+2], room[n+3] = '"', ':'
		dst = dst[:start+n+4]
		typ, val := Type(b[1+n]), b[2+n:]
		ok := true
		switch typ {
		case True:
			dst = append(dst, "true"...)
		case False:
			dst = append(dst, "false"...)
		case String, Err:
			if ok = len(val) > 0 && val[0] < 0x80 && len(val) > int(val[0]); ok {
				s := val[1 : 1+int(val[0])]
				dst, ok = AppendPlain(dst, s)
				val = val[1+len(s):]
			}
		case Int, Duration:
			var n int64
			if n, val, ok = shortVarint(val); ok {
				dst = AppendInt(dst, n)
			}
		case Float:
			if ok = len(val) >= 8; ok {
				dst = AppendJSONFloat(dst, math.Float64frombits(binary.LittleEndian.Uint64(val)))
				val = val[8:]
			}
		default:
			ok = false
		}
		if !ok {
			return dst[:start], b
		}
		b = val
	}
	return dst, b
}

const allSpaces = 0x2020202020202020

// AppendPlain appends s in quotes; ok is false, and dst as it was, if it is not plain:
// see IsPlain.
func AppendPlain[T string | []byte](dst []byte, s T) (_ []byte, ok bool) {
	n, k := len(dst), len(s)
	dst = slices.Grow(dst, k+2)[:n+k+2]
	room := dst[n:]
	room[0], room[k+1] = '"', '"'
	if copyPlain(room[1:k+1], textOf(s)) != 0 {
		return dst[:n], false
	}
	return dst, true
}

func textOf[T string | []byte](s T) string { return *(*string)(unsafe.Pointer(&s)) }

// copyPlain copies s to dst, which is as long, and returns 0 if s is plain. It
// looks at eight bytes at once, at some of them twice, for a loop over bytes is what
// a cold branch predictor is worst at.
func copyPlain(dst []byte, s string) (other uint64) {
	n := len(s)
	_ = dst[:n]
	if n >= 8 {
		for i := 0; i+8 < n; i += 8 {
			w := word(s[i : i+8])
			binary.LittleEndian.PutUint64(dst[i:], w)
			other |= notPlain(w)
		}
		w := word(s[n-8:])
		binary.LittleEndian.PutUint64(dst[n-8:], w)
		return other | notPlain(w)
	}
	if n >= 4 {
		a, z := halfWord(s[:4]), halfWord(s[n-4:])
		binary.LittleEndian.PutUint32(dst, uint32(a))
		binary.LittleEndian.PutUint32(dst[n-4:], uint32(z))
		return notPlain(a | z<<32)
	}
	if n > 0 {
		a, m, z := s[0], s[n/2], s[n-1]
		dst[0], dst[n/2], dst[n-1] = a, m, z
		return notPlain(uint64(a) | uint64(m)<<8 | uint64(z)<<16 | spaces)
	}
	return 0
}

// spaces fill a word of three bytes.
const spaces = 0x2020202020 << 24

// IsPlain reports whether s is ASCII that can be printed, without quotes and
// backslashes: the same in JSON, in slog's as in Python's.
func IsPlain(s []byte) bool {
	n := len(s)
	switch {
	case n >= 8:
		other := notPlain(word(s[n-8:]))
		for i := 0; i+8 < n; i += 8 {
			other |= notPlain(word(s[i : i+8]))
		}
		return other == 0
	case n >= 4:
		return notPlain(halfWord(s[:4])|halfWord(s[n-4:])<<32) == 0
	case n > 0:
		return notPlain(uint64(s[0])|uint64(s[n/2])<<8|uint64(s[n-1])<<16|spaces) == 0
	}
	return true
}

// notPlain is 0 if all eight bytes are plain.
func notPlain(w uint64) uint64 {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	quote, back := w^ones*'"', w^ones*'\\'
	// One more is 0x80 or above from DEL on, but for 0xff, from which a space can be
	// taken. What is carried or borrowed can only run into bytes above one that is not
	// plain itself.
	return ((w + ones) | (w - ones*' ') | (quote - ones) | (back - ones)) & high
}

// AppendJSON appends the value as slog's JSONHandler would write it: durations
// are nanoseconds, floats are encoding/json's; NaN and the infinities, which
// JSON lacks, are the strings "NaN", "+Inf", "-Inf"; bytes are base64.
func (v *Value) AppendJSON(dst []byte) []byte {
	switch v.Type {
	case False:
		return append(dst, "false"...)
	case True:
		return append(dst, "true"...)
	case Int, Duration:
		return AppendInt(dst, v.Int())
	case Uint:
		return appendUint(dst, v.Num)
	case Float:
		return AppendJSONFloat(dst, v.Float())
	case String, Err:
		return AppendJSONString(dst, v.Raw)
	case Bytes:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, v.Raw)
		return append(dst, '"')
	case Time:
		dst = append(dst, '"')
		dst = v.appendTime(dst)
		return append(dst, '"')
	case Group:
		return v.Attrs().AppendJSON(dst)
	case JSON:
		return append(dst, v.Raw...)
	}
	return append(dst, "null"...)
}

// appendTime appends a Time as time.RFC3339Nano. It shifts the clock instead of
// making a zone, for which Time allocates unless its offset is whole hours.
func (v *Value) appendTime(dst []byte) []byte {
	t := time.Unix(int64(v.Num)+int64(v.Offset), int64(v.Nanos)).UTC()
	dst = t.AppendFormat(dst, "2006-01-02T15:04:05.999999999")
	offset, sign := v.Offset/60, byte('+')
	if offset < 0 {
		offset, sign = -offset, '-'
	}
	if v.Offset == 0 {
		return append(dst, 'Z')
	}
	h, m := offset/60*2, offset%60*2
	return append(dst, sign, pairs[h], pairs[h+1], ':', pairs[m], pairs[m+1])
}

// AppendText appends the value as text: strings as they are (bad UTF-8 becomes
// U+FFFD), durations as "1.5s", groups as JSON.
func (v *Value) AppendText(dst []byte) []byte {
	switch v.Type {
	case String, Err:
		return AppendValidUTF8(dst, v.Raw)
	case Duration:
		return AppendDuration(dst, time.Duration(v.Int()))
	case Time:
		return v.appendTime(dst)
	case Float:
		return AppendFloat(dst, v.Float())
	case Bytes:
		return base64.StdEncoding.AppendEncode(dst, v.Raw)
	}
	return v.AppendJSON(dst)
}

// AppendValidUTF8 appends s with each byte that is not UTF-8 as U+FFFD.
func AppendValidUTF8(dst, s []byte) []byte {
	if utf8.Valid(s) {
		return append(dst, s...)
	}
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		dst = utf8.AppendRune(dst, r)
		s = s[n:]
	}
	return dst
}

// AppendJSONFloat appends f as encoding/json does.
func AppendJSONFloat(dst []byte, f float64) []byte {
	if abs := math.Abs(f); abs < 1e9 && abs >= 1e-6 {
		if out, ok := appendDecimal(dst, f); ok {
			return out
		}
	}
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"+Inf"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Inf"`...)
	}
	if out, ok := appendShortest(dst, f); ok {
		return out
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, f, format, -1, 64)
	if format == 'e' { // e-09 is written e-9
		if n := len(dst); n >= 4 && dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' {
			dst[n-2] = dst[n-1]
			dst = dst[:n-1]
		}
	}
	return dst
}

// AppendFloat appends f as strconv does with the format 'g'.
func AppendFloat(dst []byte, f float64) []byte {
	if abs := math.Abs(f); abs >= 1e-4 && abs < 1e6 { // JSON has no exponent there either
		return AppendJSONFloat(dst, f)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

// appendDecimal appends a number that has at most six digits after the point,
// as most that people log have: three times as fast as the general way.
//
// If m is whole, below 2^53, and m/1e6 rounds to f, then m/1e6 reads back as f;
// and as it has at most 15 digits, no other decimal with so few does: it is the
// shortest.
func appendDecimal(dst []byte, f float64) ([]byte, bool) {
	abs := math.Abs(f)
	signed := int64(abs*1e6 + 0.5)
	if float64(signed)/1e6 != abs {
		return dst, false
	}
	if f < 0 {
		dst = append(dst, '-')
	}
	m := uint64(signed)
	whole, rest := m/1e6, m%1e6
	dst = appendUint(dst, whole)
	if rest == 0 {
		return dst, true
	}
	digits := eightDigits(uint32(rest)) >> 16 // of six
	dst = append(dst, '.')
	dst = binary.LittleEndian.AppendUint64(dst, digits|zeros)
	return dst[:len(dst)-bits.LeadingZeros64(digits)/8], true
}

// pairs are the numbers from 00 to 99.
const pairs = "00010203040506070809" +
	"10111213141516171819" +
	"20212223242526272829" +
	"30313233343536373839" +
	"40414243444546474849" +
	"50515253545556575859" +
	"60616263646566676869" +
	"70717273747576777879" +
	"80818283848586878889" +
	"90919293949596979899"

const hexDigits = "0123456789abcdef"

// unsafeJSON marks the bytes that a JSON string can't hold as they are.
var unsafeJSON = func() (t [256]bool) {
	for i := range t {
		t[i] = i < 0x20 || i == '"' || i == '\\' || i >= utf8.RuneSelf
	}
	return t
}()

// AppendJSONString appends s in quotes, escaped as slog's JSONHandler escapes.
func AppendJSONString[T string | []byte](dst []byte, s T) []byte {
	if out, ok := AppendPlain(dst, s); ok {
		return out
	}
	return append(appendEscaped(append(dst, '"'), s), '"')
}

func appendEscaped[T string | []byte](dst []byte, s T) []byte {
	start := 0
	for i := 0; i < len(s); {
		b := s[i]
		if !unsafeJSON[b] {
			i++
			continue
		}
		if b < utf8.RuneSelf {
			dst = append(dst, s[start:i]...)
			dst = appendEscape(dst, b)
			i++
			start = i
			continue
		}
		r, n := decodeRune(s[i:])
		if r == utf8.RuneError && n == 1 || r == '\u2028' || r == '\u2029' {
			dst = append(dst, s[start:i]...)
			dst = append(dst, '\\', 'u', hexDigits[r>>12], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
			start = i + n
		}
		i += n
	}
	return append(dst, s[start:]...)
}

// word is the first eight bytes of s.
func word[T string | []byte](s T) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// halfWord is the first four bytes of s.
func halfWord[T string | []byte](s T) uint64 {
	_ = s[3]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}

func decodeRune[T string | []byte](s T) (rune, int) {
	var b [utf8.UTFMax]byte
	return utf8.DecodeRune(b[:copy(b[:], s)])
}

func appendEscape(dst []byte, b byte) []byte {
	switch b {
	case '"', '\\':
		return append(dst, '\\', b)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[b>>4], hexDigits[b&15])
}

package record

import (
	"encoding/base64"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
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
	for a.Next(&key, &v) {
		dst = append(dst, ',')
		dst = AppendJSONString(dst, key)
		dst = append(dst, ':')
		dst = v.AppendJSON(dst)
	}
	return dst
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
		return strconv.AppendInt(dst, v.Int(), 10)
	case Uint:
		return strconv.AppendUint(dst, v.Num, 10)
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
		dst = v.Time().AppendFormat(dst, time.RFC3339Nano)
		return append(dst, '"')
	case Group:
		return v.Attrs().AppendJSON(dst)
	case JSON:
		return append(dst, v.Raw...)
	}
	return append(dst, "null"...)
}

// AppendText appends the value as text: strings as they are (bad UTF-8 becomes
// U+FFFD), durations as "1.5s", groups as JSON.
func (v *Value) AppendText(dst []byte) []byte {
	switch v.Type {
	case String, Err:
		return AppendValidUTF8(dst, v.Raw)
	case Duration:
		return append(dst, time.Duration(v.Int()).String()...)
	case Time:
		return v.Time().AppendFormat(dst, time.RFC3339Nano)
	case Float:
		return strconv.AppendFloat(dst, v.Float(), 'g', -1, 64)
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
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"+Inf"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Inf"`...)
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
	dst = append(dst, '"')
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
	dst = append(dst, s[start:]...)
	return append(dst, '"')
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

package format

import (
	"encoding/binary"
	"log/slog"
	"math"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/girok/girok/record"
)

// appendPairs appends ` key=value` for each attribute, as slog's TextHandler
// does: groups become prefixes with dots, and what could be misread is quoted.
func appendPairs(dst []byte, a record.Attrs, prefix []byte) []byte {
	var key []byte
	var v record.Value
	for a.Next(&key, &v) {
		if v.Type == record.Group {
			// Each group writes its key behind that of the one it is in, over
			// those of its elder siblings, which are done.
			inner := append(append(prefix, key...), '.')
			dst = appendPairs(dst, v.Attrs(), inner)
			continue
		}
		dst = append(dst, ' ')
		mark := len(dst)
		dst = append(append(dst, prefix...), key...)
		dst = quoteIfNeeded(dst, mark)
		dst = append(dst, '=')
		mark = len(dst)
		dst = v.AppendText(dst)
		dst = quoteIfNeeded(dst, mark)
	}
	return dst
}

// long is the length of what may have to be cut, which takes a frame.
const long = 16 << 10

// isShort reports whether nothing of a call but its attributes can take a frame.
func isShort(c *record.Call) bool {
	return !c.Record.Time.IsZero() && len(c.Logger) <= long && len(c.Record.Message) <= long
}

// longKey is the length of a key that may have to be cut.
const longKey = 1024

// appendPair appends `key=value`; false for an attribute that takes a frame.
func appendPair(dst []byte, a *slog.Attr) (_ []byte, ok bool) {
	if len(a.Key) >= longKey {
		return dst, false
	}
	return appendBareValue(append(appendBare(dst, a.Key), '='), &a.Value)
}

// appendBareValue appends a value, in quotes where it needs them; false for one that
// takes a frame.
func appendBareValue(dst []byte, v *slog.Value) (_ []byte, ok bool) {
	switch v.Kind() {
	case slog.KindString:
		s, mark := v.String(), len(dst)
		dst = appendBare(dst, s)
		quoted := len(dst)-mark > len(s)
		return dst, len(s) <= long && (!quoted || utf8.ValidString(s)) // a frame shows what is not UTF-8 unescaped
	case slog.KindInt64:
		return record.AppendInt(dst, int64(record.Bits(v))), true
	case slog.KindUint64:
		return strconv.AppendUint(dst, record.Bits(v), 10), true
	case slog.KindFloat64:
		return record.AppendFloat(dst, math.Float64frombits(record.Bits(v))), true
	case slog.KindBool:
		return strconv.AppendBool(dst, record.Bits(v) != 0), true
	case slog.KindDuration:
		return record.AppendDuration(dst, time.Duration(record.Bits(v))), true
	}
	return dst, false
}

// appendBare appends a text, in quotes and escaped as in JSON if it is empty or has
// spaces, quotes, equals signs or what can't be printed.
func appendBare[T string | []byte](dst []byte, s T) []byte {
	mark := len(dst)
	if dst = append(dst, s...); !needsQuotes(dst[mark:]) {
		return dst
	}
	return record.AppendJSONString(dst[:mark], s)
}

// quoteIfNeeded is appendBare for what is in dst[mark:] already.
func quoteIfNeeded(dst []byte, mark int) []byte {
	if !needsQuotes(dst[mark:]) {
		return dst
	}
	end := len(dst)
	dst = record.AppendJSONString(dst, dst[mark:end])
	return append(dst[:mark], dst[end:]...)
}

func needsQuotes(s []byte) bool {
	if len(s) == 0 {
		return true
	}
	for len(s) >= 8 && allBare(binary.LittleEndian.Uint64(s)) {
		s = s[8:]
	}
	for i := 0; i < len(s); {
		b := s[i]
		if b < utf8.RuneSelf {
			if b <= ' ' || b == '"' || b == '=' || b == 0x7f {
				return true
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError || unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return true
		}
		i += n
	}
	return false
}

// allBare reports whether eight bytes are ASCII that needs no quotes. What is carried
// or borrowed can only run into bytes above one that does.
func allBare(w uint64) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	quote, equals := w^ones*'"', w^ones*'='
	return ((w+ones)|(w-ones*('!'))|(quote-ones)|(equals-ones))&high == 0
}

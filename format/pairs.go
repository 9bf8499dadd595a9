package format

import (
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

// quoteIfNeeded puts dst[mark:] in quotes, escaped as in JSON, if it is empty
// or has spaces, quotes, equals signs or what can't be printed.
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

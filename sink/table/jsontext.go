package table

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/girok/girok/record"
)

// What is here reads JSON text where it lies: attributes that encoding/json or a
// source made into JSON are looked into and copied in part without being decoded.
// Text that is not valid JSON finds nothing and stays as it is.

func validJSON(text string) bool { return json.Valid([]byte(text)) }

// validScalar reports whether text is a number, true or false.
func validScalar(text string) bool {
	return validJSON(text) && text != "" && !strings.ContainsRune("\"{[n", rune(text[0]))
}

func skipSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\n' || b[0] == '\t' || b[0] == '\r') {
		b = b[1:]
	}
	return b
}

// cutValue cuts the first value off b; ok is false for malformed text.
func cutValue(b []byte) (value, rest []byte, ok bool) {
	b = skipSpace(b)
	if len(b) == 0 {
		return nil, nil, false
	}
	n := 0
	switch b[0] {
	case '"':
		n = stringEnd(b)
	case '{', '[':
		n = containerEnd(b)
	default:
		for n < len(b) && strings.IndexByte(",]} \n\t\r", b[n]) < 0 {
			n++
		}
	}
	if n <= 0 {
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}

// stringEnd is the length of the string that b begins with, quotes included; -1
// if it has no end.
func stringEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

func containerEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			n := stringEnd(b[i:])
			if n < 0 {
				return -1
			}
			i += n - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// members is a walk over the members of a JSON object.
type members struct{ rest []byte }

// membersOf begins a walk; text that is no object has no members.
func membersOf(text []byte) members {
	text = skipSpace(text)
	if len(text) == 0 || text[0] != '{' {
		return members{}
	}
	return members{text[1:]}
}

// next gives the next member: its key, in quotes and as it was written, and its
// value. Both alias the text.
func (m *members) next() (key, value []byte, ok bool) {
	b := skipSpace(m.rest)
	if len(b) > 0 && b[0] == ',' {
		b = skipSpace(b[1:])
	}
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, false
	}
	n := stringEnd(b)
	if n < 0 {
		return nil, nil, false
	}
	key, b = b[:n], skipSpace(b[n:])
	if len(b) == 0 || b[0] != ':' {
		return nil, nil, false
	}
	value, m.rest, ok = cutValue(b[1:])
	return key, value, ok
}

// plainKey is a key without its quotes and escapes.
func plainKey(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	return appendUnquoted(nil, quoted)
}

// appendUnquoted appends the text of a JSON string. An escape that stands for no
// character (half a surrogate pair) becomes U+FFFD.
func appendUnquoted(dst, quoted []byte) []byte {
	s := quoted[1 : len(quoted)-1]
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 || i+1 >= len(s) {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		if s[i+1] == 'u' {
			r, n := unescapeRune(s[i:])
			dst = utf8.AppendRune(dst, r)
			s = s[i+n:]
			continue
		}
		c := s[i+1]
		if j := strings.IndexByte("nrtbf", c); j >= 0 {
			c = "\n\r\t\b\f"[j]
		}
		dst = append(dst, c)
		s = s[i+2:]
	}
}

// unescapeRune reads the \uXXXX, or the surrogate pair of two, that s begins
// with, and its length. What is no character is U+FFFD.
func unescapeRune(s []byte) (r rune, n int) {
	r, ok := hex4(s)
	if !ok {
		return utf8.RuneError, min(len(s), 6)
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
		if r2, ok := hex4(s[6:]); ok {
			if pair := utf16.DecodeRune(r, r2); pair != utf8.RuneError {
				return pair, 12
			}
		}
	}
	return utf8.RuneError, 6
}

func hex4(s []byte) (r rune, ok bool) {
	if len(s) < 6 {
		return 0, false
	}
	for _, c := range s[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// cleanJSON makes JSON text hold what every store takes: valid UTF-8, no escape
// of NUL or of half a surrogate pair. Clean text comes back as it is.
func cleanJSON(text []byte) []byte {
	if utf8.Valid(text) && !bytes.Contains(text, []byte(`\u`)) {
		return text
	}
	var out []byte
	for len(text) > 0 {
		i := bytes.IndexByte(text, '\\')
		if i < 0 || i+1 >= len(text) {
			break
		}
		out = append(out, text[:i]...)
		n := 2
		if text[i+1] == 'u' {
			var r rune
			if r, n = unescapeRune(text[i:]); r == utf8.RuneError || r == 0 {
				out = append(out, `\ufffd`...)
				text = text[i+n:]
				continue
			}
		}
		out = append(out, text[i:i+n]...)
		text = text[i+n:]
	}
	return record.AppendValidUTF8(nil, append(out, text...))
}

package format

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/girok/girok/record"
)

// jsonLayout is how Python's json.dumps writes.
type jsonLayout struct {
	ascii  bool
	pretty bool
	indent string
}

// next begins item i of a container: the comma, and the line.
func (l *jsonLayout) next(dst []byte, i, depth int) []byte {
	switch {
	case !l.pretty && i > 0:
		return append(dst, ", "...)
	case i > 0:
		dst = append(dst, ',')
	}
	return l.end(dst, depth)
}

// end begins a line, if there are lines.
func (l *jsonLayout) end(dst []byte, depth int) []byte {
	if !l.pretty {
		return dst
	}
	dst = append(dst, '\n')
	for range depth {
		dst = append(dst, l.indent...)
	}
	return dst
}

// requote makes a JSON string of dst[mark:].
func (l *jsonLayout) requote(dst []byte, mark int) []byte {
	end := len(dst)
	dst = l.string(dst, dst[mark:end])
	return append(dst[:mark], dst[end:]...)
}

// string appends a text.
func (l *jsonLayout) string(dst, s []byte) []byte { return appendPyString(dst, s, l.ascii) }

func appendPyString[T string | []byte](dst []byte, s T, ascii bool) []byte {
	if out, ok := record.AppendPlain(dst, s); ok {
		return out
	}
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		if b := s[i]; b < utf8.RuneSelf {
			dst = appendPyASCII(dst, b, ascii)
			i++
			continue
		}
		r, n := decodeRune(s[i:])
		i += n
		switch {
		case !ascii:
			dst = utf8.AppendRune(dst, r)
		case r > 0xffff:
			r -= 0x10000
			dst = appendU(appendU(dst, 0xd800+r>>10), 0xdc00+r&0x3ff)
		default:
			dst = appendU(dst, r)
		}
	}
	return append(dst, '"')
}

// decodeRune is the first rune of a text.
func decodeRune[T string | []byte](s T) (rune, int) {
	var b [utf8.UTFMax]byte
	return utf8.DecodeRune(b[:copy(b[:], s)])
}

// appendPyASCII appends one character of ASCII.
func appendPyASCII(dst []byte, b byte, ascii bool) []byte {
	switch {
	case b == '"' || b == '\\':
		return append(dst, '\\', b)
	case b >= ' ' && (b != 0x7f || !ascii):
		return append(dst, b)
	}
	switch b {
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	}
	return appendU(dst, rune(b))
}

func appendU(dst []byte, r rune) []byte {
	return append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

// json appends what JSON text holds. Text that is none is shown as a text; NaN and
// the infinities, which Python writes bare, stay so.
func (l *jsonLayout) json(dst, text []byte, depth int) []byte {
	switch string(text) {
	case "NaN", "Infinity", "-Infinity":
		return append(dst, text...)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	out, ok := l.token(dst, dec, depth)
	if !ok || dec.More() {
		return l.string(dst, text)
	}
	return out
}

func (l *jsonLayout) token(dst []byte, dec *json.Decoder, depth int) ([]byte, bool) {
	tok, err := dec.Token()
	if err != nil {
		return dst, false
	}
	switch tok := tok.(type) {
	case json.Delim:
		return l.container(dst, dec, tok, depth)
	case string:
		return l.string(dst, []byte(tok)), true
	case json.Number:
		return appendPyNumber(dst, string(tok)), true
	case bool:
		return strconv.AppendBool(dst, tok), true
	}
	return append(dst, "null"...), true
}

func (l *jsonLayout) container(dst []byte, dec *json.Decoder, open json.Delim, depth int) (_ []byte, ok bool) {
	dst = append(dst, byte(open))
	n := 0
	for ; dec.More(); n++ {
		dst = l.next(dst, n, depth+1)
		if open == '{' {
			if dst, ok = l.token(dst, dec, depth+1); !ok {
				return dst, false
			}
			dst = append(dst, ": "...)
		}
		if dst, ok = l.token(dst, dec, depth+1); !ok {
			return dst, false
		}
	}
	end, err := dec.Token()
	if err != nil {
		return dst, false
	}
	if n > 0 {
		dst = l.end(dst, depth)
	}
	return append(dst, byte(end.(json.Delim))), true
}

// appendPyJSONFloat appends a float as json.dumps does.
func appendPyJSONFloat(dst []byte, f float64) []byte {
	switch {
	case math.Abs(f) < math.Inf(1):
		return appendPyFloat(dst, f)
	case f != f:
		return append(dst, "NaN"...)
	case f < 0:
		return append(dst, "-Infinity"...)
	}
	return append(dst, "Infinity"...)
}

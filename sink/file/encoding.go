package file

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Encoding is how the lines of a file are encoded, where it is not UTF-8, and what
// becomes of characters that the encoding does not have.
type Encoding struct {
	name   string // Python's, as its errors show it
	last   rune   // the last character that it has, the first ones being Unicode's
	marked bool   // an empty file begins with a byte order mark
	errors string
}

// Encodings are the names that Python has for what NewEncoding takes, in words.
const Encodings = "utf-8, utf-8-sig, ascii, latin-1"

// ErrorModes are the values of Python's errors that NewEncoding takes.
var ErrorModes = []string{"strict", "replace", "ignore", "backslashreplace", "xmlcharrefreplace"}

// NewEncoding finds an encoding by one of the names that Python has for it; nil is
// UTF-8. errors "" is strict: a line with a character that the encoding does not
// have is not written at all, and an error.
func NewEncoding(name, errors string) (*Encoding, error) {
	// As Python, which takes "UTF 8" too.
	switch plain := strings.NewReplacer("-", "_", " ", "_", ".", "_").Replace(strings.ToLower(name)); plain {
	case "", "utf_8", "utf8", "u8", "utf", "utf8_ucs2", "utf8_ucs4", "cp65001", "locale":
		return nil, nil
	case "utf_8_sig", "utf8_sig":
		return &Encoding{name: "utf-8", last: utf8.MaxRune, marked: true}, nil
	case "ascii", "us_ascii", "646", "ansi_x3_4_1968", "ansi_x3_4_1986", "ansi_x3.4_1968", "cp367", "csascii", "ibm367", "iso646_us", "iso_646_irv_1991", "iso_ir_6", "us":
		return &Encoding{name: "ascii", last: 0x7f, errors: errors}, nil
	case "latin_1", "latin1", "latin", "l1", "iso_8859_1", "iso8859_1", "iso8859", "8859", "cp819", "csisolatin1", "ibm819", "iso_8859_1_1987", "iso_ir_100":
		return &Encoding{name: "latin-1", last: 0xff, errors: errors}, nil
	}
	return nil, fmt.Errorf("unknown encoding: %s; girok has %s", name, Encodings)
}

// mark is what an empty file begins with.
func (e *Encoding) mark() string {
	if e != nil && e.marked {
		return "\ufeff"
	}
	return ""
}

// append appends a line in the encoding.
func (e *Encoding) append(dst, line []byte) ([]byte, error) {
	for i := 0; i < len(line); {
		if c := line[i]; c < utf8.RuneSelf {
			dst = append(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(line[i:])
		switch {
		case e.last == utf8.MaxRune:
			dst = utf8.AppendRune(dst, r)
		case r <= e.last:
			dst = append(dst, byte(r))
		default:
			var ok bool
			if dst, ok = e.substitute(dst, r); !ok {
				return nil, e.lacks(line, i)
			}
		}
		i += n
	}
	return dst, nil
}

// substitute appends what stands for a character that the encoding lacks.
func (e *Encoding) substitute(dst []byte, r rune) (_ []byte, ok bool) {
	switch e.errors {
	case "replace":
		return append(dst, '?'), true
	case "ignore":
		return dst, true
	case "xmlcharrefreplace":
		return fmt.Appendf(dst, "&#%d;", r), true
	case "backslashreplace":
		return append(dst, escape(r)...), true
	}
	return dst, false
}

// escape is a character as Python's repr escapes it.
func escape(r rune) string {
	switch {
	case r < 0x100:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// lacks says, in Python's words, what of a line can't be encoded: from byte i on.
func (e *Encoding) lacks(line []byte, i int) error {
	at, n := utf8.RuneCount(line[:i]), 0
	first, _ := utf8.DecodeRune(line[i:])
	for _, r := range string(line[i:]) {
		if r <= e.last {
			break
		}
		n++
	}
	if n == 1 {
		return fmt.Errorf("'%s' codec can't encode character '%s' in position %d: ordinal not in range(%d)", e.name, escape(first), at, e.last+1)
	}
	return fmt.Errorf("'%s' codec can't encode characters in position %d-%d: ordinal not in range(%d)", e.name, at, at+n-1, e.last+1)
}

package file

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Encoding is how the lines of a file are encoded, where it is not UTF-8, and what
// becomes of characters that the encoding does not have.
type Encoding struct {
	Name string // Python's, as its errors show it
	// Append appends a character as the encoding has it; false: it lacks it.
	Append func(dst []byte, r rune) ([]byte, bool)
	Plain  bool   // ASCII stands in it as it is
	Lacks  string // what is said of a character that it lacks, in Python's words
	Single bool   // that is said of each by itself, not of all that stand together
	Mark   string // what an empty file begins with
	// Begin, where the bytes of a character depend on what stands before it, begins a line:
	// what it gives is used in place of Append, and at the end with EndOfLine. It may hold
	// characters back. Append is then for one that stands alone.
	Begin func() func(dst []byte, r rune) ([]byte, bool)

	errors string
	named  func(dst []byte, r rune) ([]byte, bool) // for errors: namereplace
}

// EndOfLine has an encoding append what is due at the end of a line.
const EndOfLine rune = -1

// Encodings is an Option of girok.Open: more encodings than girok has by itself. It
// finds one by the name that PlainName makes; false: there is none. Under NameReplace
// it finds one without a name, which appends a character as namereplace shows it.
type Encodings func(plain string) (Encoding, bool)

// GirokOption marks Encodings as an Option.
func (Encodings) GirokOption() {}

// Own are the names that Python has for what girok has by itself, in words.
const Own = "utf-8, utf-8-sig, ascii, latin-1, utf-16 and utf-32"

// NameReplace is the one of Python's errors that needs the names of all characters.
const NameReplace = "namereplace"

// PlainName is the name of an encoding as it is looked up: as Python, which takes
// "UTF 8" too.
func PlainName(name string) string {
	return strings.NewReplacer("-", "_", " ", "_", ".", "_").Replace(strings.ToLower(name))
}

// NewEncoding finds an encoding by one of the names that Python has for it, also among
// more; nil is UTF-8. errors "" is strict: a line with a character that the encoding
// does not have is not written at all, and an error.
func NewEncoding(name, errors string, more ...Encodings) (*Encoding, error) {
	plain := PlainName(name)
	switch plain {
	case "", "utf_8", "utf8", "u8", "utf", "utf8_ucs2", "utf8_ucs4", "cp65001", "locale":
		return nil, nil
	}
	e, ok := ownEncoding(plain)
	if !ok && plain != NameReplace {
		e, ok = among(more, plain)
	}
	if !ok {
		others := "others where the program is opened with encodings.All, of github.com/girok/girok/encodings"
		if len(more) > 0 {
			others = "nearly all others of Python"
		}
		return nil, fmt.Errorf("unknown encoding: %s; girok has %s, and %s", name, Own, others)
	}
	e.errors = errors
	if errors == NameReplace {
		if names, ok := among(more, NameReplace); ok {
			e.named = names.Append
		} else {
			return nil, fmt.Errorf("errors: %s needs the names of characters: open the program with encodings.Names, of github.com/girok/girok/encodings, or take backslashreplace", errors)
		}
	}
	return &e, nil
}

// among finds an encoding among more.
func among(more []Encodings, plain string) (Encoding, bool) {
	for _, find := range more {
		if e, ok := find(plain); ok {
			return e, true
		}
	}
	return Encoding{}, false
}

// ownEncoding is one of those that need no tables.
func ownEncoding(plain string) (Encoding, bool) {
	const little, big = "\xff\xfe", "\xfe\xff"
	switch plain {
	case "utf_8_sig", "utf8_sig":
		return Encoding{Name: "utf-8", Append: appendUTF8, Plain: true, Mark: "\ufeff"}, true
	case "ascii", "us_ascii", "646", "ansi_x3_4_1968", "ansi_x3_4_1986", "cp367", "csascii", "ibm367", "iso646_us", "iso_646_irv_1991", "iso_ir_6", "us":
		return firsts("ascii", 0x7f), true
	case "latin_1", "latin1", "latin", "l1", "iso_8859_1", "iso8859_1", "iso8859", "8859", "cp819", "csisolatin1", "ibm819", "iso_8859_1_1987", "iso_ir_100":
		return firsts("latin-1", 0xff), true
	case "utf_16", "utf16", "u16":
		return Encoding{Name: "utf-16", Append: utf16In(binary.LittleEndian), Mark: little}, true
	case "utf_16_le", "utf_16le", "unicodelittleunmarked":
		return Encoding{Name: "utf-16-le", Append: utf16In(binary.LittleEndian)}, true
	case "utf_16_be", "utf_16be", "unicodebigunmarked":
		return Encoding{Name: "utf-16-be", Append: utf16In(binary.BigEndian)}, true
	case "utf_32", "utf32", "u32":
		return Encoding{Name: "utf-32", Append: utf32In(binary.LittleEndian), Mark: little + "\x00\x00"}, true
	case "utf_32_le", "utf_32le":
		return Encoding{Name: "utf-32-le", Append: utf32In(binary.LittleEndian)}, true
	case "utf_32_be", "utf_32be":
		return Encoding{Name: "utf-32-be", Append: utf32In(binary.BigEndian)}, true
	}
	return Encoding{}, false
}

// firsts has the first characters of Unicode up to last.
func firsts(name string, last rune) Encoding {
	return Encoding{Name: name, Plain: true, Lacks: fmt.Sprintf("ordinal not in range(%d)", last+1), Append: func(dst []byte, r rune) ([]byte, bool) {
		if r > last {
			return dst, false
		}
		return append(dst, byte(r)), true
	}}
}

func appendUTF8(dst []byte, r rune) ([]byte, bool) { return utf8.AppendRune(dst, r), true }

func utf16In(order binary.AppendByteOrder) func([]byte, rune) ([]byte, bool) {
	return func(dst []byte, r rune) ([]byte, bool) {
		if hi, lo := utf16.EncodeRune(r); hi != utf8.RuneError {
			return order.AppendUint16(order.AppendUint16(dst, uint16(hi)), uint16(lo)), true
		}
		return order.AppendUint16(dst, uint16(r)), true
	}
}

func utf32In(order binary.AppendByteOrder) func([]byte, rune) ([]byte, bool) {
	return func(dst []byte, r rune) ([]byte, bool) { return order.AppendUint32(dst, uint32(r)), true }
}

// mark is what an empty file begins with.
func (e *Encoding) mark() string {
	if e == nil {
		return ""
	}
	return e.Mark
}

// Line appends a line in the encoding.
func (e *Encoding) Line(dst, line []byte) ([]byte, error) {
	add := e.Append
	if e.Begin != nil {
		add = e.Begin()
	}
	for i := 0; i < len(line); {
		if c := line[i]; c < utf8.RuneSelf && e.Plain {
			dst = append(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(line[i:])
		var ok bool
		if dst, ok = add(dst, r); !ok {
			instead, ok := e.substitute(nil, r)
			if !ok {
				return nil, e.lacks(line, i)
			}
			for _, c := range instead {
				dst, _ = add(dst, rune(c)) // in EBCDIC these are other bytes
			}
		}
		i += n
	}
	if e.Begin != nil {
		dst, _ = add(dst, EndOfLine)
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
	case NameReplace:
		if dst, ok = e.named(dst, r); !ok { // it has no name
			dst = append(dst, escape(r)...)
		}
		return dst, true
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
	var room [8]byte
	for _, r := range string(line[i:]) {
		if _, ok := e.Append(room[:0], r); ok || n == 1 && e.Single {
			break
		}
		n++
	}
	if n == 1 {
		return fmt.Errorf("'%s' codec can't encode character '%s' in position %d: %s", e.Name, escape(first), at, e.Lacks)
	}
	return fmt.Errorf("'%s' codec can't encode characters in position %d-%d: %s", e.Name, at, at+n-1, e.Lacks)
}

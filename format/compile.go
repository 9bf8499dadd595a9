package format

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// SyntaxError is a mistake in a format.
type SyntaxError struct {
	Offset int // in bytes, in the format
	Msg    string
}

func (e *SyntaxError) Error() string { return e.Msg }

// piece is a run of plain text and the field that follows it.
type piece struct {
	before string
	field  field
	name   string // as it stands in the format
	key    string // of an attribute
	spec   spec
	plain  bool   // %(name)s without flags, width, precision
	brace  *brace // of style {
}

// maxWidth limits widths and precisions: a typing mistake must not write
// megabytes a line.
const maxWidth = 10_000

// compile cuts a format into pieces. Unlike CPython, which only looks for one
// field that is right, it refuses what would fail at every record.
func compile(format string, lenient bool) ([]piece, error) {
	c := compiler{format: format}
	for c.pos < len(format) {
		if err := c.next(); err != nil {
			err.Msg = c.invalid() + ": " + err.Msg
			return nil, err
		}
	}
	switch {
	case c.fields || lenient:
	case c.unseen != "":
		return nil, &SyntaxError{Msg: c.invalid() + ": write %" + c.unseen + "s, or %" + c.unseen + " with digits behind the point, and no h, l or L"}
	default:
		return nil, &SyntaxError{Msg: c.invalid() + ": it names no field; write %(message)s"}
	}
	if len(c.text) > 0 {
		c.pieces = append(c.pieces, piece{before: string(c.text)})
	}
	return c.pieces, nil
}

type compiler struct {
	format string
	pos    int
	text   []byte // plain text since the last field
	pieces []piece
	fields bool
	unseen string // the last field that CPython does not see when it looks for one
}

// invalid is CPython's own wording.
func (c *compiler) invalid() string {
	return fmt.Sprintf("Invalid format %s for '%%' style", appendRepr(nil, []byte(c.format), false))
}

// next reads plain text up to a percent sign, and what begins there.
func (c *compiler) next() *SyntaxError {
	rest := c.format[c.pos:]
	i := strings.IndexByte(rest, '%')
	if i < 0 {
		i = len(rest)
	}
	c.text = append(c.text, rest[:i]...)
	if c.pos += i; c.pos == len(c.format) {
		return nil
	}
	if strings.HasPrefix(rest[i:], "%%") {
		c.text = append(c.text, '%')
		c.pos += 2
		return nil
	}
	return c.conversion()
}

// conversion reads %(name), flags, width, precision and the conversion.
func (c *compiler) conversion() *SyntaxError {
	start := c.pos
	c.pos++
	name, err := c.key(start)
	if err != nil {
		return err
	}
	s := spec{prec: -1}
	for c.pos < len(c.format) && s.flag(c.format[c.pos]) {
		c.pos++
	}
	if s.width, err = c.number("width"); err != nil {
		return err
	}
	seen := true // by CPython, which looks for one like it, and takes others beside that
	if c.peek() == '.' {
		c.pos++
		seen = c.peek() >= '0' && c.peek() <= '9'
		if s.prec, err = c.number("precision"); err != nil {
			return err
		}
	}
	if b := c.peek(); b == 'h' || b == 'l' || b == 'L' { // a length: without a meaning, as in Python
		c.pos++
		seen = false
	}
	if c.pos == len(c.format) {
		return &SyntaxError{start, "incomplete format: a conversion such as s is missing after %(" + name + ")"}
	}
	s.conv = c.format[c.pos]
	if !strings.Contains("diuxXoeEfFgGcrsa", string(rune(s.conv))) {
		r, _ := utf8.DecodeRuneInString(c.format[c.pos:])
		return &SyntaxError{c.pos, fmt.Sprintf("unsupported format character '%c' (0x%x); there are d i u x X o e E f F g G c r s a", r, r)}
	}
	c.pos++
	p := piece{before: string(c.text), name: name, spec: s, plain: s == spec{prec: -1, conv: 's'}}
	p.field, p.key = fieldOf(name)
	c.pieces = append(c.pieces, p)
	if c.text = c.text[:0]; seen {
		c.fields = true
	} else {
		c.unseen = "(" + name + ")"
	}
	return nil
}

// key reads (name), in which parentheses may be nested.
func (c *compiler) key(start int) (string, *SyntaxError) {
	switch c.peek() {
	case 0:
		return "", &SyntaxError{start, "incomplete format: a single % at the end; write %% for a percent sign"}
	case '(':
	default:
		return "", &SyntaxError{start, "a conversion without a field: write %(message)s, or %% for a percent sign"}
	}
	depth := 0
	for i := c.pos; i < len(c.format); i++ {
		switch c.format[i] {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 {
			name := c.format[c.pos+1 : i]
			c.pos = i + 1
			return name, nil
		}
	}
	return "", &SyntaxError{start, "incomplete format key: a ) is missing"}
}

func (c *compiler) number(what string) (n int, err *SyntaxError) {
	start := c.pos
	if c.peek() == '*' {
		return 0, &SyntaxError{start, "* takes its " + what + " from a list of arguments, which a record does not have; write a number"}
	}
	for b := c.peek(); b >= '0' && b <= '9'; b = c.peek() {
		if n = n*10 + int(b-'0'); n > maxWidth {
			return 0, &SyntaxError{start, fmt.Sprintf("%s: want at most %d", what, maxWidth)}
		}
		c.pos++
	}
	return n, nil
}

// peek is the next byte, 0 at the end.
func (c *compiler) peek() byte {
	if c.pos < len(c.format) {
		return c.format[c.pos]
	}
	return 0
}

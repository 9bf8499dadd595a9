package format

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/girok/girok/internal/pattern"
	"github.com/girok/girok/record"
)

// brace is what stands behind the name of a field in style {: a conversion, and a
// specification like str.format's.
type brace struct {
	path   []string // of attributes and indexes within the value
	conv   byte     // r s a; 0: none
	text   string   // the specification
	nested []piece  // of it, if it has fields in it
	spec   braceSpec
	bad    bool // the specification is none; only unchecked formats have one
}

// braceSpec is [[fill]align][sign][#][0][width][grouping][.precision][type].
type braceSpec struct {
	fill      rune // 0: a space
	align     byte // < > = ^; 0: as the value likes
	sign      byte // + - or a space; 0: none
	alt, zero bool
	width     int  // in code points
	group     byte // , _; 0: none
	prec      int  // -1: not given
	typ       byte // 0: none
}

var (
	braceName = pattern.Lazy{Expr: `^[\pL\pN_]+(\.[\pL\pN_]+|\[[^]]+\])*$`}
	braceForm = pattern.Lazy{Expr: `(?i)^(.?[<=>^])?[+ -]?#?0?(\d+|\{\w+\})?[,_]?(\.(\d+|\{\w+\}))?[bcdefgnosx%]?$`}
	bracePart = pattern.Lazy{Expr: `\.[\pL\pN_]+|\[[^]]+\]`}
)

// compileBrace cuts a format of style { into pieces. What CPython's validation
// refuses is refused in its words, unless lenient.
func compileBrace(format string, lenient bool) ([]piece, error) {
	c := braceCompiler{lenient: lenient}
	pieces, err := c.pieces(format, 0, true)
	if err == nil && !lenient && !c.fields {
		err = &SyntaxError{Msg: "no fields; write {message}"}
	}
	if err != nil {
		err.Msg = "invalid format: " + err.Msg
		return nil, err
	}
	return pieces, nil
}

type braceCompiler struct {
	lenient bool
	fields  bool
}

// pieces compiles s, which begins at base in the format; outer: it is the format
// itself, and no specification.
func (c *braceCompiler) pieces(s string, base int, outer bool) (list []piece, err *SyntaxError) {
	var text []byte
	for i := 0; i < len(s); i++ {
		switch b := s[i]; {
		case b != '{' && b != '}':
			text = append(text, b)
			continue
		case i+1 < len(s) && s[i+1] == b:
			text = append(text, b)
			i++
			continue
		case b == '}' || i+1 == len(s):
			return nil, &SyntaxError{base + i, fmt.Sprintf("Single '%c' encountered in format string; write %c%c for a brace", b, b, b)}
		}
		end, depth := i+1, 1
		for ; end < len(s) && depth > 0; end++ {
			switch s[end] {
			case '{':
				depth++
			case '}':
				depth--
			}
		}
		if depth > 0 {
			return nil, &SyntaxError{base + i, "expected '}' before end of string"}
		}
		p, err := c.field(s[i+1:end-1], base+i+1, outer)
		if err != nil {
			return nil, err
		}
		p.before = string(text)
		list, text, i = append(list, p), nil, end-1
	}
	if len(text) > 0 {
		list = append(list, piece{before: string(text)})
	}
	return list, nil
}

// field compiles what stands between braces.
func (c *braceCompiler) field(s string, at int, outer bool) (p piece, _ *SyntaxError) {
	name, rest := s, ""
	if i := strings.IndexAny(s, "!:"); i >= 0 {
		name, rest = s[:i], s[i:]
	}
	b := &brace{}
	if strings.HasPrefix(rest, "!") {
		_, n := utf8.DecodeRuneInString(rest[1:])
		conv := rest[1 : 1+n]
		rest = rest[1+n:]
		switch {
		case conv == "" || conv == ":":
			return p, &SyntaxError{at, "end of string while looking for conversion specifier"}
		case rest != "" && rest[0] != ':':
			return p, &SyntaxError{at, "expected ':' after conversion specifier"}
		case conv == "\x00": // for CPython it is none
		case !strings.Contains("rsa", conv):
			return p, &SyntaxError{at, fmt.Sprintf("invalid conversion: '%s'; there are r, s and a", conv)}
		}
		b.conv = conv[0]
	}
	b.text = strings.TrimPrefix(rest, ":")
	switch {
	case name == "":
		return p, &SyntaxError{at, "no fields; a field has a name, as {message}"}
	case !c.lenient && !braceName.Get().MatchString(name):
		return p, &SyntaxError{at, fmt.Sprintf("invalid field name/expression: %s", appendRepr(nil, []byte(name), false))}
	case !c.lenient && b.text != "" && !braceForm.Get().MatchString(b.text):
		return p, &SyntaxError{at, fmt.Sprintf("bad specifier: %s", appendRepr(nil, []byte(b.text), false))}
	}
	c.fields = true
	first := name
	if i := strings.IndexAny(name, ".["); i >= 0 {
		first = name[:i]
		for _, part := range bracePart.Get().FindAllString(name[i:], -1) {
			if part[0] == '[' {
				part = part[:len(part)-1]
			}
			b.path = append(b.path, part[1:])
		}
	}
	if strings.Contains(b.text, "{") {
		if !outer {
			return p, &SyntaxError{at, "Max string recursion exceeded"}
		}
		var err *SyntaxError
		if b.nested, err = c.pieces(b.text, at, false); err != nil {
			return p, err
		}
	} else {
		var ok bool
		b.spec, ok = parseBrace(b.text)
		b.bad = !ok
	}
	p = piece{name: name, brace: b}
	p.field, p.key = fieldOf(first)
	p.plain = b.text == "" && b.conv == 0 && b.path == nil
	return p, nil
}

// parseBrace reads a specification; false if it is none.
func parseBrace(s string) (f braceSpec, ok bool) {
	const aligns = "<>=^"
	f.prec = -1
	if r, n := utf8.DecodeRuneInString(s); n > 0 && len(s) > n && strings.IndexByte(aligns, s[n]) >= 0 {
		f.fill, f.align, s = r, s[n], s[n+1:]
	} else if s != "" && strings.IndexByte(aligns, s[0]) >= 0 {
		f.align, s = s[0], s[1:]
	}
	take := func(set string) byte {
		if s == "" || strings.IndexByte(set, s[0]) < 0 {
			return 0
		}
		b := s[0]
		s = s[1:]
		return b
	}
	number := func() (n int) {
		for d := take("0123456789"); d != 0; d = take("0123456789") {
			n = min(n*10+int(d-'0'), maxWidth+1)
		}
		return n
	}
	f.sign = take("+- ")
	f.alt = take("#") != 0
	f.zero = take("0") != 0
	f.width = number()
	f.group = take(",_")
	if take(".") != 0 {
		if s == "" || s[0] < '0' || s[0] > '9' {
			return f, false
		}
		f.prec = number()
	}
	f.typ = take("bcdeEfFgGnosxX%")
	return f, s == "" && f.width <= maxWidth && f.prec <= maxWidth
}

// append appends a value; false when the specification does not fit it.
func (b *brace) append(dst []byte, x *operand, t *Text, v *record.View) ([]byte, bool) {
	if len(b.path) > 0 && !x.walk(b.path) {
		return dst, false
	}
	f, ok, text := b.spec, !b.bad, b.text
	if b.nested != nil {
		var made []byte
		for i := range b.nested {
			made = append(made, b.nested[i].before...)
			made = t.field(made, &b.nested[i], v)
		}
		text = string(made)
		f, ok = parseBrace(text)
	}
	if b.conv == 0 && x.kind == isValue && x.value.Type == record.Time && text != "" {
		return parseLayout(text).append(dst, x.value.Time()), true
	}
	if !ok {
		return dst, false
	}
	mark := len(dst)
	switch {
	case b.conv == 's':
		return f.text(x.appendStr(dst), mark)
	case b.conv != 0:
		return f.text(x.appendRepr(dst, b.conv == 'a'), mark)
	case text == "":
		return x.appendStr(dst), true
	}
	switch x.kind {
	case isText, isTime:
		return f.text(x.appendStr(dst), mark)
	case isInt, isUint, isBool:
		return f.integer(dst, x)
	case isFloat:
		return f.float(dst, math.Float64frombits(x.num))
	}
	return dst, false
}

// walk goes on from a value to one within it.
func (x *operand) walk(path []string) bool {
	for _, step := range path {
		ok := false
		switch {
		case x.kind == isText || x.kind == isTime:
			if !x.letter(step) {
				return false
			}
			continue
		case x.kind == isValue && x.value.Type == record.Group:
			ok = find(x.value.Attrs(), step, &x.value)
		case x.kind == isValue && x.value.Type == record.JSON:
			ok = jsonStep(&x.value, step)
		}
		if !ok {
			return false
		}
		x.fromValue()
	}
	return true
}

// letter makes one character of a text, by its number.
func (x *operand) letter(number string) bool {
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil {
		return false
	}
	text := x.text
	if x.kind == isTime || x.str != "" {
		text = x.appendStr(nil)
	}
	for ; n > 0 && len(text) > 0; n-- {
		_, size := utf8.DecodeRune(text)
		text = text[size:]
	}
	_, size := utf8.DecodeRune(text)
	if size == 0 {
		return false
	}
	x.str = ""
	x.setText(text[:size])
	return true
}

// text aligns dst[mark:], which is a text.
func (f *braceSpec) text(dst []byte, mark int) ([]byte, bool) {
	if f.typ != 0 && f.typ != 's' || f.sign != 0 || f.alt || f.align == '=' || f.group != 0 {
		return dst[:mark], false
	}
	if f.prec >= 0 {
		end := mark
		for n := 0; n < f.prec && end < len(dst); n++ {
			_, size := utf8.DecodeRune(dst[end:])
			end += size
		}
		dst = dst[:end]
	}
	return f.pad(dst, mark, '<'), true
}

// pad fills dst[mark:] up to the width. align is what the value likes.
func (f *braceSpec) pad(dst []byte, mark int, align byte) []byte {
	fill := f.width - utf8.RuneCount(dst[mark:])
	if fill <= 0 {
		return dst
	}
	if f.align != 0 {
		align = f.align
	}
	left := 0
	switch align {
	case '>', '=':
		left = fill
	case '^':
		left = fill / 2
	}
	with := f.fill
	switch {
	case with != 0:
	case f.zero:
		with = '0'
	default:
		with = ' '
	}
	body, size := len(dst), utf8.RuneLen(with)
	for range fill {
		dst = utf8.AppendRune(dst, with)
	}
	if left > 0 {
		copy(dst[mark+left*size:], dst[mark:body])
		for i := range left {
			utf8.EncodeRune(dst[mark+i*size:], with)
		}
		for i := range fill - left {
			utf8.EncodeRune(dst[body+(left+i)*size:], with)
		}
	}
	return dst
}

func (f *braceSpec) integer(dst []byte, x *operand) ([]byte, bool) {
	negative, n := x.kind == isInt && int64(x.num) < 0, x.num
	if negative {
		n = -n
	}
	size, prefix, every := 10, "", 3
	switch f.typ {
	case 'e', 'E', 'f', 'F', 'g', 'G', '%':
		v := float64(n)
		if negative {
			v = -v
		}
		return f.float(dst, v)
	case 'b':
		size, prefix, every = 2, "0b", 4
	case 'o':
		size, prefix, every = 8, "0o", 4
	case 'x', 'X':
		size, prefix, every = 16, "0"+string(rune(f.typ)), 4
	case 'c':
		if f.sign != 0 || f.alt || f.prec >= 0 || f.group != 0 {
			return dst, false
		}
		mark := len(dst)
		dst, ok := appendChar(dst, x)
		return f.pad(dst, mark, '<'), ok
	case 's':
		return dst, false
	}
	if f.prec >= 0 || f.group == ',' && size != 10 || f.group != 0 && f.typ == 'n' {
		return dst, false
	}
	if !f.alt {
		prefix = ""
	}
	var scratch [72]byte
	digits := strconv.AppendUint(scratch[:0], n, size)
	if f.typ == 'X' {
		digits = bytes.ToUpper(digits)
	}
	return f.number(dst, negative, prefix, digits, len(digits), every), true
}

func (f *braceSpec) float(dst []byte, v float64) ([]byte, bool) {
	var scratch [64]byte
	digits, abs, prec := scratch[:0], math.Abs(v), f.prec
	if prec < 0 {
		prec = 6
	}
	switch f.typ {
	case 0:
		if f.prec < 0 {
			digits = appendPyFloat(digits, abs)
		} else {
			digits = appendShort(digits, abs, max(prec, 1), f.alt)
		}
		if f.alt {
			digits = withPoint(digits, 0)
		}
	case '%':
		digits = append(appendCFloat(digits, abs*100, 'f', prec, f.alt), '%')
	case 'n':
		if f.group != 0 {
			return dst, false
		}
		digits = appendCFloat(digits, abs, 'g', prec, f.alt)
	case 'e', 'f', 'g':
		digits = appendCFloat(digits, abs, f.typ, prec, f.alt)
	case 'E', 'F', 'G':
		digits = bytes.ToUpper(appendCFloat(digits, abs, f.typ|0x20, prec, f.alt))
	default:
		return dst, false
	}
	whole := 0
	for whole < len(digits) && digits[whole] >= '0' && digits[whole] <= '9' {
		whole++
	}
	return f.number(dst, math.Signbit(v) && v == v, "", digits, whole, 3), true
}

// appendShort appends f as Python does with a precision and no type: like g, but
// with a point or an exponent.
func appendShort(dst []byte, f float64, prec int, alt bool) []byte {
	mark := len(dst)
	if alt && f == f && !math.IsInf(f, 0) {
		var exp int
		if dst, exp = appendExp(dst, f, prec-1); exp < -4 || exp >= prec-1 {
			return dst
		}
		return strconv.AppendFloat(dst[:mark], f, 'f', prec-1-exp, 64)
	}
	dst = appendCFloat(dst, f, 'g', prec, false)
	if f != f || math.IsInf(f, 0) || bytes.ContainsAny(dst[mark:], ".e") {
		return dst
	}
	if len(dst)-mark >= prec { // a digit behind the point would be one too many
		dst = strconv.AppendFloat(dst[:mark], f, 'e', prec-1, 64)
		if e := bytes.IndexByte(dst[mark:], 'e') + mark; prec > 1 {
			digits := bytes.TrimRight(bytes.TrimRight(dst[mark:e], "0"), ".")
			dst = append(dst[:mark+len(digits)], dst[e:]...)
		}
		return dst
	}
	return append(dst, ".0"...)
}

// number appends sign, prefix and digits, of which the first whole stand before the
// point, in groups, filled up to the width.
func (f *braceSpec) number(dst []byte, negative bool, prefix string, digits []byte, whole, every int) []byte {
	mark := len(dst)
	switch {
	case negative:
		dst = append(dst, '-')
	case f.sign == '+' || f.sign == ' ':
		dst = append(dst, f.sign)
	}
	dst = append(dst, prefix...)
	head := len(dst)
	inside := f.align == '=' || f.align == 0 && f.zero // what fills stands behind the sign
	zeros := 0
	if inside && (f.fill == '0' || f.fill == 0 && f.zero) {
		room := f.width - (head - mark) - (len(digits) - whole)
		for zeros+whole+f.separators(zeros+whole, every) < room || whole == 0 && zeros < room { // inf and nan have no groups
			zeros++
		}
	}
	for i := range zeros + whole {
		if left := zeros + whole - i; i > 0 && whole > 0 && f.group != 0 && left%every == 0 {
			dst = append(dst, f.group)
		}
		if i < zeros {
			dst = append(dst, '0')
		} else {
			dst = append(dst, digits[i-zeros])
		}
	}
	dst = append(dst, digits[whole:]...)
	if inside {
		g := *f
		g.align, g.width = '>', f.width-(head-mark)
		return g.pad(dst, head, '>')
	}
	return f.pad(dst, mark, '>')
}

// separators is how many stand between so many digits.
func (f *braceSpec) separators(digits, every int) int {
	if f.group == 0 || digits == 0 {
		return 0
	}
	return (digits - 1) / every
}

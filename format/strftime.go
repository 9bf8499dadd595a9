package format

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// layout is a compiled datefmt: strftime of the C library in the C locale, with
// GNU's flags and widths. What it does not know stays as it is.
type layout []directive

// directive is plain text and the conversion that follows it.
type directive struct {
	before string
	conv   byte   // 0: none
	text   string // what is not known, and stays as it is, but for width and capitals
	pad    byte   // '-' nothing, '_' spaces, '0' zeros; 0 as the conversion likes
	upper  bool
	swap   bool // the flag #
	width  int  // -1: not given
}

const (
	conversions = "aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ%"
	noE         = "aAbBDdeFgGhHIjklmMSUVwW%" // the modifier E, of other locales, does not go with these
	noO         = "aAcDFxXY%"
)

func parseLayout(s string) layout {
	var l layout
	var text strings.Builder
	for i := 0; i < len(s); {
		d, n := parseDirective(s[i:])
		if n == 0 {
			text.WriteByte(s[i])
			i++
			continue
		}
		d.before = text.String()
		text.Reset()
		l = append(l, d)
		i += n
	}
	if text.Len() > 0 {
		l = append(l, directive{before: text.String()})
	}
	return l
}

// parseDirective reads a directive at the start of s; n is 0 when there is none.
func parseDirective(s string) (d directive, n int) {
	d.width = -1
	if s[0] != '%' {
		return d, 0
	}
	i := 1
flags:
	for ; i < len(s); i++ {
		switch s[i] {
		case '-', '_', '0':
			d.pad = s[i]
		case '^':
			d.upper = true
		case '#':
			d.swap = true
		default:
			break flags
		}
	}
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		d.width = min(max(d.width, 0)*10+int(s[i]-'0'), 1000)
	}
	without := ""
	if i < len(s) && s[i] == 'E' {
		without = noE
		i++
	} else if i < len(s) && s[i] == 'O' {
		without = noO
		i++
	}
	switch {
	case i == len(s):
		d.conv, d.text = unknown, s
		return d, i
	case strings.IndexByte(conversions, s[i]) < 0 || strings.IndexByte(without, s[i]) >= 0:
		_, n := utf8.DecodeRuneInString(s[i:])
		d.conv, d.text = unknown, s[strings.LastIndexByte(s[:i+1], '%'):i+n] // the C library looks back for it
		d.upper = d.upper || d.swap && without == noE && (s[i] == 'b' || s[i] == 'h')
		return d, i + n
	default:
		d.conv = s[i]
	}
	return d, i + 1
}

// unknown is the conversion of what is none.
const unknown = '?'

// append appends t.
func (l layout) append(dst []byte, t time.Time) []byte {
	for i := range l {
		d := &l[i]
		dst = append(dst, d.before...)
		if d.conv != 0 {
			dst = d.append(dst, t)
		}
	}
	return dst
}

func (d *directive) append(dst []byte, t time.Time) []byte {
	if n, digits, pad, ok := d.number(t); ok {
		return d.appendNumber(dst, n, digits, pad)
	}
	mark := len(dst)
	dst = d.name(dst, t)
	if d.upper && d.conv != 'P' && !(d.swap && (d.conv == 'p' || d.conv == 'Z')) {
		dst = append(dst[:mark], bytes.ToUpper(dst[mark:])...)
	}
	fill := max(d.width-utf8.RuneCount(dst[mark:]), 0)
	if fill == 0 {
		return dst
	}
	b := byte(' ')
	if d.pad == '0' {
		b = '0'
	}
	end := len(dst)
	dst = append(dst, bytes.Repeat([]byte{b}, fill)...)
	copy(dst[mark+fill:], dst[mark:end])
	for i := range fill {
		dst[mark+i] = b
	}
	return dst
}

// number is the value of a directive that is a number, the digits that it has
// at least, and what fills them up.
func (d *directive) number(t time.Time) (n int64, digits int, pad byte, ok bool) {
	year, day := t.Year(), t.YearDay()
	isoYear, isoWeek := t.ISOWeek()
	switch d.conv {
	case 'Y':
		return int64(year), 1, '0', true
	case 'G':
		return int64(isoYear), 1, '0', true
	case 'C':
		return int64(floorDiv(year, 100)), 1, '0', true
	case 'y':
		return int64(year - 100*floorDiv(year, 100)), 2, '0', true
	case 'g':
		return int64(isoYear - 100*floorDiv(isoYear, 100)), 2, '0', true
	case 'm':
		return int64(t.Month()), 2, '0', true
	case 'd':
		return int64(t.Day()), 2, '0', true
	case 'e':
		return int64(t.Day()), 2, '_', true
	case 'H':
		return int64(t.Hour()), 2, '0', true
	case 'k':
		return int64(t.Hour()), 2, '_', true
	case 'I':
		return int64(hour12(t)), 2, '0', true
	case 'l':
		return int64(hour12(t)), 2, '_', true
	case 'M':
		return int64(t.Minute()), 2, '0', true
	case 'S':
		return int64(t.Second()), 2, '0', true
	case 'j':
		return int64(day), 3, '0', true
	case 'V':
		return int64(isoWeek), 2, '0', true
	case 'U':
		return int64((day + 6 - int(t.Weekday())) / 7), 2, '0', true
	case 'W':
		return int64((day + 6 - (int(t.Weekday())+6)%7) / 7), 2, '0', true
	case 'u':
		return int64((t.Weekday()+6)%7 + 1), 1, '0', true
	case 'w':
		return int64(t.Weekday()), 1, '0', true
	case 's':
		return t.Unix(), 1, '_', true
	}
	return 0, 0, 0, false
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func hour12(t time.Time) int { return (t.Hour()+11)%12 + 1 }

func (d *directive) appendNumber(dst []byte, n int64, digits int, pad byte) []byte {
	if d.pad != 0 {
		pad = d.pad
	}
	if pad == '-' {
		digits = 1
		pad = '_' // of a width
	}
	s := strconv.AppendInt(nil, n, 10)
	missing := max(max(digits, d.width)-len(s), 0)
	if pad == '_' {
		dst = append(dst, bytes.Repeat([]byte{' '}, missing)...)
		return append(dst, s...)
	}
	if n < 0 {
		dst, s = append(dst, '-'), s[1:]
	}
	dst = append(dst, bytes.Repeat([]byte{'0'}, missing)...)
	return append(dst, s...)
}

// name appends a directive that is text.
func (d *directive) name(dst []byte, t time.Time) []byte {
	mark := len(dst)
	switch d.conv {
	case 'a':
		dst = append(dst, t.Weekday().String()[:3]...)
	case 'A':
		dst = append(dst, t.Weekday().String()...)
	case 'b', 'h':
		dst = append(dst, t.Month().String()[:3]...)
	case 'B':
		dst = append(dst, t.Month().String()...)
	case 'p':
		dst = t.AppendFormat(dst, "PM")
		if d.swap {
			copy(dst[mark:], bytes.ToLower(dst[mark:]))
		}
		return dst
	case 'P':
		return t.AppendFormat(dst, "pm")
	case 'Z':
		name, _ := t.Zone()
		if d.swap {
			name = strings.ToLower(name)
		}
		return append(dst, name...)
	case 'z':
		return d.offset(dst, t)
	case unknown:
		return append(dst, d.text...)
	case 'n':
		return append(dst, '\n')
	case 't':
		return append(dst, '\t')
	case '%':
		return append(dst, '%')
	default:
		return composites[d.conv].append(dst, t)
	}
	if d.swap {
		copy(dst[mark:], bytes.ToUpper(dst[mark:]))
	}
	return dst
}

// offset appends +hhmm. As in the C library a width holds for the sign and again
// for the digits.
func (d *directive) offset(dst []byte, t time.Time) []byte {
	_, east := t.Zone()
	sign := byte('+')
	if east < 0 {
		sign, east = '-', -east
	}
	hhmm := east/3600*100 + east/60%60
	fill := byte(' ')
	if d.pad == '0' {
		fill = '0'
	}
	for range d.width - 1 {
		dst = append(dst, fill)
	}
	return d.appendNumber(append(dst, sign), int64(hhmm), 4, '0')
}

// composites are the directives that stand for several.
var composites = map[byte]layout{
	'c': parseLayout("%a %b %e %H:%M:%S %Y"),
	'D': parseLayout("%m/%d/%y"),
	'F': parseLayout("%Y-%m-%d"),
	'r': parseLayout("%I:%M:%S %p"),
	'R': parseLayout("%H:%M"),
	'T': parseLayout("%H:%M:%S"),
	'x': parseLayout("%m/%d/%y"),
	'X': parseLayout("%H:%M:%S"),
}

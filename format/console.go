package format

import (
	"encoding/binary"
	"encoding/json"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/girok/girok/record"
)

// Color says when a formatter writes colours.
type Color uint8

// The choices. ColorAuto is: to a terminal, unless NO_COLOR is set.
const (
	ColorAuto Color = iota
	ColorNever
	ColorAlways
)

// Colored is a formatter that writes colours, or not.
type Colored interface {
	// On is the formatter for one stream. terminal says that somebody looks at it.
	On(terminal bool) Formatter
}

// Console writes a record for somebody who looks at it:
//
//	22:45:06.123 INFO  shop.orders: order placed         user=kim items=3
//	22:45:07.004 ERROR shop.orders: payment failed       user=kim
//	    error: charge: card refused
//
// Attributes stand in one column where the message leaves room. Errors and stacks
// follow on lines of their own. What could confuse a terminal, or look like another
// record, is escaped.
type Console struct {
	clock  *clock
	source bool
	color  Color
}

// NewConsole makes one that writes colours if color is ColorAlways, or On says so.
// loc is the zone of its times, nil the local one.
func NewConsole(loc *time.Location, color Color, source bool) *Console {
	return &Console{clock: newClock(loc, consoleStamp), color: color, source: source}
}

func consoleStamp(t time.Time) stamp { return stamp{head: t.AppendFormat(nil, "15:04:05")} }

// On implements Colored.
func (c *Console) On(terminal bool) Formatter {
	if c.color != ColorAuto || !terminal {
		return c
	}
	colored := *c
	colored.color = ColorAlways
	return &colored
}

// NeedsCaller implements Formatter.
func (c *Console) NeedsCaller() bool { return c.source }

// columns are where attributes begin, if the message is short enough.
const columns = 48

var blanks = strings.Repeat(" ", columns)

// The colours, as terminals take them.
const (
	dim     = "\x1b[2m"
	bold    = "\x1b[1m"
	red     = "\x1b[31m"
	green   = "\x1b[32m"
	yellow  = "\x1b[33m"
	cyan    = "\x1b[36m"
	magenta = "\x1b[35m"
	plain   = "\x1b[0m"
)

// Append implements Formatter.
func (c *Console) Append(dst []byte, v *record.View) []byte {
	dst, end := c.line(dst, v)
	begun := len(dst)
	var prefix [64]byte // grows where groups need more
	dst = c.attrs(dst, v.Attrs(), prefix[:0])
	if c.source {
		dst = c.caller(dst, v)
	}
	if len(dst) == begun {
		dst = dst[:end]
	}
	return c.troubles(dst, v)
}

// AppendCall is Append for a call that is not encoded, the same bytes. ok is false
// when it takes a frame: for groups, errors and stacks, and for values that are no
// texts or numbers.
func (c *Console) AppendCall(dst []byte, call *record.Call) (_ []byte, ok bool) {
	bound, whole := call.Bound.Attrs()
	if c.source || !whole || !isShort(call) || mayBeTrouble(call) || hasErrors(bound) {
		return dst, false
	}
	mark := len(dst)
	dst, end := c.line(dst, call.Head())
	begun := len(dst)
	var prefix [64]byte
	dst = c.attrs(dst, bound, prefix[:0])
	front, back := call.Attrs()
	for _, attrs := range [...][]slog.Attr{front, back} {
		for i := range attrs {
			a := &attrs[i]
			dst = append(appendBare(c.begin(append(dst, ' '), cyan), a.Key), '=')
			if dst, ok = appendBareValue(c.end(dst), &a.Value); !ok || len(a.Key) >= longKey {
				return dst[:mark], false
			}
		}
	}
	switch {
	case len(dst)-mark > long:
		return dst[:mark], false
	case len(dst) == begun:
		dst = dst[:end]
	}
	return dst, true
}

// hasErrors reports whether attributes may have errors, or causes of them.
func hasErrors(a record.Attrs) bool {
	var key []byte
	var v record.Value
	for a.Next(&key, &v) {
		if v.Type == record.Err || v.Type == record.JSON {
			return true
		}
	}
	return false
}

// line appends what stands before the attributes, up to the column in which they
// begin. end is where the message ends, for a line without attributes.
func (c *Console) line(dst []byte, v *record.View) (_ []byte, end int) {
	if v.Flags&record.NoTime == 0 {
		dst = c.begin(dst, dim)
		dst = append(dst, c.clock.at(v.Seconds).head...)
		dst = appendMillis(append(dst, '.'), v.Nanos)
		dst = append(c.end(dst), ' ')
	}
	dst = c.level(dst, v.Level)
	width := 0
	if len(v.Logger) > 0 {
		mark := len(dst)
		dst = append(appendShown(dst, v.Logger, false), ": "...)
		width = cells(dst[mark:])
	}
	mark := len(dst)
	dst = appendShown(dst, v.Message, true)
	width += cells(dst[mark:])
	return append(dst, blanks[:max(columns-width, 0)]...), len(dst)
}

func (c *Console) begin(dst []byte, color string) []byte {
	if c.color == ColorAlways {
		return append(dst, color...)
	}
	return dst
}

func (c *Console) end(dst []byte) []byte { return c.begin(dst, plain) }

// level appends the level in a column of five letters.
func (c *Console) level(dst []byte, l record.Level) []byte {
	const wide = 5
	name, color := levelName(l), magenta
	switch {
	case l < record.Info:
		color = cyan
	case l < record.Warning:
		color = green
	case l < record.Error:
		color = yellow
	case l < record.Critical:
		color = red
	}
	switch name {
	case "WARNING":
		name = "WARN"
	case "CRITICAL":
		name = "CRIT"
	}
	dst = c.begin(dst, color)
	dst = c.end(append(dst, name...))
	for n := len(name); n <= wide; n++ {
		dst = append(dst, ' ')
	}
	return dst
}

// attrs appends ` key=value` for each attribute that is no error and no stack.
func (c *Console) attrs(dst []byte, a record.Attrs, prefix []byte) []byte {
	var key []byte
	var v record.Value
	for a.Next(&key, &v) {
		switch {
		case len(prefix) == 0 && (v.Type == record.Err || isTrouble(key, &v) || isCauses(key, &v)):
			continue // on lines of their own
		case v.Type == record.Group:
			dst = c.attrs(dst, v.Attrs(), append(append(prefix, key...), '.'))
			continue
		}
		dst = c.begin(append(dst, ' '), cyan)
		mark := len(dst)
		dst = append(append(dst, prefix...), key...)
		dst = append(quoteIfNeeded(dst, mark), '=')
		dst = c.end(dst)
		mark = len(dst)
		dst = quoteIfNeeded(v.AppendText(dst), mark)
	}
	return dst
}

// caller appends where the call stands, short.
func (c *Console) caller(dst []byte, v *record.View) []byte {
	at, ok := callerOf(v)
	if !ok || len(at.file) == 0 {
		return dst
	}
	dst = c.begin(append(dst, ' '), dim)
	dst = appendShown(append(dst, '('), base(at.file), false)
	dst = appendInt(append(dst, ':'), int(at.line))
	return c.end(append(dst, ')'))
}

func appendInt(dst []byte, n int) []byte {
	if n >= 10 {
		dst = appendInt(dst, n/10)
	}
	return append(dst, '0'+byte(n%10))
}

// causesKey is what the causes of an error are called, behind its own key.
const causesKey = ".causes"

func isCauses(key []byte, v *record.Value) bool {
	n := len(key) - len(causesKey)
	return n > 0 && v.Type == record.JSON && string(key[n:]) == causesKey
}

// troubles appends the errors, their causes and the stack.
func (c *Console) troubles(dst []byte, v *record.View) []byte {
	var key []byte
	var val record.Value
	for a := v.Attrs(); a.Next(&key, &val); {
		switch {
		case val.Type == record.Err, isTrouble(key, &val) && val.Type == record.String && !isStack(key):
			dst = c.begin(append(dst, "\n    "...), red)
			dst = append(appendShown(dst, key, false), ": "...)
			dst = c.end(appendShown(dst, val.Raw, true))
		case isCauses(key, &val):
			dst = c.causes(dst, val.Raw)
		}
	}
	if t := troublesOf(v); len(t.stack) > 0 {
		dst = c.begin(append(dst, "\n    "...), dim)
		dst = c.end(appendShown(dst, trimEnd(t.stack), true))
	}
	return dst
}

func isStack(key []byte) bool { return string(key) == attrStack || string(key) == attrStackInfo }

func trimEnd(text []byte) []byte {
	for len(text) > 0 && text[len(text)-1] == '\n' {
		text = text[:len(text)-1]
	}
	return text
}

// causes appends a line for each cause of an error, those of a joined one deeper.
func (c *Console) causes(dst, text []byte) []byte {
	var list []cause
	if json.Unmarshal(text, &list) != nil {
		return dst // cut off: the error's own text has them all
	}
	for i := range list {
		dst = append(dst, "\n      "...)
		for range list[i].Depth {
			dst = append(dst, "  "...)
		}
		dst = c.begin(append(dst, "caused by "...), dim)
		dst = c.end(appendShown(dst, []byte(list[i].Type), false))
		dst = appendShown(append(dst, ' '), []byte(list[i].Message), true)
	}
	return dst
}

// cause is one entry of an attribute that causesKey ends.
type cause struct {
	Type    string `json:"type"`
	Message string `json:"message"`
	Depth   int    `json:"depth"`
}

// appendShown appends text for a terminal: what moves the cursor is escaped, and
// lines after the first are indented.
func appendShown(dst, text []byte, lines bool) []byte {
	for i := 0; i < len(text); {
		if i+8 <= len(text) && allShown(binary.LittleEndian.Uint64(text[i:])) {
			dst = append(dst, text[i:i+8]...)
			i += 8
			continue
		}
		b := text[i]
		if b >= ' ' && b < 0x7f || b == '\t' {
			dst = append(dst, b)
			i++
			continue
		}
		if b == '\n' && lines {
			dst = append(dst, "\n    "...)
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			dst = appendEscapedRune(dst, r, b)
		} else {
			dst = append(dst, text[i:i+n]...)
		}
		i += n
	}
	return dst
}

// allShown reports whether eight bytes are ASCII that is shown as it is.
func allShown(w uint64) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	return ((w+ones)|(w-ones*' '))&high == 0
}

// appendEscapedRune appends what can't be shown as Go would write it.
func appendEscapedRune(dst []byte, r rune, b byte) []byte {
	const hex = "0123456789abcdef"
	switch {
	case b == '\n':
		return append(dst, `\n`...)
	case b == '\r':
		return append(dst, `\r`...)
	case b < utf8.RuneSelf:
		return append(dst, '\\', 'x', hex[b>>4], hex[b&15])
	case r > 0xffff:
		r = utf8.RuneError
	}
	return append(dst, '\\', 'u', hex[r>>12], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

// cells is how many cells of a terminal a text takes.
func cells(text []byte) (n int) {
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			n++
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		i += size
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me):
		case wide(r):
			n += 2
		default:
			n++
		}
	}
	return n
}

// wide reports whether a terminal gives a letter two cells: Chinese, Japanese,
// Korean, and most pictures.
func wide(r rune) bool {
	switch {
	case r < 0x1100:
		return false
	case r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6,
		r >= 0x1f300 && r <= 0x1faff, r >= 0x20000 && r <= 0x3fffd:
		return true
	}
	return false
}

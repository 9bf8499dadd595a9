package format

import (
	"log/slog"
	"slices"

	"github.com/girok/girok/record"
)

// The attributes that are the error and the stack of a record: in Python's formats
// they follow the line, unless the format names them.
const (
	attrError     = "error" // if it is an error
	attrStack     = "stack"
	attrExcInfo   = "exc_info"
	attrExcText   = "exc_text" // the text of one, ready-made
	attrStackInfo = "stack_info"
	attrRecord    = "LogRecord" // a group: see given
)

var troubleStarts = [...]uint16{record.Start(attrError), record.Start(attrStack), record.Start(attrExcInfo)}

// troubles are what a record says of what went wrong; empty if nothing.
type troubles struct {
	exc, stack []byte
	ready      bool // exc is a text that was given ready-made, and no error
}

// mayBeTrouble reports whether a call may have an error or a stack, which follow the
// line. It may be wrong only where it says yes.
func mayBeTrouble(c *record.Call) bool {
	bound, ok := c.Bound.Attrs()
	if !ok {
		return true // a key of the call is one of the group's
	}
	if t := troublesIn(bound); t.exc != nil || t.stack != nil {
		return true
	}
	front, back := c.Attrs()
	return slices.ContainsFunc(front, isTroubleKey) || slices.ContainsFunc(back, isTroubleKey)
}

func isTroubleKey(a slog.Attr) bool {
	switch a.Key {
	case attrError, attrStack, attrExcInfo, attrExcText, attrStackInfo, "": // without a name it may be a group, whose attributes stand beside it
		return true
	}
	return false
}

// ErrorText is the text of a record's error, as it follows the lines of Python's
// formats; nil if it has none. It belongs to the record.
func ErrorText(v *record.View) []byte { return troublesOf(v).exc }

// troublesOf walks the attributes of a record once.
func troublesOf(v *record.View) troubles { return troublesIn(v.Attrs()) }

func troublesIn(a record.Attrs) (t troubles) {
	var key []byte
	var val record.Value
	for a.NextLike(&troubleStarts, &key, &val) {
		t.take(key, &val)
	}
	return t
}

func (t *troubles) take(key []byte, val *record.Value) {
	if val.Type != record.Err && val.Type != record.String {
		return
	}
	switch string(key) {
	case attrExcInfo:
		t.exc, t.ready = val.Raw, false
	case attrError:
		if val.Type == record.Err {
			t.exc, t.ready = val.Raw, false
		}
	case attrExcText:
		if t.exc == nil {
			t.exc, t.ready = val.Raw, true
		}
	case attrStack, attrStackInfo:
		if val.Type == record.String {
			t.stack = val.Raw
		}
	}
}

// IsTrouble reports whether an attribute is the error or the stack of a record.
func IsTrouble(key []byte, val *record.Value) bool {
	switch string(key) {
	case attrExcInfo, attrExcText, attrStackInfo:
		return true
	case attrError:
		return val.Type == record.Err
	case attrStack:
		return val.Type == record.String
	}
	return false
}

// isTrouble reports whether an attribute is none of a record's own: it is the error,
// the stack, or what LogRecord says.
func isTrouble(key []byte, val *record.Value) bool {
	return IsTrouble(key, val) || string(key) == attrRecord && val.Type == record.Group
}

// appendTrouble appends the text of the error and the stack behind the line at mark,
// each on lines of its own.
func appendTrouble(dst []byte, mark int, v *record.View) []byte {
	t := troublesOf(v)
	if t.exc == nil && t.stack == nil {
		return dst
	}
	for _, text := range [...][]byte{t.exc, t.stack} {
		if len(text) == 0 {
			continue
		}
		if len(dst) == mark || dst[len(dst)-1] != '\n' {
			dst = append(dst, '\n')
		}
		dst = record.AppendValidUTF8(dst, text)
	}
	return dst
}

// trouble loads exc_info, exc_text or stack_info: the text, or None.
func (x *operand) trouble(v *record.View, f field) {
	t := troublesOf(v)
	text := t.exc
	switch f {
	case fieldStackInfo:
		text = t.stack
	case fieldExcInfo:
		if t.ready {
			text = nil
		}
	case fieldExcText: // CPython's formatters leave it in the record
		if _, shown := v.Shown().(*Text); shown {
			break
		}
		if text = nil; find(v.Attrs(), attrExcText, &x.value) {
			text = x.value.Raw
		}
	}
	if x.kind = isNone; len(text) > 0 {
		x.setText(text)
	}
}

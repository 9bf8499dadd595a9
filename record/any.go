package record

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
)

// any adds a value that slog has no kind for: errors, byte strings, what can
// write itself as JSON or text, and through encoding/json all the rest. This is
// the slow path, and the only one that calls code of the application.
func (e *Encoder) any(key string, v any) {
	mark := len(e.buf)
	defer func() {
		if p := recover(); p != nil {
			e.buf = e.buf[:mark]
			e.Text(key, panicText(v, p))
		}
	}()
	switch v := v.(type) {
	case nil:
		e.key(key, Null)
	case []byte:
		e.text(key, Bytes, string(v))
	case json.Marshaler:
		e.marshal(key, v)
	case error:
		e.text(key, Err, v.Error())
	case encoding.TextMarshaler:
		b, err := v.MarshalText()
		if err != nil {
			e.Text(key, "!ERROR:"+err.Error())
			return
		}
		e.Text(key, string(b))
	case fmt.Stringer:
		e.Text(key, v.String())
	default:
		e.marshal(key, v)
	}
}

// marshal adds v as JSON, without the escapes for HTML. What encoding/json can't
// write is shown with the reason and, unless something is redacted or it could
// go on for ever, as fmt would print it.
func (e *Encoder) marshal(key string, v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		text := "!ERROR:" + err.Error()
		if e.redact == nil && printable(reflect.ValueOf(v), 0) {
			text += fmt.Sprintf(": %+v", v)
		}
		e.Text(key, text)
		return
	}
	e.JSON(key, bytes.TrimSuffix(b.Bytes(), []byte{'\n'}))
}

// printable reports whether fmt comes to an end with v: it follows a map or a
// slice that holds itself until the stack is full, which nothing can recover.
func printable(v reflect.Value, depth int) bool {
	const maxPrinted = 16
	if depth > maxPrinted {
		return false
	}
	switch v.Kind() {
	case reflect.Interface:
		return printable(v.Elem(), depth+1)
	case reflect.Pointer:
		return depth > 0 || printable(v.Elem(), depth+1) // fmt follows only the first
	case reflect.Map:
		for i := v.MapRange(); i.Next(); {
			if !printable(i.Value(), depth+1) || !printable(i.Key(), depth+1) {
				return false
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if !printable(v.Index(i), depth+1) {
				return false
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if !printable(v.Field(i), depth+1) {
				return false
			}
		}
	}
	return true
}

// panicText is what is shown of a value whose method panicked. A nil pointer
// is what it nearly always was.
func panicText(v any, p any) (text string) {
	defer func() {
		if recover() != nil { // what was thrown throws when it is printed
			text = "!PANIC"
		}
	}()
	if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer && r.IsNil() {
		return "<nil>"
	}
	return fmt.Sprintf("!PANIC: %v", p)
}

package record

import (
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
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
	case []slog.Attr:
		e.group(key, v)
	case json.RawMessage:
		e.marshal(key, v)
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

// marshal adds v as JSON; what encoding/json can't write is shown with the
// reason and as fmt would print it.
func (e *Encoder) marshal(key string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		e.Text(key, fmt.Sprintf("!ERROR:%v: %+v", err, v))
		return
	}
	e.JSON(key, b)
}

// panicText is what is shown of a value whose method panicked. A nil pointer
// is what it nearly always was.
func panicText(v any, p any) string {
	if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer && r.IsNil() {
		return "<nil>"
	}
	return fmt.Sprintf("!PANIC: %v", p)
}

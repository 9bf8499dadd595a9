package control

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// value is a value of a row as JSON, so that its type comes back: nil, bool and
// valid text as they are, an int64 as a number, the rest as an object whose key
// is the type.
type value struct{ v any }

type tagged struct {
	Float string     `json:"f,omitempty"` // NaN and infinities too
	Text  []byte     `json:"s,omitempty"` // a text that is not UTF-8
	Bytes *[]byte    `json:"b,omitempty"`
	Time  *time.Time `json:"t,omitempty"`
}

func (v value) MarshalJSON() ([]byte, error) {
	switch x := v.v.(type) {
	case nil, bool, int64:
		return json.Marshal(x)
	case string:
		if utf8.ValidString(x) {
			return json.Marshal(x)
		}
		return json.Marshal(tagged{Text: []byte(x)})
	case float64:
		return json.Marshal(tagged{Float: strconv.FormatFloat(x, 'g', -1, 64)})
	case []byte:
		return json.Marshal(tagged{Bytes: &x})
	case time.Time:
		return json.Marshal(tagged{Time: &x})
	}
	return nil, fmt.Errorf("a sink gave a value of type %T", v.v)
}

func (v *value) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	switch {
	case len(b) > 0 && b[0] == '{':
		return v.untag(b)
	case len(b) > 0 && (b[0] == '-' || b[0] >= '0' && b[0] <= '9'):
		n, err := strconv.ParseInt(string(b), 10, 64)
		v.v = n
		return err
	}
	return json.Unmarshal(b, &v.v) // null, bool, text
}

func (v *value) untag(b []byte) error {
	var t tagged
	if err := json.Unmarshal(b, &t); err != nil {
		return err
	}
	switch {
	case t.Bytes != nil:
		v.v = *t.Bytes
	case t.Time != nil:
		v.v = *t.Time
	case t.Text != nil:
		v.v = string(t.Text)
	default:
		f, err := strconv.ParseFloat(t.Float, 64)
		v.v = f
		return err
	}
	return nil
}

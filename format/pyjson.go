package format

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/girok/girok/record"
)

// appendPyJSON appends str() of what Python would read from JSON text: lists
// and mappings, True for true. Text that is no JSON stays as it is.
func appendPyJSON(dst, text []byte) []byte {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	out, ok := appendPyToken(dst, dec, true)
	if !ok || dec.More() {
		return record.AppendValidUTF8(dst, text)
	}
	return out
}

// appendPyToken appends the next value. A text that stands alone is shown as
// str() does, in a container as repr() does.
func appendPyToken(dst []byte, dec *json.Decoder, alone bool) ([]byte, bool) {
	tok, err := dec.Token()
	if err != nil {
		return dst, false
	}
	switch tok := tok.(type) {
	case json.Delim:
		return appendPyContainer(dst, dec, tok)
	case string:
		if alone {
			return append(dst, tok...), true
		}
		return appendRepr(dst, []byte(tok), false), true
	case json.Number:
		return appendPyNumber(dst, string(tok)), true
	case bool:
		return appendPyBool(dst, tok), true
	}
	return append(dst, "None"...), true
}

func appendPyContainer(dst []byte, dec *json.Decoder, open json.Delim) (_ []byte, ok bool) {
	dst = append(dst, byte(open))
	for first := true; dec.More(); first = false {
		if !first {
			dst = append(dst, ", "...)
		}
		if open == '{' {
			if dst, ok = appendPyToken(dst, dec, false); !ok {
				return dst, false
			}
			dst = append(dst, ": "...)
		}
		if dst, ok = appendPyToken(dst, dec, false); !ok {
			return dst, false
		}
	}
	end, err := dec.Token()
	if err != nil {
		return dst, false
	}
	return append(dst, byte(end.(json.Delim))), true
}

// jsonStep puts the value of a key, or at an index, of a JSON value in its place.
func jsonStep(v *record.Value, step string) bool {
	var inner json.RawMessage
	var m map[string]json.RawMessage
	var l []json.RawMessage
	switch {
	case json.Unmarshal(v.Raw, &m) == nil:
		inner = m[step]
	case json.Unmarshal(v.Raw, &l) == nil:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(l) {
			inner = l[i]
		}
	}
	if inner == nil {
		return false
	}
	*v = jsonValue(inner)
	return true
}

// jsonValue is a value of JSON as an attribute would have it.
func jsonValue(text json.RawMessage) record.Value {
	switch text[0] {
	case '"':
		var s string
		_ = json.Unmarshal(text, &s) // it was read as JSON before
		return record.Value{Type: record.String, Raw: []byte(s)}
	case 't':
		return record.Value{Type: record.True}
	case 'f':
		return record.Value{Type: record.False}
	case 'n':
		return record.Value{Type: record.Null}
	}
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return record.Value{Type: record.Int, Num: uint64(n)}
	}
	if f, err := strconv.ParseFloat(string(text), 64); err == nil && strings.ContainsAny(string(text), ".eE") {
		return record.Value{Type: record.Float, Num: math.Float64bits(f)}
	}
	return record.Value{Type: record.JSON, Raw: text}
}

// appendPyNumber appends a number: whole ones in full, others as floats.
func appendPyNumber(dst []byte, s string) []byte {
	if !strings.ContainsAny(s, ".eE") {
		return append(dst, s...)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && f == 0 {
		return append(dst, s...)
	}
	return appendPyFloat(dst, f)
}

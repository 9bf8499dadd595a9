package files

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink/table"
)

// rowFormat is how rows become lines.
type rowFormat interface {
	begin(dst []byte) []byte // what a file begins with
	row(dst []byte, values []table.Value) []byte
}

func formatOf(name string, cols []table.Column) rowFormat {
	if name == "csv" {
		return csv(cols)
	}
	keys := make(ndjson, len(cols))
	for i, c := range cols {
		keys[i] = append(record.AppendJSONString([]byte(","), c.Name), ':')
	}
	return keys
}

// ndjson is the keys of a row: each with a comma before it and a colon behind it.
type ndjson [][]byte

func (ndjson) begin(dst []byte) []byte { return dst }

func (keys ndjson) row(dst []byte, values []table.Value) []byte {
	start := len(dst)
	for i := range values {
		dst = append(dst, keys[i]...)
		v := &values[i]
		switch v.Type {
		case table.Null:
			dst = append(dst, "null"...)
		case table.Int, table.Float, table.Bool:
			dst = appendText(dst, v)
		case table.JSON:
			dst = appendJSON(dst, v.Raw)
		case table.String, table.Decimal:
			dst = record.AppendJSONString(dst, v.Raw)
		default: // letters and digits, with nothing to be escaped
			dst = append(dst, '"')
			dst = appendText(dst, v)
			dst = append(dst, '"')
		}
	}
	dst[start] = '{' // in the place of the first comma
	return append(dst, '}', '\n')
}

// appendJSON appends JSON as one line.
func appendJSON(dst, text []byte) []byte {
	if !bytes.ContainsAny(text, "\n\r") {
		return append(dst, text...)
	}
	var line bytes.Buffer
	if err := json.Compact(&line, text); err != nil {
		return record.AppendJSONString(dst, text) // it only looked like JSON
	}
	return append(dst, line.Bytes()...)
}

// csv is the columns of a file.
type csv []table.Column

func (cols csv) begin(dst []byte) []byte {
	for i, c := range cols {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendField(dst, []byte(c.Name))
	}
	return append(dst, '\n')
}

func (csv) row(dst []byte, values []table.Value) []byte {
	for i := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		v := &values[i]
		switch v.Type {
		case table.Null:
			if len(values) == 1 {
				dst = append(dst, `""`...) // readers take an empty line for no row at all
			}
		case table.String, table.Decimal, table.JSON:
			dst = appendField(dst, v.Raw)
		case table.Bytes:
			if len(v.Raw) == 0 {
				dst = append(dst, `""`...)
			}
			dst = appendText(dst, v)
		default:
			dst = appendText(dst, v)
		}
	}
	return append(dst, '\n')
}

// appendField appends a text, in quotes where it must be: also where it would be
// taken for NULL, and with a backslash, for PostgreSQL takes \. alone for the end.
func appendField(dst, text []byte) []byte {
	if len(text) > 0 && !bytes.ContainsAny(text, "\",\n\r\\") && text[0] != ' ' && text[len(text)-1] != ' ' {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for {
		i := bytes.IndexByte(text, '"')
		if i < 0 {
			break
		}
		dst = append(append(dst, text[:i+1]...), '"')
		text = text[i+1:]
	}
	return append(append(dst, text...), '"')
}

// appendText appends what is neither text already nor NULL.
func appendText(dst []byte, v *table.Value) []byte {
	switch v.Type {
	case table.Int:
		return strconv.AppendInt(dst, v.Num, 10)
	case table.Float:
		return appendFloat(dst, v.Float())
	case table.Bool:
		return strconv.AppendBool(dst, v.Num != 0)
	case table.Timestamp:
		return table.AppendTimestamp(dst, v.Num)
	case table.DateTime:
		return table.AppendDateTime(dst, v.Num)
	case table.Date:
		return table.AppendDate(dst, v.Num)
	}
	return base64.StdEncoding.AppendEncode(dst, v.Raw)
}

func appendFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

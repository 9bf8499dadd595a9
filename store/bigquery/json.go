package bigquery

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink/table"
)

// jsonWire writes rows as the members of a JSON object, each with a comma behind it:
// https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-json#details_of_loading_json_data
type jsonWire struct {
	columns []field  // by the index of the mapper's column
	keys    [][]byte // their names, as JSON with a colon
	quoted  bool     // what goes into a column of type JSON stands in a string: insertAll has it so
}

func newJSONWire(columns []field, quoted bool) *jsonWire {
	w := &jsonWire{columns: columns, quoted: quoted}
	for _, f := range columns {
		w.keys = append(w.keys, append(record.AppendJSONString(nil, f.Name), ':'))
	}
	return w
}

// safe is the largest whole number that is the same for every reader of JSON.
const safe = 1 << 53

// AppendValue implements table.Wire.
func (w *jsonWire) AppendValue(dst []byte, column int, v *table.Value) ([]byte, error) {
	f := &w.columns[column]
	if v.Type == table.Null {
		if f.Mode == "REQUIRED" {
			return dst, fmt.Errorf("column %s must not be NULL", f.Name)
		}
		return dst, nil
	}
	dst = append(dst, w.keys[column]...)
	var err error
	switch wireType(f.Type) {
	case descriptorpb.FieldDescriptorProto_TYPE_INT64, descriptorpb.FieldDescriptorProto_TYPE_INT32, descriptorpb.FieldDescriptorProto_TYPE_BOOL:
		if !f.takes(v.Type) {
			return dst, f.misfit(v)
		}
		dst = appendScalar(dst, v)
	case descriptorpb.FieldDescriptorProto_TYPE_DOUBLE:
		if v.Type != table.Float && v.Type != table.Int {
			return dst, f.misfit(v)
		}
		dst = appendScalar(dst, v)
	case descriptorpb.FieldDescriptorProto_TYPE_BYTES:
		if v.Type != table.Bytes && v.Type != table.String {
			return dst, f.misfit(v)
		}
		dst = append(base64.StdEncoding.AppendEncode(append(dst, '"'), v.Raw), '"')
	default:
		if dst, err = w.appendText(dst, f, v); err != nil {
			return dst, err
		}
	}
	return append(dst, ','), nil
}

// appendText appends what a column takes as text, JSON among it.
func (w *jsonWire) appendText(dst []byte, f *field, v *table.Value) ([]byte, error) {
	var room [64]byte
	text := v.Raw
	switch v.Type {
	case table.String, table.JSON, table.Decimal:
	default:
		text = appendText(room[:0], v)
	}
	if f.Type != "JSON" || w.quoted {
		return record.AppendJSONString(dst, text), nil
	}
	if v.Type == table.JSON && !bytes.ContainsAny(text, "\n\r") {
		return append(dst, text...), nil
	}
	var line bytes.Buffer // a row is one line
	if json.Compact(&line, text) != nil {
		return dst, f.misfit(v)
	}
	return append(dst, line.Bytes()...), nil
}

// appendScalar appends a value of a type that is neither text nor bytes.
func appendScalar(dst []byte, v *table.Value) []byte {
	switch v.Type {
	case table.Int:
		if v.Num <= safe && v.Num >= -safe {
			return strconv.AppendInt(dst, v.Num, 10)
		}
	case table.Bool:
		return strconv.AppendBool(dst, v.Num != 0)
	case table.Float:
		switch x := v.Float(); {
		case math.IsNaN(x):
			return append(dst, `"NaN"`...)
		case math.IsInf(x, 1):
			return append(dst, `"Infinity"`...)
		case math.IsInf(x, -1):
			return append(dst, `"-Infinity"`...)
		default:
			return strconv.AppendFloat(dst, x, 'g', -1, 64)
		}
	}
	return append(appendText(append(dst, '"'), v), '"')
}

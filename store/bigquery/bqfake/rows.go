package bqfake

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/descriptorpb"
)

// column is one of a table, as the REST API has it.
type column struct{ name, typ, mode string }

type columns []column

func (c columns) find(name string) *column {
	for i := range c {
		if strings.EqualFold(c[i].name, name) {
			return &c[i]
		}
	}
	return nil
}

func (t *Table) columns() (list columns) {
	schema, _ := t.Resource["schema"].(map[string]any)
	fields, _ := schema["fields"].([]any)
	for _, f := range fields {
		m := f.(map[string]any)
		mode, _ := m["mode"].(string)
		list = append(list, column{fmt.Sprint(m["name"]), strings.ToUpper(fmt.Sprint(m["type"])), strings.ToUpper(mode)})
	}
	return list
}

// countRows is how many serialized_rows there are.
func countRows(b []byte) (n int) {
	for len(b) > 0 {
		_, _, k := protowire.ConsumeTag(b)
		b = b[k:]
		_, k = protowire.ConsumeBytes(b)
		b = b[k:]
		n++
	}
	return n
}

// decode reads ProtoRows. Rows with values that their columns can't hold are bad.
func decode(b []byte, shape *descriptorpb.DescriptorProto, cols columns, discard bool) (rows []Row, bad []rowError, err error) {
	by := map[protowire.Number]*descriptorpb.FieldDescriptorProto{}
	for _, f := range shape.Field {
		by[protowire.Number(f.GetNumber())] = f
	}
	for i := 0; len(b) > 0; i++ {
		n, typ, k := protowire.ConsumeTag(b)
		if k < 0 || n != 1 || typ != protowire.BytesType {
			return nil, nil, fmt.Errorf("row %d is no serialized_rows", i)
		}
		b = b[k:]
		raw, k := protowire.ConsumeBytes(b)
		if k < 0 {
			return nil, nil, fmt.Errorf("row %d is cut off", i)
		}
		b = b[k:]
		if discard {
			continue
		}
		m, err := parse(raw)
		if err != nil {
			return nil, nil, err
		}
		row := Row{}
		for number, f := range by {
			c := cols.find(f.GetName())
			v, there, err := value(&m, number, f, c)
			if err != nil {
				bad = append(bad, rowError{i, fmt.Sprintf("Field %s: %v", c.name, err)})
				break
			}
			if there {
				row[c.name] = v
			}
		}
		for _, c := range cols {
			if c.mode == "REQUIRED" && row[c.name] == nil {
				bad = append(bad, rowError{i, "Field " + c.name + ": required field is missing"})
			}
		}
		rows = append(rows, row)
	}
	return rows, bad, nil
}

var (
	dateTime = regexp.MustCompile(`^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?$`)
	decimal  = regexp.MustCompile(`^-?\d+(\.\d+)?$`)
)

// value is a cell, as tabledata.list shows it; the ranges are those of
// https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types
func value(m *message, n protowire.Number, f *descriptorpb.FieldDescriptorProto, c *column) (v any, there bool, err error) {
	num, isNum := m.nums[n]
	raw, isBytes := m.bytes[n]
	if !isNum && !isBytes {
		return nil, false, nil
	}
	text := string(raw)
	if f.GetType() == descriptorpb.FieldDescriptorProto_TYPE_STRING && !utf8.ValidString(text) {
		return nil, false, fmt.Errorf("a string that is no UTF-8")
	}
	switch c.typ {
	case "INTEGER", "INT64":
		return fmt.Sprint(int64(num)), true, nil
	case "FLOAT", "FLOAT64":
		x := math.Float64frombits(num)
		switch {
		case math.IsNaN(x):
			return "NaN", true, nil
		case math.IsInf(x, 0):
			return strings.Replace(fmt.Sprint(x), "Inf", "Infinity", 1)[boolInt(x > 0):], true, nil
		}
		return fmt.Sprint(x), true, nil
	case "BOOLEAN", "BOOL":
		return fmt.Sprint(num != 0), true, nil
	case "TIMESTAMP":
		if us := int64(num); us < -62135596800000000 || us > 253402300799999999 {
			return nil, false, fmt.Errorf("the timestamp %d is out of range", us)
		}
		return fmt.Sprint(int64(num)), true, nil
	case "DATE":
		days := int64(int32(num))
		if days < -719162 || days > 2932896 {
			return nil, false, fmt.Errorf("the date %d is out of range", days)
		}
		return days, true, nil
	case "DATETIME":
		if !dateTime.MatchString(text) {
			return nil, false, fmt.Errorf("no DATETIME")
		}
	case "NUMERIC", "BIGNUMERIC":
		if !decimal.MatchString(text) {
			return nil, false, fmt.Errorf("no %s", c.typ)
		}
		if x, ok := new(big.Rat).SetString(text); ok && c.typ == "NUMERIC" && x.Cmp(big.NewRat(1, 1).SetFrac(new(big.Int).Exp(big.NewInt(10), big.NewInt(29), nil), big.NewInt(1))) >= 0 {
			return nil, false, fmt.Errorf("the number is out of range")
		}
	case "JSON":
		if !json.Valid(raw) {
			return nil, false, fmt.Errorf("no JSON")
		}
	case "BYTES":
		return base64.StdEncoding.EncodeToString(raw), true, nil
	}
	return text, true, nil
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

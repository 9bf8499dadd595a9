package config

import (
	"reflect"
	"strings"
)

// Option describes one key of a configuration, for tables and JSON Schema.
type Option struct {
	Key      string   // "batch.records"; "columns.<name>.type" in maps, "rules[].from" in lists
	Type     string   // in words: "a whole number from 1 to 10,000"
	JSONType string   // of JSON Schema: string, integer, number, boolean, array, object; "" for any
	Default  string   // as it is written in the file; "" for none
	Doc      string   // the doc tag
	Enum     []string // the texts that are allowed
	Min, Max string   // as in the tags; "" for none
	Required bool
	Secret   bool
}

// Describer is a type with [Unmarshaler] that says in words what it wants: "a
// column's source, or a map".
type Describer interface {
	DescribeType() string
}

// Reference lists the keys that [Decode] accepts for target, a pointer to a
// struct whose values are the defaults, with prefix before each key. The order
// is that of the fields; the keys of an inner struct follow its own. What the
// keys mean comes from the tags:
//
//	Records int `yaml:"records" min:"1" max:"10000" doc:"rows in a batch"`
//	Format  string `yaml:"format,raw"`                   // ${message} is not replaced
//	Table   string `yaml:"table,required"`
//	Mode    string `yaml:"mode" enum:"append|replace"`
func Reference(prefix string, target any) []Option {
	v := reflect.Indirect(reflect.ValueOf(target))
	if v.Kind() != reflect.Struct {
		panic("config: Reference wants a pointer to a struct")
	}
	return referenceStruct(prefix, v, nil)
}

// referenceStruct lists the fields of v; inside holds the types around it, so
// that a type which holds itself comes to an end.
func referenceStruct(prefix string, v reflect.Value, inside []reflect.Type) []Option {
	for _, t := range inside {
		if t == v.Type() {
			return nil
		}
	}
	inside = append(inside[:len(inside):len(inside)], v.Type())
	var options []Option
	for _, f := range fieldsOf(v.Type()) {
		value := v.FieldByIndex(f.index)
		o := Option{
			Key: joinPath(prefix, f.name), Doc: f.doc, Required: f.required,
			Type: typeInWords(f.typ, f.rules), JSONType: jsonType(f.typ),
			Enum: f.rules.enum, Min: f.rules.min, Max: f.rules.max,
			Secret: f.typ == secretType, Default: defaultText(value),
		}
		options = append(options, o)
		options = append(options, referenceInner(o.Key, value, inside)...)
	}
	return options
}

// referenceInner lists the keys below a value.
func referenceInner(key string, v reflect.Value, inside []reflect.Type) []Option {
	t := v.Type()
	switch {
	case t == nodeType || isScalarType(t) || reflect.PointerTo(t).Implements(nodeDecoder):
		return nil
	case t.Kind() == reflect.Struct:
		return referenceStruct(key, v, inside)
	case t.Kind() == reflect.Pointer:
		inner := reflect.New(t.Elem()).Elem()
		if !v.IsNil() {
			inner = v.Elem()
		}
		return referenceInner(key, inner, inside)
	case t.Kind() == reflect.Slice:
		return referenceInner(key+"[]", reflect.New(t.Elem()).Elem(), inside)
	case t.Kind() == reflect.Map:
		return referenceInner(key+".<name>", reflect.New(t.Elem()).Elem(), inside)
	}
	return nil
}

// defaultText gives the default as the file would say it; lists as [a, b].
func defaultText(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil() && v.Type() != nodeType:
		return defaultText(v.Elem())
	case v.Kind() == reflect.Slice && v.Len() > 0 && isScalarType(v.Type().Elem()):
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = textOf(v.Index(i))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case v.Kind() == reflect.Pointer || !isScalarType(v.Type()):
		return ""
	}
	return textOf(v)
}

// typeInWords says what a value must be; it follows "want".
func typeInWords(t reflect.Type, r rules) string {
	if d, ok := reflect.New(t).Interface().(Describer); ok {
		return d.DescribeType()
	}
	switch t {
	case nodeType:
		return "any value"
	case secretType:
		return "a secret, as ${VARIABLE} or ${file:/path}"
	case sizeType:
		return ranged(wantSize, "a size", r)
	case durationType, stdDuration:
		return ranged(wantDuration, "a duration", r)
	}
	switch {
	case len(r.enum) > 0 && t.Kind() == reflect.String:
		return "one of " + strings.Join(r.enum, ", ")
	case reflect.PointerTo(t).Implements(nodeDecoder):
		return "a value"
	case isInt(t) || isUint(t):
		return intInWords(t, r)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return typeInWords(t.Elem(), r)
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return ranged("a number", "a number", r)
	case reflect.Slice:
		return "a list of " + plural(t.Elem(), r)
	case reflect.Map:
		return "a map of " + plural(t.Elem(), r)
	case reflect.Struct:
		if !isScalarType(t) {
			return "a map"
		}
	case reflect.Interface:
		return "any value"
	}
	return "text"
}

// plural says what the values of a list or map are.
func plural(t reflect.Type, r rules) string {
	words := typeInWords(t, r)
	switch {
	case words == "a map":
		return "maps"
	case words == "text":
		return "texts"
	case words == "any value":
		return "values"
	}
	return "values, each " + words
}

func intInWords(t reflect.Type, r rules) string {
	whole := "a whole number"
	if r.min == "" && r.max == "" && t.Bits() < 64 {
		low, high := intRange(t, r)
		r.min, r.max = low.String(), high.String()
	} else if r.min == "" && r.max == "" && isUint(t) {
		r.min = "0"
	}
	r.min, r.max = thousands(r.min), thousands(r.max)
	return ranged(whole, whole, r)
}

// ranged adds the range to a type: plain without one, else what with it.
func ranged(plain, what string, r rules) string {
	switch {
	case r.min != "" && r.max != "":
		return what + " from " + r.min + " to " + r.max
	case r.min != "":
		return what + " of at least " + r.min
	case r.max != "":
		return what + " of at most " + r.max
	}
	return plain
}

// thousands writes 10000 as 10,000.
func thousands(number string) string {
	digits := strings.TrimPrefix(number, "-")
	sign := number[:len(number)-len(digits)]
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return sign + digits
}

// jsonType gives the type name of JSON Schema.
func jsonType(t reflect.Type) string {
	switch {
	case t == nodeType || reflect.PointerTo(t).Implements(nodeDecoder):
		return ""
	case t.Kind() == reflect.Pointer:
		return jsonType(t.Elem())
	case t == sizeType:
		return "" // a text with a unit, or a number of bytes
	case reflect.PointerTo(t).Implements(textDecoder) || t == secretType || t == stdDuration:
		return "string"
	case isInt(t) || isUint(t):
		return "integer"
	}
	return map[reflect.Kind]string{
		reflect.Bool: "boolean", reflect.String: "string", reflect.Slice: "array",
		reflect.Float32: "number", reflect.Float64: "number",
		reflect.Map: "object", reflect.Struct: "object",
	}[t.Kind()]
}

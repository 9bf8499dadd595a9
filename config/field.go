package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// field is one key that a struct knows, as its tags say:
//
//	yaml:"name"            the key; "-" for none; without the tag the name in lower case
//	yaml:"name,required"   the key must be there
//	yaml:"name,raw"        references in the text are left alone
//	enum:"a|b|c"           the texts that are allowed
//	min:"1" max:"10000"    the range of a number, size or duration
//	doc:"what it means"    for Reference
//
// The fields of an embedded struct without a yaml tag are keys of the outer one.
// In lists and maps enum, min, max and raw hold for each value.
type field struct {
	name     string
	index    []int
	typ      reflect.Type
	required bool
	rules    rules
	doc      string
}

// rules is what tags demand of a value.
type rules struct {
	raw      bool
	enum     []string
	min, max string
}

// fieldsOf lists the keys of a struct type in the order of its fields.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for _, sf := range reflect.VisibleFields(t) {
		tag, tagged := sf.Tag.Lookup("yaml")
		if !sf.IsExported() || tag == "-" || sf.Anonymous && !tagged && sf.Type.Kind() == reflect.Struct {
			continue
		}
		if !promoted(t, sf) {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if name == "" {
			name = strings.ToLower(sf.Name)
		}
		f := field{name: name, index: sf.Index, typ: sf.Type, doc: sf.Tag.Get("doc")}
		f.rules.min, f.rules.max = sf.Tag.Get("min"), sf.Tag.Get("max")
		if e := sf.Tag.Get("enum"); e != "" {
			f.rules.enum = strings.Split(e, "|")
		}
		f.parseOptions(t, options)
		fields = append(fields, f)
	}
	return fields
}

func (f *field) parseOptions(t reflect.Type, options string) {
	if options == "" {
		return
	}
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "raw":
			f.rules.raw = true
		case "required":
			f.required = true
		case "omitempty":
		default:
			panic(fmt.Sprintf("config: %s: unknown option %q in the yaml tag of %s", t, option, f.name))
		}
	}
}

// promoted reports whether every struct on the way to an embedded field is
// embedded without a yaml tag; with one it is a key of its own.
func promoted(t reflect.Type, sf reflect.StructField) bool {
	for i := 1; i < len(sf.Index); i++ {
		outer := t.FieldByIndex(sf.Index[:i])
		if _, tagged := outer.Tag.Lookup("yaml"); tagged || outer.Type.Kind() != reflect.Struct {
			return false
		}
	}
	return true
}

// names lists the keys of fields.
func names(fields []field) []string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = f.name
	}
	return slices.Clip(list)
}

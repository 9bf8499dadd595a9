package main

import (
	"context"
	"flag"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/girok/girok"
	"github.com/girok/girok/config"
)

var schemaCommand = command{
	name:    "schema",
	summary: "a JSON Schema of config.yaml, for editors",
	help: `
schema prints a JSON Schema (2020-12) of the configuration, with the keys of every
kind that is in the program, made from the same structs that it is decoded into.
An editor that knows it completes keys and marks those that there are not.

examples:
  girok schema > config.schema.json
  # then, as the first line of config.yaml:
  # yaml-language-server: $schema=config.schema.json

exit codes: 0`,
	prepare: func(p *program, _ *flag.FlagSet) func(context.Context, []string) int {
		return func(_ context.Context, args []string) int {
			if len(args) > 0 {
				return p.misused("schema", "want no operands, got %q", args)
			}
			p.printJSON(configSchema(girok.Reference(kinds...)))
			return exitOK
		}
	},
}

// schema is a JSON Schema, or a part of one.
type schema = map[string]any

// configSchema makes the schema of config.yaml from the reference of its keys.
func configSchema(sections []girok.Section) schema {
	file := schema{}
	handlers, sources := &classes{}, &classes{}
	parts := map[string]schema{}
	for _, s := range sections {
		place, class, hasClass := strings.Cut(s.Title, ", class: ")
		o := objectOf(s.Keys)
		switch {
		case place == "the file":
			file = o
		case place == "handlers.<name>" && hasClass:
			handlers.add(class, s.Doc, o)
		case place == "sources.<name>" && hasClass:
			sources.add(class, s.Doc, o)
		default:
			for name := range strings.SplitSeq(place, ", ") {
				parts[name] = o
			}
		}
	}
	keys := file["properties"].(schema)
	keys["extends"] = schema{"description": "another file that this one is laid over", "type": []string{"string", "array"}}
	describe := func(key string, inner any) {
		keys[key].(schema)["additionalProperties"] = inner
		keys[key].(schema)["type"] = []string{"object", "null"}
	}
	describe("formatters", parts["formatters.<name>"])
	describe("loggers", parts["loggers.<name>"])
	describe("handlers", handlers.schema())
	describe("sources", sources.schema())
	keys["root"] = parts["root"]
	file["$schema"], file["title"] = "https://json-schema.org/draft/2020-12/schema", "config.yaml of girok"
	file["type"], file["required"] = "object", []string{"version"}
	return file
}

// classes is what may stand under a name, by the value of the key class.
type classes struct {
	names []any
	cases []any
}

// also finds the other names of a class.
var also = regexp.MustCompile("^Also `([^`]+)`")

func (c *classes) add(class, doc string, o schema) {
	names := []any{class}
	if m := also.FindStringSubmatch(doc); m != nil {
		names = append(names, m[1])
	}
	if slices.Contains(names, any("null")) {
		names = append(names, nil) // unquoted it is YAML's null
	}
	c.names = append(c.names, names...)
	o["description"] = doc
	c.cases = append(c.cases, schema{
		"if":   schema{"properties": schema{"class": schema{"enum": names}}, "required": []string{"class"}},
		"then": o,
	})
}

func (c *classes) schema() schema {
	return schema{
		"type": "object", "required": []string{"class"},
		"properties": schema{"class": schema{"description": "kind", "enum": c.names}}, "allOf": c.cases,
	}
}

// objectOf makes the schema of a map from its keys; those of inner maps follow
// with dots.
func objectOf(options []config.Option) schema {
	o := schema{"type": []string{"object", "null"}, "properties": schema{}, "additionalProperties": false}
	var required []string
	for _, k := range options {
		path := strings.Split(k.Key, ".")
		if k.Key == "." { // of Python's
			path = []string{"."}
		}
		put(o, path, valueOf(k))
		if k.Required && !strings.Contains(k.Key, ".") {
			required = append(required, k.Key)
		}
	}
	if required != nil {
		o["required"] = required
	}
	return o
}

// put lays a value into the schema of a map, at a path of keys: <name> stands for
// any key, [] behind a key for each item of its list.
func put(o schema, path []string, value schema) {
	name, isList := strings.CutSuffix(path[0], "[]")
	inner := func(key string) schema {
		s, ok := o[key].(schema)
		if !ok {
			s = schema{}
			o[key] = s
		}
		return s
	}
	switch {
	case name == "<name>" && len(path) == 1:
		o["additionalProperties"] = value
	case name == "<name>":
		put(inner("additionalProperties"), path[1:], value)
	case len(path) == 1:
		inner("properties")[name] = value
	default:
		next, ok := inner("properties")[name].(schema)
		if !ok {
			next = schema{}
			inner("properties")[name] = next
		}
		if isList {
			items, ok := next["items"].(schema)
			if !ok {
				items = schema{}
				next["items"] = items
			}
			next = items
		}
		put(next, path[1:], value)
	}
}

// aReference is a text with ${VARIABLE} in it, which may stand for any scalar.
var aReference = schema{"type": "string", "pattern": `\$\{`}

var levelSchema = schema{"anyOf": []any{
	schema{"enum": []any{"CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG", "NOTSET", "FATAL", "WARN"}}, schema{"type": []string{"integer", "null"}}, aReference,
}}

// valueOf makes the schema of the value of one key.
func valueOf(k config.Option) schema {
	s := schema{}
	switch {
	case k.Key == "version":
		s["enum"] = []any{1}
	case k.Key == "level" && k.JSONType == "":
		s["anyOf"] = levelSchema["anyOf"]
	case len(k.Enum) > 0 && k.JSONType == "string":
		s["anyOf"] = []any{schema{"enum": texts(k.Enum, nil)}, aReference}
	case k.JSONType == "integer" || k.JSONType == "number":
		n := schema{"type": []string{k.JSONType, "null"}}
		bound(n, "minimum", k.Min)
		bound(n, "maximum", k.Max)
		s["anyOf"] = []any{n, aReference}
	case k.JSONType == "boolean":
		s["anyOf"] = []any{schema{"type": []string{"boolean", "null"}}, aReference}
	case k.JSONType == "string":
		s["type"] = []string{"string", "number", "boolean", "null"} // what YAML takes for a number may be meant as text
	case strings.HasPrefix(k.Type, "a size"):
		s["anyOf"] = []any{schema{"type": []string{"integer", "null"}}, schema{"type": "string", "pattern": `^[0-9]|\$\{`}}
	case k.JSONType == "array", k.Type == "a list of texts":
		s["type"] = []string{"array", "null"}
		if len(k.Enum) > 0 {
			s["items"] = schema{"anyOf": []any{schema{"enum": texts(k.Enum)}, aReference}}
		}
	case k.JSONType == "object":
		s["type"] = []string{"object", "null"}
		if k.Type == "a map" {
			s["additionalProperties"] = false // its keys follow
		}
	}
	s["description"] = k.Doc
	if d, ok := defaultOf(k); ok {
		s["default"] = d
	}
	return s
}

func texts(list []string, more ...any) []any {
	all := make([]any, 0, len(list)+len(more))
	for _, s := range list {
		all = append(all, s)
	}
	return append(all, more...)
}

func bound(s schema, key, value string) {
	if n, err := strconv.ParseFloat(value, 64); err == nil {
		s[key] = n
	}
}

// defaultOf is the default as a value of JSON; false if there is none.
func defaultOf(k config.Option) (any, bool) {
	switch {
	case k.Default == "" || k.Required || k.JSONType == "array" || k.JSONType == "object":
		return nil, false
	case k.JSONType == "integer" || k.JSONType == "number":
		n, err := strconv.ParseFloat(k.Default, 64)
		return n, err == nil && n != 0 // 0 stands for a value that is found out
	case k.JSONType == "boolean":
		return k.Default == "true", true
	}
	return k.Default, true
}

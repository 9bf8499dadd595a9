package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/girok/girok/config"
)

// jsonOf reads YAML as the values that JSON has.
func jsonOf(t *testing.T, name string, yaml []byte) any {
	t.Helper()
	doc, err := config.Parse(name, yaml)
	if err != nil {
		t.Fatal(err)
	}
	var ps config.Problems
	b, err := json.Marshal(doc.Root.Py(&ps))
	if err != nil || len(ps) > 0 {
		t.Fatal(err, ps)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// validate tells where a value is not what a schema wants. It knows the words
// that the schema of config.yaml has, and fails for others.
func validate(t *testing.T, at string, s any, v any) (problems []string) {
	t.Helper()
	o, ok := s.(map[string]any)
	if !ok {
		if s == false {
			return []string{at + ": may not be there"}
		}
		return nil
	}
	add := func(format string, args ...any) { problems = append(problems, at+": "+fmt.Sprintf(format, args...)) }
	object, isObject := v.(map[string]any)
	for word, want := range o {
		switch word {
		case "$schema", "title", "description", "default", "then":
		case "type":
			if !typeFits(want, v) {
				add("want type %v, got %v", want, v)
			}
		case "enum":
			if !slices.ContainsFunc(want.([]any), func(e any) bool { return reflect.DeepEqual(e, v) }) {
				add("want one of %v, got %v", want, v)
			}
		case "pattern":
			if text, ok := v.(string); ok && !regexp.MustCompile(want.(string)).MatchString(text) {
				add("%q does not match %v", text, want)
			}
		case "minimum", "maximum":
			if n, ok := v.(float64); ok && (word == "minimum" && n < want.(float64) || word == "maximum" && n > want.(float64)) {
				add("%v is beyond %s %v", n, word, want)
			}
		case "required":
			for _, key := range want.([]any) {
				if _, ok := object[key.(string)]; isObject && !ok {
					add("%s is missing", key)
				}
			}
		case "properties":
			for key, inner := range want.(map[string]any) {
				if value, ok := object[key]; ok {
					problems = append(problems, validate(t, at+"."+key, inner, value)...)
				}
			}
		case "additionalProperties":
			known, _ := o["properties"].(map[string]any)
			for key, value := range object {
				if _, ok := known[key]; !ok {
					problems = append(problems, validate(t, at+"."+key, want, value)...)
				}
			}
		case "items":
			list, _ := v.([]any)
			for i, value := range list {
				problems = append(problems, validate(t, fmt.Sprintf("%s[%d]", at, i), want, value)...)
			}
		case "allOf":
			for _, part := range want.([]any) {
				problems = append(problems, validate(t, at, part, v)...)
			}
		case "anyOf":
			if !slices.ContainsFunc(want.([]any), func(part any) bool { return len(validate(t, at, part, v)) == 0 }) {
				add("%v fits none of %v", v, want)
			}
		case "if":
			if len(validate(t, at, want, v)) == 0 {
				problems = append(problems, validate(t, at, o["then"], v)...)
			}
		default:
			t.Fatalf("%s: the schema has the word %s, which the test does not know", at, word)
		}
	}
	return problems
}

func typeFits(want any, v any) bool {
	names, ok := want.([]any)
	if !ok {
		names = []any{want}
	}
	n, isNumber := v.(float64)
	is := map[string]bool{"number": isNumber, "integer": isNumber && n == float64(int64(n)), "null": v == nil}
	switch v.(type) {
	case string:
		is["string"] = true
	case bool:
		is["boolean"] = true
	case map[string]any:
		is["object"] = true
	case []any:
		is["array"] = true
	}
	return slices.ContainsFunc(names, func(name any) bool { return is[name.(string)] })
}

// theSchema is what `girok schema` prints.
func theSchema(t *testing.T) (s any) {
	t.Helper()
	out, told, code := here(t, "schema")
	if code != exitOK || told != "" {
		t.Fatalf("%d %s", code, told)
	}
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchemaTakesTheExamples(t *testing.T) {
	s := theSchema(t)
	files, err := filepath.Glob("../../examples/*/config.yaml")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	dir := t.TempDir()
	if _, told, code := here(t, "init", dir); code != exitOK {
		t.Fatal(told)
	}
	for _, name := range append(files, filepath.Join(dir, "config.yaml")) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range validate(t, "", s, jsonOf(t, name, b)) {
			t.Errorf("%s%s", name, p)
		}
	}
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatal(err)
	}
	for _, name := range scripts {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		_, text, ok := bytes.Cut(b, []byte("\n-- config.yaml --\n"))
		if !ok || strings.HasSuffix(name, "check.txtar") {
			continue
		}
		text, _, _ = bytes.Cut(text, []byte("\n-- "))
		for _, p := range validate(t, "", s, jsonOf(t, name, text)) {
			t.Errorf("%s%s", name, p)
		}
	}
}

func TestSchemaTakesNoMistake(t *testing.T) {
	s := theSchema(t)
	const right = `version: 1
service: s
formatters: {f: {format: "%(message)s"}, j: {class: json}}
handlers:
  c: {class: logging.StreamHandler, stream: ext://sys.stdout, formatter: f, level: 10}
  n: {class: null}
  t: {class: sqlite, path: x.db, table: logs, create: true, columns: {a: time, b: {from: attr.b, type: float}}, batch: {records: 100, bytes: 1MiB, age: 1s}}
loggers: {a.b: {level: DEBUG, handlers: [c], propagate: false}}
root: {level: "${LEVEL:-INFO}", handlers: [c, t]}
sources: {in: {class: stdin, format: json}}
redact: {keys: [password], with: hash}
spool: {dir: spool, max_bytes: 1GiB, require: true}
`
	if p := validate(t, "", s, jsonOf(t, "right.yaml", []byte(right))); p != nil {
		t.Fatal(p)
	}
	reference := map[string]any{"version": 1.0, "spool": map[string]any{"require": "${REQUIRE}", "max_bytes": "${MAX}", "durability": "${HOW}"}}
	if p := validate(t, "", s, reference); p != nil {
		t.Error(p)
	}
	for _, m := range [][3]string{
		{"service:", "servise:", ".servise"},
		{"version: 1", "version: 2", ".version"},
		{"version: 1\n", "", "version is missing"},
		{"formatter: f", "formater: f", ".handlers.c.formater"},
		{"stream: ext://sys.stdout", "stream: stdout", ".handlers.c.stream"},
		{"class: sqlite", "class: sqlight", ".handlers.t.class"},
		{"class: sqlite, path: x.db", "path: x.db", "class is missing"},
		{"path: x.db, ", "", "path is missing"},
		{"create: true", "create: 1", ".handlers.t.create"},
		{"records: 100", "records: 0", ".handlers.t.batch.records"},
		{"records: 100", "records: many", ".handlers.t.batch.records"},
		{"bytes: 1MiB", "bytes: much", ".handlers.t.batch.bytes"},
		{"age: 1s", "ago: 1s", ".handlers.t.batch.ago"},
		{"level: DEBUG", "level: LOUD", ".loggers.a.b.level"},
		{"propagate: false", "propagates: false", ".loggers.a.b.propagates"},
		{"handlers: [c, t]", "handlers: c", ".root.handlers"},
		{"format: json}}", "format: xml}}", ".sources.in.format"},
		{"with: hash", "with: hush", ".redact.with"},
		{"max_bytes", "maxbytes", ".spool.maxbytes"},
	} {
		text := strings.Replace(right, m[0], m[1], 1)
		if p := validate(t, "", s, jsonOf(t, "wrong.yaml", []byte(text))); text == right || !strings.Contains(strings.Join(p, "\n"), m[2]) {
			t.Errorf("%s: %q, want %s", m[1], p, m[2])
		}
	}
}

package config

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestJSON(t *testing.T) {
	for text, want := range map[string]string{
		"{}": `{}`, "[]": `[]`, "": `{}`, "a: null": `{"a":null}`, "a: [1, -2, 1.5, 2.0e+1, -0]": `{"a":[1,-2,1.5,2.0e+1,-0]}`,
		"a: [true, True, no, 'no', \"1\"]": `{"a":[true,{"$plain":"True"},{"$plain":"no"},"no","1"]}`,
		"a: [+1, 01, 0x1, 1_0, .5, 1., .inf, 1e3, 12:30, 2024-01-02]": `{"a":[{"$plain":"+1"},{"$plain":"01"},{"$plain":"0x1"},` +
			`{"$plain":"1_0"},{"$plain":".5"},{"$plain":"1."},{"$plain":".inf"},"1e3",{"$plain":"12:30"},{"$plain":"2024-01-02"}]}`,
		"b: 1\na: \"<&>é\\u2028\"": `{"b":1,"a":"<&>é\u2028"}`, "a: '\"\\'": `{"a":"\"\\"}`,
		"$plain: 1": `{"$$plain":1}`, "$$plain: 1": `{"$$$plain":1}`, "plain: 1": `{"plain":1}`, "$plain: {$plain: no}": `{"$$plain":{"$$plain":{"$plain":"no"}}}`,
		"a: $${x}": `{"a":"${x}"}`, "!!float 1": `1.0`, "x": `"x"`, "!!float 1.e+3": `{"$plain":"1.e+3"}`,
	} {
		root := parseRoot(t, text)
		got, err := root.JSON(nil)
		if err != nil || string(got) != want {
			t.Errorf("%s:\ngot  %s, %v\nwant %s", text, got, err, want)
			continue
		}
		back, err := FromJSON("x.json", got)
		if err != nil {
			t.Errorf("%s: %v", got, err)
			continue
		}
		again, _ := back.JSON(nil)
		if !bytes.Equal(got, again) || !reflect.DeepEqual(root.Py(nil), back.Py(nil)) {
			t.Errorf("%s came back as %s, %v as %v", got, again, root.Py(nil), back.Py(nil))
		}
	}
}

func TestJSONReportsReferences(t *testing.T) {
	_, err := parseRoot(t, "a: ['${GIROK_UNSET}', '${GIROK_UNSET_2}']\n").JSON(nil)
	if ps, ok := err.(Problems); !ok || len(ps) != 2 || ps[1].Path != "a[1]" {
		t.Errorf("got %v", err)
	}
}

// TestFromJSONIsNotExpanded: what was replaced once is a text.
func TestFromJSONIsNotExpanded(t *testing.T) {
	n, err := FromJSON("run.json", []byte(`{"service":"${GIROK_UNSET}","format":"%(x)s ${y}","headers":{"a":"${GIROK_UNSET}"}}`))
	if err != nil {
		t.Fatal(err)
	}
	s := newSample()
	var ps Problems
	Decode(n, &ps, s)
	if len(ps) > 0 || s.Service != "${GIROK_UNSET}" || s.Format != "%(x)s ${y}" {
		t.Errorf("got %+v, %v", s, ps)
	}
	if _, err := s.Headers["a"].Reveal(); err == nil || !strings.Contains(err.Error(), "GIROK_UNSET is not set") {
		t.Errorf("the secret: %v", err)
	}
}

func TestFromJSONOfOthers(t *testing.T) {
	n, err := FromJSON("x.json", []byte(" {\n \"a\" : [1e-05, 1E+16, \"\\ud83d\\ude00\", null ],\n\t\"é\": {\"$plain\": \"no\"}, \"b\":{\"$plain\":1,\"$$plain\":2}, \"a2\": true}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := n.Get("a").Py(nil), []any{1e-05, 1e+16, "😀", nil}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	for path, want := range map[string]string{"a": "x.json:2:8", "é": "x.json:3:7", "a2": "x.json:3:61"} {
		if got := n.Get(path).Pos().String(); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	if e := n.Get("é"); e.PyScalar() != false || e.Path() != "é" || e.KeyPos().String() != "x.json:3:2" {
		t.Errorf("$plain: %v %s %s", e.PyScalar(), e.Path(), e.KeyPos())
	}
	if got := n.Get("b").Get("$plain").PyScalar(); got != 2 {
		t.Errorf("keys that fall together: got %v", got)
	}
}

func TestFromJSONMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"": "x.json:1:1: not valid JSON", "{": "x.json:1:2", "{\"a\":\n hunter2}": "x.json:2:2: not valid JSON: a mistake at byte",
		"1 2": "after the value", "[1,]": "not valid JSON", strings.Repeat("[", 1000): "more than 200 lists", "{1:2}": "not valid JSON",
		"{\"a\"": "not valid JSON", "\"\xff": "not valid JSON",
	} {
		_, err := FromJSON("x.json", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%.40q: got %v, want %s", text, err, want)
		}
	}
}

// TestDecodeAfterJSON: a struct decoded from the stored configuration is the
// one decoded from the file.
func TestDecodeAfterJSON(t *testing.T) {
	text := "service: no\nlevel: 12:30\ndebug: off\nratio: .5\nworkers: 0x10\ntags: [1_0, ~]\nformat: ${m}\nwait: 0\nkeep: null\n" +
		"handlers: {h: {class: file, columns: {n: 1, no: no}, batch: {bytes: 1_000, age: 1h}}}\n"
	first, second := newSample(), newSample()
	root := decode(t, text, first)
	data, err := root.JSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := FromJSON("run.json", data)
	if err != nil {
		t.Fatal(err)
	}
	var ps Problems
	Decode(stored, &ps, second)
	if len(ps) > 0 || !reflect.DeepEqual(first, second) {
		a, _ := json.Marshal(first)
		b, _ := json.Marshal(second)
		t.Errorf("%v\nfirst  %s\nsecond %s", ps, a, b)
	}
}

package config

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// decode decodes YAML that must be right onto targets.
func decode(t *testing.T, text string, targets ...any) *Node {
	t.Helper()
	root := parseRoot(t, text)
	var ps Problems
	Decode(root, &ps, targets...)
	if err := ps.Err(); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestDecodeEverything(t *testing.T) {
	s := newSample()
	root := decode(t, `
service: no
debug: On
workers: 0x10
small: -0b11
port: 0o17
ratio: 1e-1
address: "::1"
wait: 1d
level: 12:30
keep: false
tags: [12:30, no]
extra: {b: 1, a: 2}
format: ${message} $${x}
handlers:
  events: {class: file, spooled: yes, columns: {a: x, b: {from: y, type: int}}, batch: {records: 1_000, bytes: 4MiB, age: 2s}}
`, s)
	got := fmt.Sprintln(s.Service, s.Debug, s.Workers, s.Small, s.Port, s.Ratio, s.Address, s.Wait, s.Level, *s.Keep, s.Tags, s.Format)
	if want := "no true 16 -3 15 0.1 ::1 24h0m0s 750 false [12:30 no] ${message} $${x}\n"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	h := s.Handlers["events"]
	got = fmt.Sprintf("%s %v %v %v", h.Class, h.Spooled, h.Columns, h.Batch)
	if want := "file true map[a:{x } b:{y int}] {1000 4MiB 2s}"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if s.Extra != root.Get("extra") || s.Extra.Path() != "extra" {
		t.Error("a *Node was not kept as it is")
	}
}

// TestDecodeDefaults: what the file does not say, or says is null, stays.
func TestDecodeDefaults(t *testing.T) {
	yes := true
	s := newSample()
	s.Keep = &yes
	decode(t, "service: null\nworkers: ~\ntags:\nhandlers:\nlevel:\nextra: null\nkeep: null\n", s)
	if s.Service != "app" || s.Workers != 4 || !reflect.DeepEqual(s.Tags, []string{"a", "b"}) || s.Keep != nil {
		t.Errorf("got %+v", s)
	}
	var empty Problems
	Decode(nil, &empty, s)
	if len(empty) > 0 {
		t.Errorf("an absent map: %v", empty)
	}

	type inner struct{ A, B int }
	c := struct {
		In  inner
		Ptr *inner
		Map map[string]int
	}{inner{1, 2}, &inner{3, 4}, map[string]int{"x": 1}}
	shared := c.Ptr
	decode(t, "in: {a: 9}\nptr: {a: 9}\nmap: {y: 2}\n", &c)
	if got := fmt.Sprint(c.In, *c.Ptr, *shared, c.Map); got != "{9 2} {9 4} {3 4} map[y:2]" {
		t.Errorf("got %s", got)
	}
}

func TestDecodeSeveralTargets(t *testing.T) {
	var a struct {
		Class string
		Level any
	}
	var b struct {
		Class string
		Table string
	}
	decode(t, "class: x\nlevel: 10\ntable: y\n", &a, &b)
	if got := fmt.Sprint(a, b); got != "{x 10} {x y}" {
		t.Errorf("got %s", got)
	}
	var ps Problems
	Decode(parseRoot(t, "tabel: y\n"), &ps, &a, &b)
	if want := `test.yaml:1:1: tabel: unknown key; did you mean "table"? known: class, level, table`; ps.Error() != want {
		t.Errorf("got %s, want %s", ps, want)
	}
}

func TestDecodeNoKeyKnown(t *testing.T) {
	var ps Problems
	Decode(parseRoot(t, "a: 1\n"), &ps, &struct{}{})
	if want := "test.yaml:1:1: a: unknown key; none is known here"; ps.Error() != want {
		t.Errorf("got %s", ps)
	}
}

// checked reports with At in every way.
type checked struct {
	Inner struct{ Key string }
	List  []string
}

func (c *checked) Validate(at *At) {
	at.Problem("inner.key", "the key")
	at.Problem("inner.key", "not told twice")
	at.Problem("inner.none.of", "absent")
	at.Problem("", "not told either")
	at.Problem("list", "not told: it has a problem already")
	at.ProblemHint("absent", "remedy", "absent too")
	if at.Has("absent") || !at.Has("inner.key") || at.Node("").Path() != "c" {
		at.Problem("", "Has or Node is wrong")
	}
}

func TestValidate(t *testing.T) {
	var c struct{ C checked }
	var ps Problems
	Decode(parseRoot(t, "\nc:\n  inner: {key: x}\n  list: [[]]\n"), &ps, &c)
	want := `test.yaml:2:1: c.absent: absent too
               remedy
test.yaml:3:3: c.inner.none.of: absent
test.yaml:3:16: c.inner.key: the key
test.yaml:4:10: c.list[0]: want text, got a list
                a text that begins with { or [ must be quoted`
	if got := ps.Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDecodePanicsOnMistakesOfTheProgram(t *testing.T) {
	root := parseRoot(t, "a: {b: 1}\n")
	for name, target := range map[string]any{
		"no pointer": struct{}{}, "nil": (*sample)(nil), "no struct": new(int),
		"channel":   &struct{ A chan int }{},
		"interface": &struct{ A fmt.Stringer }{},
		"bad option": &struct {
			A int `yaml:"a,strange"`
		}{},
		"int keys": &struct{ A map[int]int }{},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if r := recover(); r == nil || !strings.HasPrefix(fmt.Sprint(r), "config: ") {
					t.Errorf("got the panic %v", r)
				}
			}()
			Decode(root, new(Problems), target)
		})
	}
}

func TestEmbeddedFields(t *testing.T) {
	type Named struct{ X int }
	var c struct {
		common
		Named `yaml:"named"`
	}
	decode(t, "spooled: true\nnamed: {x: 1}\n", &c)
	if !c.Spooled || c.X != 1 {
		t.Errorf("got %+v", c)
	}
	var ps Problems
	Decode(parseRoot(t, "x: 1\n"), &ps, &c)
	if len(ps) != 1 {
		t.Errorf("the key of a named embedded struct is known outside: %v", ps)
	}
}

// TestDecodeTogether: one tree, many goroutines (run with -race).
func TestDecodeTogether(t *testing.T) {
	root := parseRoot(t, "format: x\nheaders: {a: b}\nhandlers: {h: {class: file, password: p}}\n")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var ps Problems
			Decode(root, &ps, newSample())
			if _, err := root.JSON(nil); err != nil || len(ps) > 0 {
				t.Error(err, ps)
			}
		})
	}
	wg.Wait()
}

func TestDecodeValue(t *testing.T) {
	var list []Duration
	var ps Problems
	DecodeValue(parseRoot(t, "a: [1s, 2m]\n").Get("a"), &ps, &list)
	if len(ps) > 0 || !reflect.DeepEqual(list, []Duration{Duration(time.Second), Duration(2 * time.Minute)}) {
		t.Errorf("got %v, %v", list, ps)
	}
}

func TestNilNode(t *testing.T) {
	var n *Node
	if n.Kind() != None || !n.IsZero() || !n.Pos().IsZero() || !n.KeyPos().IsZero() || n.Path() != "" || n.Get("a") != nil ||
		n.Keys() != nil || n.Items() != nil || n.Raw() != "" || n.PyScalar() != nil || n.Py(nil) != nil {
		t.Error("a nil Node is something")
	}
	if _, ok := n.Text(nil); ok {
		t.Error("a nil Node has a text")
	}
	n.MarkRaw()
	if data, err := n.JSON(nil); string(data) != "null" || err != nil {
		t.Errorf("JSON: %s, %v", data, err)
	}
}

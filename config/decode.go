package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Unmarshaler is a type that reads its value from the node itself, for values
// of several shapes (a text or a map). It adds what is wrong to ps.
type Unmarshaler interface {
	FromNode(n *Node, ps *Problems)
}

// Validator is a struct that checks its values against each other. Decode calls
// it after the struct was filled, inner structs first, also where keys had
// problems; an inner struct only if its key is in the file.
type Validator interface {
	Validate(at *At)
}

// Decode fills the structs that targets point to from a map. Their values
// before are the defaults: a key that is absent, or null, leaves them; structs
// are filled key by key, lists and maps are replaced.
//
// Every key must be known to one of the targets; one that several know goes to
// all of them. Mistakes are added to ps, and decoding goes on. For the tags see
// [Reference]; the types are bool, the numbers, string, [Size], [Duration],
// [Secret], structs, pointers, slices, map[string]T, any (as [Node.Py]), *Node
// (kept as it is), encoding.TextUnmarshaler and [Unmarshaler].
//
// A target that is no pointer to a struct, and a field of a type that can't be
// decoded, is a mistake of the program: Decode panics.
func Decode(n *Node, ps *Problems, targets ...any) {
	structs := make([]reflect.Value, len(targets))
	for i, target := range targets {
		v := reflect.ValueOf(target)
		if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
			panic(fmt.Sprintf("config: Decode wants pointers to structs, got %T", target))
		}
		structs[i] = v.Elem()
	}
	(&decoder{ps: ps}).structs(n, structs)
}

// DecodeValue fills what target points to, a value of any type that a field of
// a struct may have. It is for [Unmarshaler]s and for maps that a caller walks
// by hand.
func DecodeValue(n *Node, ps *Problems, target any) {
	(&decoder{ps: ps}).value(n, reflect.ValueOf(target).Elem(), rules{})
}

type decoder struct{ ps *Problems }

// structs decodes one map onto several structs.
func (d *decoder) structs(n *Node, structs []reflect.Value) {
	if n.Kind() == Scalar || n.Kind() == List {
		d.noMap(n, structs)
		return
	}
	fields := make([][]field, len(structs))
	var known []string
	for i, s := range structs {
		fields[i] = fieldsOf(s.Type())
		known = append(known, names(fields[i])...)
	}
	meant := map[string]bool{}
	for i, k := range n.Keys() {
		found := false
		for j, s := range structs {
			for _, f := range fields[j] {
				if f.name == k.Name {
					found = true
					d.value(n.values[i], s.FieldByIndex(f.index), f.rules)
				}
			}
		}
		if !found {
			meant[d.unknown(n, k, known)] = true
		}
	}
	for j, s := range structs {
		d.required(n, fields[j], meant)
		if v, ok := s.Addr().Interface().(Validator); ok {
			v.Validate(&At{node: n, ps: d.ps})
		}
	}
}

// noMap reports a value that should have been a map.
func (d *decoder) noMap(n *Node, structs []reflect.Value) {
	for _, s := range structs {
		hideIfSecret(n, s.Type())
	}
	wantGot(n, d.ps, "a map")
}

// unknown reports a key that no target knows, and gives the one it may stand for.
func (d *decoder) unknown(n *Node, k Key, known []string) (meant string) {
	path := joinPath(n.Path(), k.Name)
	meant = Suggest(k.Name, known)
	switch {
	case len(known) == 0:
		d.ps.Add(k.Pos, path, "unknown key; none is known here")
	case meant == "":
		d.ps.Add(k.Pos, path, "unknown key; known: %s", knownWords(known, false))
	default:
		d.ps.Add(k.Pos, path, "unknown key; did you mean %q? known: %s", meant, knownWords(known, true))
	}
	return meant
}

// required reports the keys that must be there; not those in meant, which an
// unknown key already explains.
func (d *decoder) required(n *Node, fields []field, meant map[string]bool) {
	for _, f := range fields {
		if f.required && n.Get(f.name).IsZero() && !meant[f.name] {
			(&At{node: n, ps: d.ps}).Problem(f.name, "is missing; want %s", typeInWords(f.typ, f.rules))
		}
	}
}

var (
	nodeType     = reflect.TypeFor[*Node]()
	secretType   = reflect.TypeFor[Secret]()
	sizeType     = reflect.TypeFor[Size]()
	durationType = reflect.TypeFor[Duration]()
	stdDuration  = reflect.TypeFor[time.Duration]()
	textDecoder  = reflect.TypeFor[encoding.TextUnmarshaler]()
	nodeDecoder  = reflect.TypeFor[Unmarshaler]()
)

// value decodes n onto v.
func (d *decoder) value(n *Node, v reflect.Value, r rules) {
	switch {
	case v.Type() == nodeType:
		if r.raw {
			n.MarkRaw()
		}
		v.Set(reflect.ValueOf(n))
	case reflect.PointerTo(v.Type()).Implements(nodeDecoder):
		v.Addr().Interface().(Unmarshaler).FromNode(n, d.ps)
	case n.Kind() == None:
	case n.Kind() == Null:
		d.null(n, v, r)
	case v.Kind() == reflect.Pointer:
		d.pointer(n, v, r)
	case isScalarType(v.Type()):
		d.scalar(n, v, r)
	case v.Kind() == reflect.Struct:
		d.structs(n, []reflect.Value{v})
	case v.Kind() == reflect.Slice:
		d.list(n, v, r)
	case v.Kind() == reflect.Map && v.Type().Key().Kind() == reflect.String:
		d.mapping(n, v, r)
	case v.Kind() == reflect.Interface && v.NumMethod() == 0:
		d.any(n, v, r)
	default:
		panic(fmt.Sprintf("config: %s: can't decode onto the type %s", n.Path(), v.Type()))
	}
}

// null leaves the default. A value that was left blank where a scalar belongs
// was probably forgotten, so it must be said in so many words.
func (d *decoder) null(n *Node, v reflect.Value, r rules) {
	t := v.Type()
	if v.Kind() == reflect.Pointer {
		v.SetZero()
		t = t.Elem()
	}
	if n.text == "" && isScalarType(t) {
		d.ps.AddHint(n.KeyPos(), n.Path(), `write null for the default, "" for an empty text`,
			"want %s, got nothing", typeInWords(t, r))
	}
	if t.Kind() == reflect.Struct && !isScalarType(t) && v.Kind() == reflect.Struct {
		d.structs(n, []reflect.Value{v})
	}
}

func (d *decoder) pointer(n *Node, v reflect.Value, r rules) {
	target := reflect.New(v.Type().Elem())
	if !v.IsNil() {
		target.Elem().Set(v.Elem())
	}
	d.value(n, target.Elem(), r)
	v.Set(target)
}

func (d *decoder) list(n *Node, v reflect.Value, r rules) {
	if n.kind != List {
		d.wrongShape(n, v.Type(), typeInWords(v.Type(), r))
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.items), len(n.items))
	for i, item := range n.items {
		d.value(item, list.Index(i), r)
	}
	v.Set(list)
}

func (d *decoder) mapping(n *Node, v reflect.Value, r rules) {
	if n.kind != Map {
		d.wrongShape(n, v.Type(), "a map")
		return
	}
	m := reflect.MakeMapWithSize(v.Type(), len(n.keys))
	for i, k := range n.keys {
		value := reflect.New(v.Type().Elem()).Elem()
		d.value(n.values[i], value, r)
		m.SetMapIndex(reflect.ValueOf(k.Name).Convert(v.Type().Key()), value)
	}
	v.Set(m)
}

func (d *decoder) any(n *Node, v reflect.Value, r rules) {
	if r.raw {
		n.MarkRaw()
	}
	if value := n.Py(d.ps); value != nil {
		v.Set(reflect.ValueOf(value))
	} else {
		v.SetZero()
	}
}

// At is how a [Validator] reports problems at its own keys. Keys of inner structs
// are written with dots: "batch.records".
type At struct {
	node *Node
	ps   *Problems
}

// Node gives the value of a key as it was written; nil if it is not there. The
// empty key is the struct's own value.
func (a *At) Node(key string) *Node {
	n := a.node
	for key != "" {
		step, rest, _ := strings.Cut(key, ".")
		n, key = n.Get(step), rest
	}
	return n
}

// Has reports whether the file sets a key, to anything but null.
func (a *At) Has(key string) bool { return !a.Node(key).IsZero() }

// Problem reports something wrong with the value of a key; with "" of the whole
// struct. If the key is absent it is reported where it would belong. Where
// the value, or something in it, already has a problem, it gets no second one.
func (a *At) Problem(key, format string, args ...any) {
	a.ProblemHint(key, "", format, args...)
}

// ProblemHint is Problem with a remedy.
func (a *At) ProblemHint(key, hint, format string, args ...any) {
	path := a.node.Path()
	if key != "" {
		path = joinPath(path, key)
	}
	if !a.ps.has(path) {
		a.ps.AddHint(a.pos(key), path, hint, format, args...)
	}
}

// pos gives the place of the value, or else of the nearest key around it.
func (a *At) pos(key string) Pos {
	if key == "" {
		return a.node.KeyPos()
	}
	if n := a.Node(key); n != nil {
		return n.Pos()
	}
	outer := key[:max(strings.LastIndexByte(key, '.'), 0)]
	if n := a.Node(outer); n != nil || outer == "" {
		return n.KeyPos()
	}
	return a.pos(outer)
}

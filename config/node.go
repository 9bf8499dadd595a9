package config

import (
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// Kind is the shape of a [Node].
type Kind uint8

// The kinds of nodes. None is the kind of a nil Node: the key is absent.
const (
	None Kind = iota
	Null
	Scalar
	List
	Map
)

// String gives the kind in the words that problems use.
func (k Kind) String() string {
	return [...]string{"nothing", "nothing", "text", "a list", "a map"}[k]
}

// Node is one value of a configuration, after `extends`, aliases and merge keys.
// It knows where it was written.
//
// All methods may be called on a nil Node, which stands for an absent key. A
// Node is read-only: any number of goroutines may read and decode it together.
// It must not be copied.
type Node struct {
	kind   Kind
	text   string     // of a scalar, as written, quotes and escapes resolved
	typ    scalarType // of a scalar or null, by the rules of YAML 1.1
	plain  bool       // of a scalar: written without quotes
	keys   []Key
	values []*Node
	index  map[string]int // of keys
	items  []*Node

	pos    Pos
	keyPos Pos // of the key that holds this value; zero in lists
	parent *Node
	key    string // in the parent map
	number int    // in the parent list
	src    *source
	flow   bool          // a list or map in [] or {}
	fixed  bool          // read by FromJSON: references are replaced already
	led    bool          // it has an anchor, or cfg:// leads to it
	use    atomic.Uint32 // what Decode found out: useSecret, useRaw
}

// What a scalar turned out to be when it was decoded; JSON has to know.
const (
	useSecret = 1 << iota
	useRaw
)

// Key is a key of a map, and where it stands.
type Key struct {
	Name string
	Pos  Pos
	typ  scalarType
}

// PyScalar gives what PyYAML makes of the key: `no:` is false, `1:` is 1.
func (k Key) PyScalar() any { return pyValue(k.typ, k.Name) }

// Referred reports whether an alias or cfg:// may lead to the value, or to one in it.
func (n *Node) Referred() bool {
	if n == nil {
		return false
	}
	return n.led || slices.ContainsFunc(n.values, (*Node).Referred) || slices.ContainsFunc(n.items, (*Node).Referred)
}

// Kind gives the shape of the value; None for an absent one.
func (n *Node) Kind() Kind {
	if n == nil {
		return None
	}
	return n.kind
}

// IsZero reports whether the value is absent or null.
func (n *Node) IsZero() bool { return n.Kind() <= Null }

// Pos is where the value begins.
func (n *Node) Pos() Pos {
	if n == nil {
		return Pos{}
	}
	return n.pos
}

// KeyPos is where the key of the value begins; in a list, and at the root, where
// the value begins.
func (n *Node) KeyPos() Pos {
	if n == nil {
		return Pos{}
	}
	if n.keyPos.IsZero() {
		return n.pos
	}
	return n.keyPos
}

// Path gives the keys that lead to the value: "handlers.events.columns",
// "root.handlers[0]"; "" for the root. It is for people: keys that hold dots
// are not marked.
func (n *Node) Path() string {
	if n == nil || n.parent == nil {
		return ""
	}
	if n.parent.kind == List {
		return n.parent.Path() + "[" + strconv.Itoa(n.number) + "]"
	}
	return joinPath(n.parent.Path(), n.key)
}

func joinPath(path, key string) string {
	if key == "" {
		key = `""`
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// pointer gives the way to the value as a JSON pointer (RFC 6901), which unlike
// Path is unambiguous.
func (n *Node) pointer() string {
	if n.parent == nil {
		return ""
	}
	if n.parent.kind == List {
		return n.parent.pointer() + "/" + strconv.Itoa(n.number)
	}
	return n.parent.pointer() + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(n.key)
}

// at follows a JSON pointer; nil if it leads nowhere.
func (n *Node) at(pointer string) *Node {
	if pointer == "" {
		return n
	}
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		if n.Kind() != List {
			n = n.Get(step)
			continue
		}
		i, err := strconv.Atoi(step)
		if err != nil || i < 0 || i >= len(n.items) {
			return nil
		}
		n = n.items[i]
	}
	return n
}

// Get gives the value of a key; nil if it is absent or n is no map.
func (n *Node) Get(key string) *Node {
	if n.Kind() != Map {
		return nil
	}
	if i, ok := n.index[key]; ok {
		return n.values[i]
	}
	return nil
}

// Keys gives the keys of a map in the order of the file. With `extends` those of
// the base come first. The slice is the Node's own: do not change it.
func (n *Node) Keys() []Key {
	if n == nil {
		return nil
	}
	return n.keys
}

// Items gives the values of a list. The slice is the Node's own: do not change it.
func (n *Node) Items() []*Node {
	if n == nil {
		return nil
	}
	return n.items
}

// Raw gives the text of a scalar (null too) as it was written, references not
// replaced; ""
// for everything else.
func (n *Node) Raw() string {
	if k := n.Kind(); k != Scalar && k != Null {
		return ""
	}
	return n.text
}

// MarkRaw says that no scalar in n holds references: [Node.JSON] writes them as
// they stand. A field tagged raw does this by itself; it is for whoever reads
// formats with [Node.Raw].
func (n *Node) MarkRaw() {
	n.walk(func(c *Node) { c.use.Or(useRaw) })
}

func (n *Node) is(use uint32) bool { return n.use.Load()&use != 0 }

// walk calls f for n and everything in it.
func (n *Node) walk(f func(*Node)) {
	if n == nil {
		return
	}
	f(n)
	for _, c := range n.values {
		c.walk(f)
	}
	for _, c := range n.items {
		c.walk(f)
	}
}

// newMap gives an empty map at pos.
func newMap(src *source, pos Pos) *Node {
	return &Node{kind: Map, src: src, pos: pos, index: map[string]int{}}
}

// set adds a key or replaces its value; the first place among the keys stays.
func (n *Node) set(k Key, value *Node) {
	if i, ok := n.index[k.Name]; ok {
		n.keys[i].Pos = k.Pos
		n.values[i] = value
	} else {
		n.index[k.Name] = len(n.keys)
		n.keys = append(n.keys, k)
		n.values = append(n.values, value)
	}
	value.parent, value.key, value.keyPos = n, k.Name, k.Pos
}

// push adds a value to a list.
func (n *Node) push(value *Node) {
	value.parent, value.number = n, len(n.items)
	n.items = append(n.items, value)
}

// remove takes a key out.
func (n *Node) remove(key string) {
	at, ok := n.index[key]
	if !ok {
		return
	}
	n.keys = append(n.keys[:at:at], n.keys[at+1:]...)
	n.values = append(n.values[:at:at], n.values[at+1:]...)
	n.index = make(map[string]int, len(n.keys))
	for i, k := range n.keys {
		n.index[k.Name] = i
	}
}

package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/girok/girok/internal/pattern"
)

// Python's logging replaces a text that begins with cfg:// by the value at that
// path of the configuration, and one with ext:// by what a module has under that
// name, where it is looked up by its key. That is nearly everywhere: not in the
// elements of the lists handlers and filters, and not under the key `.`.
//
// What ext:// may name here are constants; other names are for the keys that take
// them, such as stream and class, and stay.

// constants are what ext:// can be replaced by.
var constants = map[string]string{
	"logging.CRITICAL": "50", "logging.FATAL": "50", "logging.ERROR": "40", "logging.WARNING": "30", "logging.WARN": "30",
	"logging.INFO": "20", "logging.DEBUG": "10", "logging.NOTSET": "0",
	"logging.BASIC_FORMAT": "%(levelname)s:%(name)s:%(message)s",
	"sys.maxsize":          strconv.FormatInt(math.MaxInt64, 10),
	"os.devnull":           "/dev/null",
}

// The steps of a path.
var (
	refWord  = pattern.Lazy{Expr: `^\s*([\p{L}\p{N}_]+)\s*`}
	refDot   = pattern.Lazy{Expr: `^\.\s*([\p{L}\p{N}_]+)\s*`}
	refIndex = pattern.Lazy{Expr: `^\[([^\[\]]*)\]\s*`}
	digits   = pattern.Lazy{Expr: `^\d+$`}
)

const (
	unable    = "Unable to convert" // Python's words
	cfgPrefix = "cfg://"
	extPrefix = "ext://"
	// maxChain is how many references may lead to one another.
	maxChain = 50
)

// refs replaces references in a tree.
type refs struct {
	root  *Node
	ps    *Problems
	nodes int // that were copied
}

// follow replaces the references in n, and in what takes their place.
func (r *refs) follow(n *Node, depth int) {
	if depth > maxDepth {
		return
	}
	for i, v := range n.values {
		if n.keys[i].Name == "." {
			continue
		}
		n.values[i] = r.replaced(v)
		r.follow(n.values[i], depth+1)
	}
	for i, v := range n.items {
		if n.key != "handlers" && n.key != "filters" {
			n.items[i] = r.replaced(v)
		}
		r.follow(n.items[i], depth+1)
	}
}

// replaced is what stands for v: a copy of what it leads to, in its place.
func (r *refs) replaced(v *Node) *Node {
	if v.kind != Scalar || v.typ != typeText {
		return v
	}
	if name, ok := strings.CutPrefix(v.text, extPrefix); ok {
		return constant(v, name)
	}
	path, ok := strings.CutPrefix(v.text, cfgPrefix)
	if !ok {
		return v
	}
	to, err := r.at(path, 0)
	if err != nil {
		r.ps.Add(v.pos, v.Path(), "%v", err)
		return v
	}
	to.led = true
	n := r.clone(to)
	if n == nil {
		r.ps.Add(v.pos, v.Path(), "the references lead to more than %d values", maxNodes)
		return v
	}
	n.pos, n.keyPos, n.parent, n.key, n.number, n.src = v.pos, v.keyPos, v.parent, v.key, v.number, v.src
	return n
}

func constant(v *Node, name string) *Node {
	text, ok := constants[name]
	if !ok {
		return v
	}
	n := &Node{kind: Scalar, text: text, plain: true, typ: resolve(text)}
	n.pos, n.keyPos, n.parent, n.key, n.number, n.src = v.pos, v.keyPos, v.parent, v.key, v.number, v.src
	return n
}

// at follows a path from the root, in the steps and the words of Python's
// BaseConfigurator.cfg_convert.
func (r *refs) at(path string, chain int) (*Node, error) {
	m := refWord.Get().FindStringSubmatch(path)
	if m == nil {
		return nil, fmt.Errorf("%s '%s'", unable, path)
	}
	n, err := r.step(r.root, m[1], false, chain)
	for rest := path[len(m[0]):]; err == nil && rest != ""; rest = rest[len(m[0]):] {
		if m = refDot.Get().FindStringSubmatch(rest); m != nil {
			n, err = r.step(n, m[1], false, chain)
		} else if m = refIndex.Get().FindStringSubmatch(rest); m != nil {
			n, err = r.step(n, strings.TrimSpace(m[1]), true, chain)
		} else {
			return nil, fmt.Errorf("%s '%s' at '%s'", unable, path, rest)
		}
	}
	return n, err
}

// step is the value of a key, or of an index, of n.
func (r *refs) step(n *Node, key string, index bool, chain int) (to *Node, err error) {
	switch number := index && digits.Get().MatchString(key); {
	case n.kind == List && number:
		i, err := strconv.Atoi(key)
		if err != nil || i >= len(n.items) {
			return nil, fmt.Errorf("cfg://: there is no element %s, the list has %d", key, len(n.items))
		}
		to = n.items[i]
	case n.kind == Map && number: // as in Python: the text "0" is not 0
		want, _ := strconv.Atoi(key)
		for i, k := range n.keys {
			if k.PyScalar() == any(want) {
				to = n.values[i]
			}
		}
	default:
		if i, ok := n.index[key]; ok && n.keys[i].typ == typeText { // 7 is not the text "7"
			to = n.values[i]
		}
	}
	if to == nil {
		return nil, fmt.Errorf("cfg://: there is no key '%s'", key)
	}
	if next, ok := strings.CutPrefix(to.text, cfgPrefix); ok && to.kind == Scalar && to.typ == typeText {
		if chain > maxChain {
			return nil, fmt.Errorf("cfg://%s leads to itself", next)
		}
		return r.at(next, chain+1)
	}
	return to, nil
}

// clone copies n with all that is in it; nil if that is too much.
func (r *refs) clone(n *Node) *Node {
	if r.nodes++; r.nodes > maxNodes {
		return nil
	}
	c := &Node{kind: n.kind, text: n.text, typ: n.typ, plain: n.plain, pos: n.pos, src: n.src, flow: n.flow, fixed: n.fixed}
	if n.kind == Map {
		c.index = map[string]int{}
	}
	for i, k := range n.keys {
		v := r.clone(n.values[i])
		if v == nil {
			return nil
		}
		c.set(k, v)
	}
	for _, item := range n.items {
		v := r.clone(item)
		if v == nil {
			return nil
		}
		c.push(v)
	}
	return c
}

package config

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

const (
	maxDepth = 100     // of lists and maps in each other
	maxNodes = 100_000 // in one file, after aliases and merge keys
)

// parse turns the bytes of one file into a tree. `extends` is left as a key. It
// gives nil where a mistake leaves nothing to go on with; else the tree, even
// with problems. Whatever the YAML library does, parse does not panic.
func parse(src *source, data []byte, ps *Problems) (root *Node) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !checkBytes(src, data, ps) {
		return nil
	}
	doc := compose(src, data, ps)
	if doc == nil {
		return nil
	}
	c := &converter{src: src, ps: ps, lines: lineLengths(data), open: map[*yaml.Node]bool{}}
	if doc.Kind == 0 || len(doc.Content) == 0 {
		return newMap(src, Pos{src.name, 1, 1})
	}
	root = c.node(doc.Content[0], 0)
	if root.kind == Null && root.text == "" {
		root = newMap(src, Pos{src.name, 1, 1}) // comments only, or `---`
	}
	return root
}

// compose runs the YAML library. It gives nil after a mistake and a node of kind
// 0 for an empty file.
func compose(src *source, data []byte, ps *Problems) (doc *yaml.Node) {
	defer func() {
		if r := recover(); r != nil {
			ps.Add(Pos{src.name, 1, 1}, "", "the YAML library broke down on this file")
			doc = nil
		}
	}()
	depth := func(depth int, _ *loaderlimits.DepthContext) error {
		if depth > maxDepth {
			return fmt.Errorf(tooDeep, maxDepth)
		}
		return nil
	}
	limits := loaderlimits.New(loaderlimits.DepthFunc(depth), loaderlimits.AliasNone())
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithPlugin(limits))
	if err != nil {
		ps.Add(Pos{src.name, 1, 1}, "", "the YAML library does not start: %v", err)
		return nil
	}
	doc = &yaml.Node{}
	if err := loader.Load(doc); err != nil && err != io.EOF {
		ps.add(syntaxProblem(src, data, err))
		return nil
	}
	var second yaml.Node
	switch err := loader.Load(&second); {
	case err == io.EOF:
		return doc
	case err != nil:
		ps.add(syntaxProblem(src, data, err))
	default:
		pos := clampPos(lineLengths(data), Pos{src.name, second.Line, second.Column})
		ps.AddHint(pos, "", "take out the line ---, or make it two files",
			"a second document begins here; a configuration is one")
	}
	return nil
}

// converter turns the library's nodes into ours: aliases and merge keys are
// copied out, keys checked, positions kept.
type converter struct {
	src   *source
	ps    *Problems
	lines []int               // their lengths
	open  map[*yaml.Node]bool // those being converted: an alias to one is a circle
	count int
	flow  int  // lists and maps in brackets around what is converted
	full  bool // maxNodes was passed and told
}

func (c *converter) pos(y *yaml.Node) Pos {
	return clampPos(c.lines, Pos{c.src.name, y.Line, y.Column})
}

// node converts y and everything in it; never nil.
func (c *converter) node(y *yaml.Node, depth int) *Node {
	if y.Kind == yaml.AliasNode {
		return c.alias(y, depth)
	}
	n := &Node{src: c.src, pos: c.pos(y), kind: Null, typ: typeNull, flow: y.Style&yaml.FlowStyle != 0, led: y.Anchor != ""}
	if c.tooMuch(y, depth) {
		return n
	}
	c.open[y] = true
	defer delete(c.open, y)
	c.anchor(y)
	if n.flow {
		c.flow++
		defer func() { c.flow-- }()
	}
	c.collectionTag(y)
	switch y.Kind {
	case yaml.MappingNode:
		n.kind, n.index = Map, map[string]int{}
		c.mapping(y, n, depth)
	case yaml.SequenceNode:
		n.kind = List
		for _, item := range y.Content {
			n.push(c.node(item, depth+1))
			if c.full {
				break
			}
		}
	case yaml.ScalarNode:
		c.scalar(y, n)
	}
	return n
}

// tooMuch reports, once, that the file unfolds into more than there can be.
func (c *converter) tooMuch(y *yaml.Node, depth int) bool {
	c.count++
	switch {
	case c.full:
		return true
	case c.count > maxNodes:
		c.ps.Add(c.pos(y), "", "the configuration has more than 100,000 values, counting those that aliases repeat")
	case depth > maxDepth:
		c.ps.Add(c.pos(y), "", tooDeep, maxDepth)
	default:
		return false
	}
	c.full = true
	return true
}

// anchor refuses a name that PyYAML ends in the middle, and reads as more of the
// value from there.
func (c *converter) anchor(y *yaml.Node) {
	if strings.ContainsAny(y.Anchor, ":?%@`") {
		c.ps.AddHint(c.pos(y), "", `a text that begins with & must be quoted: "&…"`, "the name of an anchor has letters, digits, - and _")
	}
}

func (c *converter) alias(y *yaml.Node, depth int) *Node {
	if y.Alias == nil || c.open[y.Alias] {
		c.ps.Add(c.pos(y), "", "the alias stands inside the value that it repeats")
		return &Node{src: c.src, pos: c.pos(y), kind: Null, typ: typeNull}
	}
	defer func(flow int) { c.flow = flow }(c.flow)
	c.flow = 0 // of where the anchor stands, as far as that is known
	return c.node(y.Alias, depth)
}

// mapping fills n. Merged keys come first, as in PyYAML; a key of its own wins
// over a merged one, and of equal keys the last.
func (c *converter) mapping(y *yaml.Node, n *Node, depth int) {
	own := map[string]Pos{}
	for i := 0; i+1 < len(y.Content) && !c.full; i += 2 {
		if isMergeKey(y.Content[i]) {
			c.merge(y.Content[i+1], n, depth)
		}
	}
	for i := 0; i+1 < len(y.Content) && !c.full; i += 2 {
		if isMergeKey(y.Content[i]) {
			continue
		}
		k, ok := c.key(y.Content[i])
		value := c.node(y.Content[i+1], depth+1)
		if !ok {
			continue
		}
		if first, twice := own[k.Name]; twice {
			c.ps.add(Problem{Pos: k.Pos, Path: k.Name, Msg: fmt.Sprintf(
				"the key stands twice, first at line %d; this one counts", first.Line), Hint: warning})
		}
		own[k.Name] = k.Pos
		n.set(k, value)
	}
}

// warning marks, inside this package, a problem that is only a warning. Its path
// is only the key until the tree is known.
const warning = "\x00warning"

func isMergeKey(y *yaml.Node) bool {
	return y.Kind == yaml.ScalarNode && y.Value == "<<" && y.Style&quoted == 0
}

// merge copies the keys of a map, or of a list of maps of which the first wins.
func (c *converter) merge(y *yaml.Node, n *Node, depth int) {
	from := c.node(y, depth)
	maps := []*Node{from}
	if from.kind == List {
		maps = from.items
	}
	for i := len(maps) - 1; i >= 0; i-- {
		m := maps[i]
		if m.kind != Map {
			c.ps.Add(c.pos(y), "", "<< wants a map or a list of maps to merge, got %s", m.kind)
			continue
		}
		for j, k := range m.keys {
			n.set(k, m.values[j])
		}
	}
}

// key checks that a key is a text.
func (c *converter) key(y *yaml.Node) (Key, bool) {
	k := Key{Pos: c.pos(y)}
	if y.Kind == yaml.AliasNode && y.Alias != nil {
		y = y.Alias
	}
	c.anchor(y)
	if y.Kind != yaml.ScalarNode {
		c.ps.Add(k.Pos, "", "a key must be a text, not a list or a map")
		return k, false
	}
	var n Node
	n.pos = k.Pos
	c.scalar(y, &n)
	k.Name, k.typ = n.text, n.typ
	return k, true
}

const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle

// scalar sets kind, text and type of n.
func (c *converter) scalar(y *yaml.Node, n *Node) {
	n.text, n.plain = y.Value, y.Style&quoted == 0
	if n.plain && c.flow > 0 && strings.HasPrefix(y.Value, "?") { // for PyYAML a key begins there
		c.ps.AddHint(n.pos, "", `a text that begins with ? must be quoted: "?…"`, "? within brackets")
	}
	if y.Style&yaml.TaggedStyle != 0 {
		c.tagged(y, n)
	} else if n.plain {
		n.typ = resolve(n.text)
	} else {
		n.typ = typeText
	}
	n.kind = Scalar
	if n.typ == typeNull {
		n.kind = Null
	}
}

// scalarTags are the tags that a scalar may have.
var scalarTags = map[string]scalarType{
	"!!str": typeText, "!!null": typeNull, "!!bool": typeBool,
	"!!int": typeInt, "!!float": typeFloat, "!!timestamp": typeTime,
}

// tagged gives a scalar the type that its tag says.
func (c *converter) tagged(y *yaml.Node, n *Node) {
	want, known := scalarTags[y.Tag]
	if !known {
		c.badTag(y)
		n.typ, n.plain = typeText, false
		return
	}
	is := resolve(n.text)
	if want == typeFloat && is == typeInt {
		n.text, is = n.text+".0", resolve(n.text+".0")
	}
	n.typ, n.plain = want, want != typeText
	if want != typeText && is != want {
		c.ps.Add(n.pos, "", "the value is not what its tag %s says", y.Tag)
		n.typ, n.plain = typeText, false
	}
}

// collectionTag refuses tags on lists and maps that are not their own.
func (c *converter) collectionTag(y *yaml.Node) {
	if y.Style&yaml.TaggedStyle == 0 || y.Kind == yaml.ScalarNode {
		return
	}
	if y.Tag != "!!map" && y.Tag != "!!seq" {
		c.badTag(y)
	}
}

// pyTags are tags that other files may really have.
var pyTags = []string{"!!python/", "!!binary", "!!set", "!!omap", "!!pairs"}

// badTag repeats only tags that people use: `password: !x9` is a password that
// somebody forgot to quote.
func (c *converter) badTag(y *yaml.Node) {
	for _, t := range pyTags {
		if strings.HasPrefix(y.Tag, t) {
			c.ps.Add(c.pos(y), "", "the tag %s is not supported; known: "+
				"!!str, !!int, !!float, !!bool, !!null, !!timestamp, !!map, !!seq", y.Tag)
			return
		}
	}
	c.ps.AddHint(c.pos(y), "", `a text that begins with ! must be quoted: "!…"`, "unknown tag")
}

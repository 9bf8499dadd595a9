package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// Document is a configuration that was read, `extends` merged.
type Document struct {
	Root     *Node     // of any kind; a map for an empty file
	File     string    // as it was given to Load
	Warnings []Problem // keys that stand twice; sorted
	path     string    // absolute; "" if not from the disk
}

// Dir gives the absolute folder of the file, to which its paths are relative; ""
// for a configuration that was not read from the disk.
func (d *Document) Dir() string {
	if d.path == "" {
		return ""
	}
	return filepath.Dir(d.path)
}

// Load reads a configuration from the disk, and what it extends.
//
// `extends: base.yaml` at its top (a text or a list, relative to the file that
// says it) reads other files first: maps are merged key by key, later files and
// at last the file itself win; lists, scalars and null replace. The key extends
// is taken out.
//
// A file that can't be read gives an error of package io/fs. Mistakes in the
// files give [Problems]; the Document then may still be there, to decode it and
// report more, but nobody should run on it.
func Load(path string) (*Document, error) { return load(diskSource(path)) }

// LoadFS is [Load] from a file system, such as embed.FS. Relative ${file:…} are
// read from it too.
func LoadFS(fsys fs.FS, path string) (*Document, error) {
	return load(&source{name: path, fsys: fsys})
}

func load(src *source) (*Document, error) {
	data, err := src.read()
	if err != nil {
		return nil, fmt.Errorf("config: %s: %w", src.name, err)
	}
	var ps Problems
	l := loader{ps: &ps, chain: []*source{src}}
	root := parse(src, data, &ps)
	if root != nil {
		root = l.extend(root)
	}
	return document(root, src, ps)
}

// LoadOver is [Load] for a configuration that a program adds to: what over gives for
// the document that was read, YAML, is laid over it as a file is over what it extends.
// name is what problems call that text; it can't extend files itself.
func LoadOver(path, name string, over func(*Document) []byte) (*Document, error) {
	doc, err := Load(path)
	if err != nil || doc.Root.Kind() != Map {
		return doc, err
	}
	added, err := Parse(name, over(doc))
	if err != nil {
		return nil, err
	}
	doc.Root = mergeNodes(doc.Root, added.Root)
	return doc, nil
}

// Parse reads a configuration from memory; name is what problems call it. Such a
// configuration can't extend files.
func Parse(name string, data []byte) (*Document, error) {
	src := &source{name: name}
	var ps Problems
	root := parse(src, data, &ps)
	if e := root.Get("extends"); e != nil {
		ps.AddHint(e.KeyPos(), "extends", "use Load or LoadFS", "a configuration that was given as bytes can't extend files")
	}
	return document(root, src, ps)
}

// document parts problems from warnings.
func document(root *Node, src *source, found Problems) (*Document, error) {
	var ps, warnings Problems
	if root != nil {
		(&refs{root: root, ps: &found}).follow(root, 0)
	}
	keys, values := paths(root)
	for _, p := range found {
		switch {
		case p.Hint == warning:
			p.Hint = ""
			if path, ok := keys[p.Pos]; ok {
				p.Path = path
			}
			warnings.add(p)
		case p.Path == "":
			p.Path = values[p.Pos]
			fallthrough
		default:
			ps.add(p)
		}
	}
	warnings.Sort()
	if root == nil {
		return nil, ps.Err()
	}
	return &Document{Root: root, File: src.name, Warnings: warnings, path: src.path}, ps.Err()
}

// paths gives the paths of keys and of values that are no maps, by their place.
func paths(root *Node) (keys, values map[Pos]string) {
	keys, values = map[Pos]string{}, map[Pos]string{}
	root.walk(func(n *Node) {
		keys[n.keyPos] = n.Path()
		if n.kind != Map {
			values[n.pos] = n.Path()
		}
	})
	return keys, values
}

// loader follows `extends`.
type loader struct {
	ps    *Problems
	chain []*source // the files that led here
	files int
}

// maxExtended is how many files a configuration may be made of.
const maxExtended = 100

// extend gives root merged onto everything that it extends.
func (l *loader) extend(root *Node) *Node {
	e := root.Get("extends")
	if e == nil {
		return root
	}
	root.remove("extends")
	var names []*Node
	switch e.kind {
	case Scalar:
		names = []*Node{e}
	case List:
		names = e.items
	case Map:
		wantGot(e, l.ps, "a file or a list of files")
	}
	var merged *Node
	for _, name := range names {
		if base := l.base(root.src, name); base != nil {
			merged = mergeNodes(merged, base)
		}
	}
	return mergeNodes(merged, root)
}

// base reads one file that src extends; nil if that failed and was told.
func (l *loader) base(src *source, name *Node) *Node {
	file, ok := name.Text(l.ps)
	if !ok {
		return nil
	}
	from := src.sibling(file)
	for i, s := range l.chain {
		if s.same(from) {
			l.circle(name, l.chain[i:])
			return nil
		}
	}
	if l.files++; l.files > maxExtended {
		l.ps.Add(name.pos, name.Path(), "the configuration extends more than %d files", maxExtended)
		return nil
	}
	data, err := from.read()
	if errors.Is(err, fs.ErrNotExist) {
		l.ps.Add(name.pos, name.Path(), "there is no file %s", from.name)
		return nil
	} else if err != nil {
		l.ps.Add(name.pos, name.Path(), "can't read %s: %v", from.name, reason(err))
		return nil
	}
	root := parse(from, data, l.ps)
	if root == nil {
		return nil
	}
	if root.kind != Map {
		l.ps.Add(name.pos, name.Path(), "want a file that holds a map, %s holds %s", from.name, root.kind)
		return nil
	}
	l.chain = append(l.chain, from)
	defer func() { l.chain = l.chain[:len(l.chain)-1] }()
	return l.extend(root)
}

func (l *loader) circle(at *Node, chain []*source) {
	var names []string
	for _, s := range append(chain[:len(chain):len(chain)], chain[0]) {
		names = append(names, s.name)
	}
	l.ps.Add(at.pos, at.Path(), "the files extend each other in a circle: %s", strings.Join(names, " → "))
}

// mergeNodes lays over onto base and gives the result, which takes both apart.
func mergeNodes(base, over *Node) *Node {
	if base.Kind() != Map || over.Kind() != Map {
		return over
	}
	for i, k := range over.keys {
		base.set(k, mergeNodes(base.Get(k.Name), over.values[i]))
	}
	base.pos, base.src = over.pos, over.src
	return base
}

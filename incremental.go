package girok

import (
	"maps"
	"slices"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
	"github.com/girok/girok/tree"
)

// readOver reads a document as it counts over a configuration that is in use, or
// over none: an incremental one changes levels of that, any other stands alone.
func readOver(old *blueprint, doc *config.Document, opts []Option) (*blueprint, error) {
	var incremental config.Truth
	incremental.FromNode(doc.Root.Get("incremental"), new(config.Problems)) // what is wrong is told by read
	if !incremental {
		return read(doc, opts)
	}
	base, docs := doc, []*config.Document{doc}
	if old != nil {
		base, docs = old.doc, append(slices.Clone(old.adjusted), doc)
	}
	if old == nil {
		var err error
		if base, err = config.Parse(doc.File, []byte("version: 1")); err != nil {
			return nil, err
		}
	}
	b, err := read(base, opts)
	if err != nil {
		return nil, err
	}
	b.adjusted, b.others = docs, tree.LeaveOthers
	var ps config.Problems
	for i, d := range docs {
		if old != nil && i == len(docs)-1 { // what was set since then stays
			for i := range b.loggers {
				b.loggers[i].KeepLevel, b.loggers[i].KeepPropagate = true, true
			}
		}
		b.adjust(d.Root, &ps)
	}
	return b, ps.Err()
}

// adjust changes the levels that an incremental document names, and propagate. All
// else in it is ignored, as in Python.
func (b *blueprint) adjust(root *config.Node, ps *config.Problems) {
	checkVersion(root, root.Get("version"), ps)
	handlers, loggers := root.Get("handlers"), root.Get("loggers")
	for _, k := range handlers.Keys() {
		h := b.handlers[k.Name]
		if h == nil {
			ps.Add(k.Pos, "handlers."+k.Name, "%s", unknownName("handler", k.Name, slices.Sorted(maps.Keys(b.handlers))))
			continue
		}
		if l := levelOf(handlers.Get(k.Name).Get("level"), ps); l != record.NotSet {
			h.tree.Level = l
		}
	}
	for _, k := range loggers.Keys() {
		b.adjustLogger(k.Name, loggers.Get(k.Name), true, ps)
	}
	b.adjustLogger("", root.Get("root"), false, ps)
}

func (b *blueprint) adjustLogger(name string, n *config.Node, propagates bool, ps *config.Problems) {
	if n.IsZero() {
		return
	}
	if name == "root" {
		name = ""
	}
	i := len(b.loggers) - 1 // the root may be there twice, and the last one counts
	for i >= 0 && b.loggers[i].Name != name {
		i--
	}
	if i < 0 {
		l := tree.LoggerConfig{Name: name, Propagate: true, KeepLevel: true, KeepPropagate: true, KeepHandlers: true}
		i, b.loggers = len(b.loggers), append(b.loggers, l)
	}
	l := &b.loggers[i]
	if level := n.Get("level"); !level.IsZero() {
		l.Level, l.KeepLevel = levelOf(level, ps), false
	}
	if p := n.Get("propagate"); propagates && !p.IsZero() {
		var t config.Truth
		t.FromNode(p, ps)
		l.Propagate, l.KeepPropagate = bool(t), false
	}
}

package girok

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/girok/girok/config"
	"github.com/girok/girok/format"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/file"
	"github.com/girok/girok/spool"
	"github.com/girok/girok/tree"
)

// handler checks one entry of handlers.
func (b *blueprint) handler(name string, formatters map[string]format.Formatter, kinds []sink.Kind, ps *config.Problems) {
	n := b.keys.Handlers[name]
	h := &handlerPlan{name: name, node: n, tree: &tree.Handler{Name: name, Accepts: tree.Takes(record.Log)}}
	b.handlers[name] = h
	written, class, _ := classOf(n)
	if h.class = class; class == "" {
		ps.Add(n.KeyPos(), n.Path()+".class", "is missing; want console, file, null, a class of Python's logging, or a kind of store")
		return
	}
	if i := slices.IndexFunc(kinds, func(k sink.Kind) bool { return k.Name() == h.class }); i >= 0 {
		b.spooled(h, kinds[i], ps)
		return
	}
	if isFile(h.class) && spooledFile(n) {
		b.spooled(h, file.KindWith(zstdOf(b.opts)), ps)
		b.spooledFile(h, formatters, ps)
		return
	}
	kind, isKind := directKind(b.opts, class)
	if isKind && spooledFile(n) {
		b.spooled(h, kind.Behind(), ps)
		b.namedFormatter(h, formatters, ps)
		return
	}
	var d directKeys
	if c := classNamed(class); c != nil {
		h.out = c.keys()
		start := len(*ps)
		config.Decode(n, ps, &d, h.out)
		if isFile(h.class) {
			saysRotating((*ps)[start:])
		}
	} else if isKind {
		h.out = &network{kind, kind.Decode(n, ps, &d, new(spooledKey))}
	} else if out := b.externalNamed(n, class); out != nil {
		h.out, h.tree.Caller = out, true
		config.Decode(n, ps, &d)
	} else if b.writeOnly && (!strings.HasPrefix(class, "logging.") || spooledFile(n)) {
		b.foreign(h, ps)
		return
	} else if _, _, at := classOf(n); b.passable(at, written, "the console stands for it") {
		b.standIn(h, formatters, ps)
		return
	} else {
		unknownClass(n, written, kinds, ps)
		return
	}
	b.direct(h, &d, formatters, ps)
}

// spooledKey is what a handler of the call has of those that are spooled.
type spooledKey struct {
	Spooled bool `yaml:"spooled"`
}

// namedFormatter gives a spooled handler the keys of the formatter that it only names.
func (b *blueprint) namedFormatter(h *handlerPlan, formatters map[string]format.Formatter, ps *config.Problems) {
	c := h.cfg.(sink.Behind)
	name := c.NamedFormatter()
	if name.IsZero() {
		return
	}
	keys := b.keys.Formatters[name.Raw()]
	if keys == nil {
		ps.Add(name.Pos(), name.Path(), "%s", unknownName("formatter", name.Raw(), slices.Sorted(maps.Keys(formatters))))
		return
	}
	h.cfg = c.WithFormatter(keys)
}

// isFile reports whether a class is that of files.
func isFile(class string) bool { return class == "file" || class == "logging.FileHandler" }

// spooledFile reports whether a file's handler says that it is written from the
// spool.
func spooledFile(n *config.Node) bool {
	var spooled bool
	if s := n.Get("spooled"); s != nil {
		config.DecodeValue(s, new(config.Problems), &spooled) // what is wrong is told when all keys are decoded
	}
	return spooled
}

// spooledFile gives a file's handler what its keys only name: whoever delivers a
// run has neither the formatters of this file nor its working folder.
func (b *blueprint) spooledFile(h *handlerPlan, formatters map[string]format.Formatter, ps *config.Problems) {
	c := h.cfg.(file.Config)
	if abs, err := filepath.Abs(c.Filename); err == nil {
		c.Filename = abs
	}
	for _, other := range b.sorted() {
		if o, ok := other.cfg.(file.Config); ok && other != h && o.Filename == c.Filename {
			at := h.node.Get("filename")
			ps.Add(at.Pos(), at.Path(), "the handler %q writes this file too; give each a file of its own, or let several loggers name one handler", other.name)
		}
	}
	if name := c.Formatter; name != nil && !name.IsZero() {
		if c.Formatter = b.keys.Formatters[name.Raw()]; c.Formatter == nil {
			ps.Add(name.Pos(), name.Path(), "%s", unknownName("formatter", name.Raw(), slices.Sorted(maps.Keys(formatters))))
			return
		}
		h.tree.Caller = formatters[name.Raw()].NeedsCaller()
	}
	if _, err := file.NewPacking(c.Rotate.Compress, zstdOf(b.opts)); err != nil && !b.writeOnly {
		at := h.node.Get("rotate").Get("compress")
		ps.Add(at.Pos(), at.Path(), "%v", err)
	}
	h.cfg = c
}

func (b *blueprint) spooled(h *handlerPlan, kind sink.Kind, ps *config.Problems) {
	var common sink.Common
	h.kind, h.spooled = kind, true
	h.cfg = kind.Decode(h.node, ps, &common)
	h.tree.Level = levelOf(common.Level, ps)
	h.tree.Accepts = acceptsOf(h.node, common.Accepts, h.tree.Accepts, ps)
	h.filter(b.filtersNamed(h.node, common.Filters, ps))
	if c, ok := h.cfg.(interface{ NeedsCaller() bool }); ok {
		h.tree.Caller = c.NeedsCaller()
	}
}

// saysRotating says of keys of rotation in a handler that has none which have them.
func saysRotating(ps config.Problems) {
	for i, p := range ps {
		switch p.Path[strings.LastIndexByte(p.Path, '.')+1:] {
		case "rotate", "compress", "max_age", "maxBytes", "backupCount", "when":
			ps[i].Hint = "use class: logging.handlers.RotatingFileHandler or TimedRotatingFileHandler, or spooled: true with rotate"
		}
	}
}

// foreign takes a handler of a kind that is not in this program, which only writes:
// whoever delivers checks its keys.
func (b *blueprint) foreign(h *handlerPlan, ps *config.Problems) {
	var common sink.Common
	var all config.Problems
	h.spooled, h.foreign = true, true
	config.Decode(h.node, &all, &common)
	for _, p := range all {
		if !strings.HasPrefix(p.Msg, "unknown key") {
			*ps = append(*ps, p)
		}
	}
	h.tree.Level = levelOf(common.Level, ps)
	h.tree.Accepts = acceptsOf(h.node, common.Accepts, h.tree.Accepts, ps)
	h.filter(b.filtersNamed(h.node, common.Filters, ps))
	h.tree.Caller = true // its columns may ask for it
}

// bits gives each spooled handler its bit of the mask, in order of name.
func (b *blueprint) bits(ps *config.Problems) {
	bit := 0
	for _, h := range b.sorted() {
		if !h.spooled {
			continue
		}
		if bit == spool.MaxHandlers {
			ps.Add(h.node.KeyPos(), h.node.Path(), "a program can have %d spooled handlers; this is one more", spool.MaxHandlers)
			return
		}
		h.tree.Bit = bit
		bit++
	}
}

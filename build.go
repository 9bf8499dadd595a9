package girok

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/filter"
	"github.com/girok/girok/format"
	"github.com/girok/girok/internal/rights"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/source"
	"github.com/girok/girok/tree"
)

// blueprint is a configuration that was read and checked; nothing is touched
// yet. start makes it real.
type blueprint struct {
	doc      *config.Document
	opts     []Option
	now      clock              // nil: the real one
	adjusted []*config.Document // incremental ones, which came after doc
	others   tree.Others
	stack    record.Level    // from which on logs have their stack
	stoodIn  config.Problems // classes that can't be had, and that something stands for
	keys     fileKeys
	group    int // that the spool is shared with; 0: none
	location *time.Location
	redact   *record.Redactor
	named    map[string]filter.Name // the filters
	handlers map[string]*handlerPlan
	loggers  []tree.LoggerConfig
	sources  []source.Plan
	// writeOnly: nothing is delivered here, so kinds of stores need not be known.
	writeOnly bool
	delivers  bool // even without a spooled handler
}

// handlerPlan is one handler before it is opened.
type handlerPlan struct {
	name   string
	class  string // as written
	node   *config.Node
	tree   *tree.Handler
	format format.Formatter
	// formatText is all that shapes a line; two that are the same give the same.
	formatText string
	outputText string         // the same of its place
	out        output         // nil if it is spooled
	feeds      []*handlerPlan // the handlers that it gives its records to
	ended      atomic.Bool    // it takes no more records from those that feed it
	kind       sink.Kind
	cfg        sink.Config // of a spooled handler
	spooled    bool
	foreign    bool // of a kind that is not in this program
	used       bool // a logger names it
}

// read checks a document whole and reports every mistake at once.
func read(doc *config.Document, opts []Option) (*blueprint, error) {
	b := &blueprint{doc: doc, opts: opts, now: clockOf(opts), keys: defaultKeys(), handlers: map[string]*handlerPlan{}}
	var ps config.Problems
	config.Decode(doc.Root, &ps, &b.keys)
	ps = b.ignoredKeys(ps, func(path string) bool { return !strings.Contains(path, ".") })
	for _, section := range []string{"formatters", "filters", "handlers", "loggers"} {
		if n := doc.Root.Get(section); n.Kind() == config.Null {
			ps.Add(n.KeyPos(), n.Path(), "is empty; take the key out, or write {}")
		}
	}
	checkVersion(doc.Root, b.keys.Version, &ps)
	if doc.Root.Get("disable_existing_loggers") != nil { // null is false
		if b.others = tree.KeepOthers; b.keys.DisableExisting != nil && bool(*b.keys.DisableExisting) {
			b.others = tree.DisableOthers
		}
	}
	b.location = zoneOf(b.keys.Timezone, doc.Root, &ps)
	b.delivers = has[delivers](opts)
	b.writeOnly = has[writeOnly](opts) || b.keys.Spool.Deliver == "never" && !b.delivers
	b.stack = levelOf(b.keys.Stack, &ps)
	b.service(&ps)
	b.shared(&ps)
	b.redaction()
	formatters := b.formatters(&ps)
	b.filters(&ps)
	for _, name := range slices.Sorted(maps.Keys(b.keys.Handlers)) {
		b.handler(name, formatters, kindsOf(opts), &ps)
	}
	b.behind(&ps)
	b.bits(&ps)
	for _, k := range doc.Root.Get("loggers").Keys() {
		switch n := b.keys.Loggers[k.Name]; k.PyScalar().(type) {
		case nil: // as in Python, null is the root
			b.logger("root", n, &ps)
		case string:
			b.logger(k.Name, n, &ps)
		default:
			ps.Add(k.Pos, "loggers."+k.Name, "A logger name must be a string; write %q", k.Name)
		}
	}
	if r := b.keys.Root; r.Kind() != config.Map || len(r.Keys()) > 0 { // an empty one changes nothing
		b.logger("", r, &ps) // after those that loggers calls "" or root, as in Python
	}
	b.markFed()
	b.readSources(sourceKindsOf(opts), &ps)
	return b, ps.Err()
}

// ignoredKeys turns what is said of keys that nobody knows into warnings, where at is
// true: Python does not look at them. One that is nearly a known key is a mistake, and
// one that an alias or cfg:// may lead to is nothing.
func (b *blueprint) ignoredKeys(ps config.Problems, at func(path string) bool) (left config.Problems) {
	for _, p := range ps {
		if strings.HasPrefix(p.Msg, "unknown key") && at(p.Path) && !strings.Contains(p.Msg, "did you mean") {
			if !b.doc.Root.Get(p.Path).Referred() {
				p.Msg, p.Hint = "nothing here reads this key", ""
				b.doc.Warnings = append(b.doc.Warnings, p)
			}
			continue
		}
		left = append(left, p)
	}
	return left
}

func everywhere(string) bool { return true }

func (b *blueprint) service(ps *config.Problems) {
	if b.keys.Service == "" {
		b.keys.Service = strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	}
	if s := b.keys.Service; strings.ContainsAny(s, "/\\\x00") || strings.HasPrefix(s, ".") || len(s) > 200 {
		n := b.doc.Root.Get("service")
		ps.Add(n.Pos(), "service", "names a folder in the spool: want no / and no leading dot, got %q", s)
	}
}

// shared finds the group of the spool.
func (b *blueprint) shared(ps *config.Problems) {
	if b.keys.Spool.Group == "" {
		return
	}
	var err error
	if b.group, err = rights.Lookup(b.keys.Spool.Group); err != nil {
		n := b.doc.Root.Get("spool").Get("group")
		ps.Add(n.Pos(), n.Path(), "%v", err)
	}
}

func (b *blueprint) redaction() {
	with := map[string]record.Redaction{"mask": record.Mask, "hash": record.Hash, "drop": record.Drop}[b.keys.Redact.With]
	b.redact = record.NewRedactor(b.keys.Redact.Keys, with)
}

// filters checks the section filters.
func (b *blueprint) filters(ps *config.Problems) {
	b.named = map[string]filter.Name{}
	for name, n := range b.keys.Filters {
		var k filterKeys
		if n.IsZero() {
			ps.Add(n.KeyPos(), n.Path(), "is empty; want a map with the key name, or {} for one that lets all through")
			continue
		}
		start := len(*ps)
		config.Decode(n, ps, &k)
		if n.Get("()") == nil {
			*ps = append((*ps)[:start], b.ignoredKeys((*ps)[start:], everywhere)...)
		}
		if f := strings.TrimPrefix(k.Factory, "ext://"); f != "" && f != "logging.Filter" {
			at := n.Get("()")
			if b.passable(at, f, "it lets all through") {
				b.named[name] = ""
				continue
			}
			module, _, _ := strings.Cut(f, ".")
			ps.Add(at.Pos(), at.Path(), "Cannot resolve '%s': No module named '%s'; a filter of the application can't be had by its name in Python, there is logging.Filter", f, module)
		}
		text, ok := "", k.Name.IsZero()
		if !ok {
			text, ok = k.Name.Py(ps).(string)
		}
		if !ok {
			ps.Add(k.Name.Pos(), k.Name.Path(), "want the name of a logger, as a text")
		}
		b.named[name] = filter.Name(text)
	}
}

// filtersNamed are the filters that a handler or a logger names.
func (b *blueprint) filtersNamed(n *config.Node, names []string, ps *config.Problems) (list []filter.Name) {
	for i, name := range names {
		f, ok := b.named[name]
		if !ok {
			at := n.Get("filters").Items()[i]
			ps.Add(at.Pos(), at.Path(), "%s", unknownName("filter", name, slices.Sorted(maps.Keys(b.named))))
		}
		if slices.Index(names, name) == i { // twice is once
			list = append(list, f)
		}
	}
	return list
}

func (h *handlerPlan) filter(names []filter.Name) {
	for _, n := range names {
		h.tree.Filters = append(h.tree.Filters, n)
	}
}

// unknownName says that a name is not defined, and which ones are.
func unknownName(what, name string, known []string) string {
	if s := config.Suggest(name, known); s != "" {
		return fmt.Sprintf("no %s %q; did you mean %q? known: %s", what, name, s, strings.Join(known, ", "))
	}
	if len(known) == 0 {
		return fmt.Sprintf("no %s %q; none is defined", what, name)
	}
	return fmt.Sprintf("no %s %q; known: %s", what, name, strings.Join(known, ", "))
}

func (b *blueprint) sorted() []*handlerPlan {
	list := slices.Collect(maps.Values(b.handlers))
	sort.SliceStable(list, func(i, j int) bool { return list[i].name < list[j].name })
	return list
}

// logger checks one entry of loggers, or root.
func (b *blueprint) logger(name string, n *config.Node, ps *config.Problems) {
	if n == nil {
		return
	}
	if n.IsZero() && name != "" {
		ps.Add(n.KeyPos(), n.Path(), "is empty; take the key out, or write {}")
		return
	}
	var k loggerKeys
	start := len(*ps)
	config.Decode(n, ps, &k)
	*ps = append((*ps)[:start], b.ignoredKeys((*ps)[start:], everywhere)...)
	l := tree.LoggerConfig{Name: name, Level: levelOf(k.Level, ps), Propagate: k.Propagate == nil || bool(*k.Propagate)}
	if name == "root" {
		l.Name = ""
	}
	l.KeepLevel = k.Level.IsZero()
	l.KeepPropagate = k.Propagate == nil || name == "" // the section root has no propagate
	l.Filters = b.filtersNamed(n, k.Filters, ps)
	for i, hn := range k.Handlers {
		h := b.handlers[hn]
		if h == nil {
			at := n.Get("handlers")
			if items := at.Items(); i < len(items) {
				at = items[i]
			}
			ps.Add(at.Pos(), at.Path(), "%s", unknownName("handler", hn, slices.Sorted(maps.Keys(b.handlers))))
			continue
		}
		h.used = true
		if !slices.Contains(l.Handlers, h.tree) {
			l.Handlers = append(l.Handlers, h.tree)
		}
	}
	b.loggers = append(b.loggers, l)
}

// dir is what paths of spooled handlers and the spool are relative to.
func (b *blueprint) dir() string {
	d := b.doc.Dir()
	if abs, err := filepath.Abs(d); err == nil {
		return abs
	}
	return d
}

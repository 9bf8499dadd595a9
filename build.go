package girok

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/deliver"
	"github.com/girok/girok/filter"
	"github.com/girok/girok/format"
	"github.com/girok/girok/internal/rights"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/file"
	"github.com/girok/girok/source"
	"github.com/girok/girok/spool"
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
	decode("top", doc.Root, &ps, &b.keys)
	ps = ignoredKeys(doc, ps)
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

// ignoredKeys turns what is said of keys that nobody knows into warnings: Python
// does not look at them, and cfg:// may. One that is nearly a known key is a mistake.
func ignoredKeys(doc *config.Document, ps config.Problems) (left config.Problems) {
	for _, p := range ps {
		if strings.HasPrefix(p.Msg, "unknown key") && !strings.Contains(p.Path, ".") && !strings.Contains(p.Msg, "did you mean") {
			p.Msg, p.Hint = "nothing here reads this key", ""
			doc.Warnings = append(doc.Warnings, p)
			continue
		}
		left = append(left, p)
	}
	return left
}

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

func (b *blueprint) formatters(ps *config.Problems) map[string]format.Formatter {
	all := map[string]format.Formatter{}
	for name, n := range b.keys.Formatters {
		all[name] = b.formatter(n, ps)
	}
	return all
}

func (b *blueprint) formatter(n *config.Node, ps *config.Problems) format.Formatter {
	var k format.Keys
	if n.IsZero() {
		ps.Add(n.KeyPos(), n.Path(), "is empty; want a map with the key format")
		return format.Default(b.location)
	}
	start := len(*ps)
	decode("formatter", n, ps, &k)
	*ps = append((*ps)[:start], foreignKeys(n, (*ps)[start:])...)
	f, err := k.New(b.location)
	if err == nil {
		return b.sinceStart(format.OfService(f, b.keys.Service))
	}
	at, text := n, err.Error()
	var key *format.KeyError
	if errors.As(err, &key) {
		at = n.Get(key.Key)
	}
	if key != nil && (key.Key == "class" || key.Key == "()") && b.passable(at, at.Raw(), "lines look as without a formatter") {
		*ps = (*ps)[:start]
		return format.Default(b.location)
	}
	var syntax *format.SyntaxError
	if errors.As(err, &syntax) {
		text = fmt.Sprintf("%s (character %d of the format)", syntax.Msg, syntax.Offset+1)
	}
	hint := ""
	if key != nil && (key.Key == "class" || key.Key == "()") {
		hint = insteadOf(at.Raw())
	}
	ps.AddHint(at.Pos(), at.Path(), hint, "%s", text)
	return format.Default(b.location)
}

// sinceStart is a formatter that counts from the process's clock, if that is a test's.
func (b *blueprint) sinceStart(f format.Formatter) format.Formatter {
	t, ok := f.(interface {
		Of(pid int, started time.Time) format.Formatter
	})
	if b.now == nil || !ok {
		return f
	}
	return t.Of(os.Getpid(), b.began())
}

// began is when the process began by its clock, if that is a test's.
func (b *blueprint) began() time.Time {
	for _, o := range b.opts {
		if s, ok := o.(began); ok {
			return time.Time(s)
		}
	}
	return b.now()
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// nearPython finds what is said of a key that is nearly one of Python's formatters.
var nearPython = regexp.MustCompile(`did you mean "(class|format|datefmt|style|validate|defaults)"`)

// foreignKeys does with keys that are not known as Python's formatters do: what
// logging.Formatter does not know it ignores, unless it is nearly what is known; a
// factory wants names.
func foreignKeys(n *config.Node, ps config.Problems) (left config.Problems) {
	class := n.Get("class").Raw()
	for _, p := range ps {
		if strings.HasPrefix(p.Msg, "unknown key") {
			key := p.Path[strings.LastIndexByte(p.Path, '.')+1:]
			switch {
			case n.Get("()") != nil && !identifier.MatchString(key):
				p.Msg = fmt.Sprintf("Not a valid Python identifier: '%s'", key)
			case n.Get("()") != nil:
				p.Msg = fmt.Sprintf("Formatter.__init__() got an unexpected keyword argument '%s'", key)
			case (class == "" || strings.Contains(class, ".")) && !nearPython.MatchString(p.Msg):
				continue
			}
		}
		left = append(left, p)
	}
	return left
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
		decode("filter", n, ps, &k)
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
		b.spooled(h, file.Kind, ps)
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
		decode("handler", n, ps, &d, h.out)
	} else if isKind {
		var start = len(*ps)
		h.out = &network{kind, kind.Decode(n, ps, &d, new(spooledKey))}
		sayLater("handler", (*ps)[start:])
	} else if out := b.externalNamed(n, class); out != nil {
		h.out, h.tree.Caller = out, true
		decode("handler", n, ps, &d)
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
	h.cfg = c
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

func (b *blueprint) spooled(h *handlerPlan, kind sink.Kind, ps *config.Problems) {
	var common sink.Common
	start := len(*ps)
	h.kind, h.spooled = kind, true
	h.cfg = kind.Decode(h.node, ps, &common)
	sayLater("handler", (*ps)[start:])
	h.tree.Level = levelOf(common.Level, ps)
	h.tree.Accepts = acceptsOf(h.node, common.Accepts, h.tree.Accepts, ps)
	h.filter(b.filtersNamed(h.node, common.Filters, ps))
	if c, ok := h.cfg.(interface{ NeedsCaller() bool }); ok {
		h.tree.Caller = c.NeedsCaller()
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
	decode("logger", n, ps, &k)
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

// runConfig is what a run of the spool keeps.
func (b *blueprint) runConfig() (spool.RunConfig, error) {
	host, _ := os.Hostname()
	c := spool.RunConfig{
		Service: b.keys.Service, Version: buildVersion(), Host: host,
		Timezone: b.keys.Timezone, Dir: b.dir(), Durable: b.keys.Spool.Durability == "disk",
	}
	for _, h := range b.sorted() {
		if !h.spooled || !h.used {
			continue
		}
		keys, err := b.keysOf(h)
		if err != nil {
			return c, err
		}
		c.Handlers = append(c.Handlers, spool.HandlerConfig{Bit: h.tree.Bit, Name: h.name, Class: h.kindName(), Keys: keys})
	}
	if len(c.Handlers) > 0 {
		c.GapMask = tree.New(tree.Config{Loggers: b.loggers}).Node(deliver.GapLogger).Takers(record.Error) & c.Mask()
	}
	return c, nil
}

// keys is a spooled handler's keys as the run keeps them.
func (b *blueprint) keysOf(h *handlerPlan) (json.RawMessage, error) {
	keys, err := h.node.JSON(h.keepsSecret)
	if err != nil {
		return nil, err
	}
	put := map[string]any{}
	formatter := (*config.Node)(nil)
	switch c := h.cfg.(type) {
	case file.Config:
		put["filename"], formatter = c.Filename, c.Formatter
	case sink.Behind:
		formatter = c.Formatter
	default:
		if h.foreign {
			formatter = b.keys.Formatters[h.node.Get("formatter").Raw()]
		}
	}
	if formatter != nil {
		f, err := formatter.JSON(nil)
		if err != nil {
			return nil, err
		}
		put["formatter"] = json.RawMessage(f)
	}
	if len(put) == 0 {
		return keys, nil
	}
	var all map[string]any
	if err := json.Unmarshal(keys, &all); err != nil {
		return nil, err
	}
	maps.Copy(all, put)
	return json.Marshal(all)
}

// kindName is the kind of a spooled handler.
func (h *handlerPlan) kindName() string {
	if h.foreign {
		return h.class
	}
	return h.kind.Name()
}

// looksSecret finds keys that may hold a secret of a kind that is not known.
var looksSecret = regexp.MustCompile(`(?i)pass|secret|token|key|credential|dsn|auth|ur[il]$`)

// keepsSecret reports whether a key holds a secret: it stays a reference.
func (h *handlerPlan) keepsSecret(path string) bool {
	if h.foreign {
		return looksSecret.MatchString(path[strings.LastIndexByte(path, '.')+1:])
	}
	for _, o := range config.Reference(h.node.Path(), h.kind.Defaults()) {
		if o.Secret && o.Key == path {
			return true
		}
	}
	return false
}

// buildVersion is the version of the main module, or its commit.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(len(s.Value), 12)]
		}
	}
	return ""
}

package girok

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/girok/girok/config"
	"github.com/girok/girok/filter"
	"github.com/girok/girok/format"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/file"
	"github.com/girok/girok/tree"
)

// output is what a class of direct handlers has of its own, decoded from the
// handler's keys. check, if there is one, is called when all handlers are known.
type output interface {
	place() (where, guarantee string)
	open(b *blueprint, h *handlerPlan, report report) tree.Direct
}

// report tells the operator what went wrong.
type report func(msg string, args ...any)

// directClass is a class of direct handlers that every program has.
type directClass struct {
	names []string // the first one is for the reference
	doc   string
	keys  func() output // a pointer to a struct with the defaults
}

// pythonClass is a class with Python's name alone.
func pythonClass(name, doc string, keys func() output) directClass {
	return directClass{[]string{"logging.handlers." + name}, doc, keys}
}

// directClasses is a function because the outputs lead back to it.
func directClasses() []directClass {
	return []directClass{
		{[]string{"console", "logging.StreamHandler"}, "Also `logging.StreamHandler`. Written in the call.", func() output { return &consoleKeys{Stream: defaultStream, Mode: "blocking"} }},
		{[]string{"file", "logging.FileHandler"}, "Also `logging.FileHandler`. Written in the call.", func() output { return &fileHandlerKeys{fileKeysOf: fileKeysOf{Mode: "a"}} }},
		pythonClass("WatchedFileHandler", "A file that is opened anew when another program has moved it. Written in the call.", func() output { return &watchedKeys{fileKeysOf{Mode: "a"}} }),
		pythonClass("RotatingFileHandler", "A file that is put aside before it becomes too long. Written in the call.", func() output { return &rotatingKeys{fileKeysOf: fileKeysOf{Mode: "a"}} }),
		pythonClass("TimedRotatingFileHandler", "A file that is put aside when it is time. Written in the call.", func() output { return &timedKeys{When: "h", Interval: 1} }),
		pythonClass("MemoryHandler", "Holds records back until a bad one comes. A kill loses what it holds.", func() output { return &memoryKeys{} }),
		pythonClass("QueueHandler", "Writes with other handlers, behind the call. A kill loses what is in the queue.", func() output { return &queueKeys{} }),
		{[]string{"logging.NullHandler", "null"}, "Also `null`, unless the program has the store of this name. Writes nothing.", func() output { return &nullKeys{} }},
	}
}

// classNamed finds a class of direct handlers; nil if there is none.
func classNamed(class string) *directClass {
	for _, c := range directClasses() {
		if slices.Contains(c.names, class) {
			return &c
		}
	}
	return nil
}

// classOf is the class of a handler as it is written, and by the one name that it
// has here. A factory that is the name of a class is that class.
func classOf(n *config.Node) (written, class string, at *config.Node) {
	at = n.Get("class")
	if at == nil {
		at = n.Get("()")
	}
	switch {
	case at.Kind() == config.Scalar:
		written = at.Raw()
	case at.Kind() == config.Null && at.Raw() == "null":
		return "null", "null", at // unquoted it is YAML's null, and what else could be meant
	default:
		return "", "", at
	}
	class = strings.TrimPrefix(written, "ext://")
	if rest, ok := strings.CutPrefix(class, "logging.handlers.logging."); ok {
		class = "logging." + rest // the package has the other one's name in it
	}
	return written, class, at
}

// kindOf finds a kind of direct handlers among the options.
func directKind(opts []Option, class string) (sink.Direct, bool) {
	for _, k := range directKindsOf(opts) {
		if k.Class() == class {
			return k, true
		}
	}
	return sink.Direct{}, false
}

// network is a handler of a kind that the program gave as an option.
type network struct {
	kind sink.Direct
	cfg  sink.DirectConfig
}

func (n *network) place() (where, guarantee string) {
	return n.cfg.Place(), fmt.Sprintf("sent in the call, which waits %v at most; what the other side does not take is lost", sink.Patience)
}

func (n *network) open(b *blueprint, h *handlerPlan, _ report) tree.Direct {
	env := sink.DirectEnv{Append: h.format.Append, Location: b.location}
	if b.now != nil {
		env.Started = b.began()
	}
	return n.kind.Open(env, n.cfg)
}

type nullKeys struct{}

func (*nullKeys) place() (where, guarantee string) { return "", "writes nothing" }

func (*nullKeys) open(*blueprint, *handlerPlan, report) tree.Direct { return nothing{} }

// nothing is Python's NullHandler.
type nothing struct{}

func (nothing) Handle(*record.View) error { return nil }

// direct checks the keys of a direct handler. common are the keys that all have.
func (b *blueprint) direct(h *handlerPlan, d *directKeys, formatters map[string]format.Formatter, ps *config.Problems) {
	h.tree.Level = levelOf(d.Level, ps)
	h.tree.Accepts = acceptsOf(h.node, d.Accepts, h.tree.Accepts, ps)
	h.filter(b.filtersNamed(h.node, d.Filters, ps))
	h.format = b.unformatted(h.class)
	if isTrue(h.node.Get("formatter"), ps) {
		f, ok := formatters[d.Formatter]
		if !ok {
			at := h.node.Get("formatter")
			ps.Add(at.Pos(), at.Path(), "%s", unknownName("formatter", d.Formatter, slices.Sorted(maps.Keys(formatters))))
			return
		}
		h.format = f
		h.formatText = text(b.keys.Formatters[d.Formatter])
	}
	h.formatText += "\n" + b.location.String()
	h.outputText = outputText(h)
	switch h.format.(type) {
	case *format.Text, *format.PyJSON:
		if h.formats() {
			h.tree.Shows = h.format
		}
	}
	if k, ok := h.out.(interface{ encodes([]file.Encodings) error }); ok {
		if err := k.encodes(encodingsOf(b.opts)); err != nil {
			at := h.node.Get("encoding")
			ps.Add(at.Pos(), at.Path(), "%v", err)
		}
	}
	if k, ok := h.out.(interface{ packs(file.Zstd) error }); ok {
		if err := k.packs(zstdOf(b.opts)); err != nil {
			at := h.node.Get("compress")
			ps.Add(at.Pos(), at.Path(), "%v", err)
		}
	}
	switch out := h.out.(type) {
	case *fileHandlerKeys:
		h.tree.Ends = out.Mode == "w"
	case *watchedKeys:
		h.tree.Ends = out.Mode == "w"
	case *memoryKeys:
		h.tree.Ends = true // CPython's forgets its target
	}
	switch h.out.(type) {
	case *nullKeys, *memoryKeys:
	case *network, *externalKeys:
		h.tree.Caller = true
	default:
		h.tree.Caller = h.format.NeedsCaller()
	}
}

// formats reports whether the handler makes lines of records. CPython's that don't
// leave nothing in the record, whatever their formatter.
func (h *handlerPlan) formats() bool {
	switch h.out.(type) {
	case *nullKeys, *memoryKeys:
		return false
	case *network:
		name := className(h.class)
		return name == "SysLogHandler" || name == "SMTPHandler"
	}
	return true
}

// isTrue is Python's truth of a value: no, 0 and an empty text are not.
func isTrue(n *config.Node, ps *config.Problems) bool {
	var t config.Truth
	t.FromNode(n, ps)
	return bool(t)
}

// unformatted is how a handler without a formatter writes lines: the message alone
// where the class has Python's name.
func (b *blueprint) unformatted(class string) format.Formatter {
	if strings.HasPrefix(class, "logging.") {
		return messageOnly()
	}
	return format.Default(b.location)
}

// outputText is all that a handler's output is made of; two that are the same write
// to the same place in the same way.
func outputText(h *handlerPlan) string {
	all := []string{h.class}
	for _, k := range h.node.Keys() {
		switch k.Name {
		case "class", "()", "level", "accepts", "filters", "formatter":
		default:
			all = append(all, k.Name+": "+text(h.node.Get(k.Name)))
		}
	}
	slices.Sort(all[1:])
	return strings.Join(all, "\n")
}

// behind finds the handlers that another one feeds, and what is wrong with them.
func (b *blueprint) behind(ps *config.Problems) {
	for _, h := range b.sorted() {
		f, ok := h.out.(feeder)
		if !ok {
			continue
		}
		for _, at := range f.feeds(h.node, ps) {
			name := at.Raw()
			to := b.handlers[name]
			switch {
			case to == nil:
				ps.Add(at.Pos(), at.Path(), "%s", unknownName("handler", name, slices.Sorted(maps.Keys(b.handlers))))
				continue
			case to.spooled:
				ps.Add(at.Pos(), at.Path(), "the handler %q is spooled, and holds no call up: let the logger name it itself", name)
				continue
			}
			to.used = to.used || h.used
			h.feeds = append(h.feeds, to)
		}
	}
	for _, h := range b.sorted() {
		if h.leadsTo(h, len(b.handlers)) {
			ps.Add(h.node.KeyPos(), h.node.Path(), "its records come back to itself")
			return
		}
		h.tree.Caller = h.tree.Caller || h.needsCaller(len(b.handlers))
	}
}

// feeder is an output that gives its records to other handlers.
type feeder interface {
	// feeds are their names.
	feeds(n *config.Node, ps *config.Problems) []*config.Node
}

// leadsTo reports whether the handler's records come to another one, over steps
// handlers at most.
func (h *handlerPlan) leadsTo(other *handlerPlan, steps int) bool {
	return steps > 0 && slices.ContainsFunc(h.feeds, func(to *handlerPlan) bool { return to == other || to.leadsTo(other, steps-1) })
}

func (h *handlerPlan) needsCaller(steps int) bool {
	return steps > 0 && slices.ContainsFunc(h.feeds, func(to *handlerPlan) bool { return to.tree.Caller || to.needsCaller(steps-1) })
}

// markFed marks what handlers that loggers use give their records to.
func (b *blueprint) markFed() {
	for range b.handlers {
		for _, h := range b.handlers {
			for _, to := range h.feeds {
				to.used = to.used || h.used
			}
		}
	}
}

// take gives a record to a handler from another one in front of it. As in Python
// its level is looked at only if that one says so; its filters always are.
func (h *handlerPlan) take(v *record.View, level bool) error {
	t := h.tree
	if h.ended.Load() || t.Accepts&(1<<v.Kind) == 0 || level && v.Kind == record.Log && v.Level < t.Level {
		return nil
	}
	if !filter.All(t.Filters).Pass(v) {
		return nil
	}
	err := t.Direct.Handle(v)
	if by, ok := t.Shows.(format.Formatter); ok {
		v.Show(format.Again(v.Shown(), by))
	}
	return err
}

// openDirect opens the direct handlers. A file is made even if no logger names
// its handler, as in Python. Those of old, which may be nil, that did not change are
// taken over; it returns those that are not used any more, which have to be retired
// in this order.
func (b *blueprint) openDirect(old *blueprint, report report) (unused []*handlerPlan) {
	taken := map[string]bool{}
	for _, h := range b.sorted() {
		switch {
		case h.spooled:
		case old != nil && (b.others == tree.ResetOthers || b.others == tree.LeaveOthers) && old.handlers[h.name] != nil && old.handlers[h.name].sameOutput(h):
			h.tree.Direct = old.handlers[h.name].tree.Direct
			taken[h.name] = true
		default:
			h.tree.Direct = h.out.open(b, h, report)
		}
	}
	if old == nil {
		return nil
	}
	for _, h := range old.closing() {
		if !taken[h.name] {
			unused = append(unused, h)
		}
	}
	return unused
}

// retirer is a direct handler that gives back what it has when another one has
// taken its place. Calls that are under way may still come to it.
type retirer interface {
	tree.Direct
	Retire() error
}

// retire gives back what the handler has, if that is anything.
func (h *handlerPlan) retire() error {
	if r, ok := h.tree.Direct.(retirer); ok {
		return r.Retire()
	}
	return nil
}

// closing lists the direct handlers in the order in which they are closed: those
// that give their records to others before these.
func (b *blueprint) closing() []*handlerPlan {
	var list []*handlerPlan
	seen := map[*handlerPlan]bool{}
	var add func(h *handlerPlan)
	add = func(h *handlerPlan) {
		if !seen[h] && !h.spooled {
			seen[h] = true
			for _, to := range h.feeds {
				add(to)
			}
			list = append(list, h)
		}
	}
	for _, h := range b.sorted() {
		add(h)
	}
	slices.Reverse(list)
	return list
}

// closeDirect closes the direct handlers.
func (b *blueprint) closeDirect() error {
	var first error
	for _, h := range b.closing() {
		if c, ok := h.tree.Direct.(io.Closer); ok {
			if err := c.Close(); err != nil && first == nil {
				first = fmt.Errorf("handler %s: %w", h.name, err)
			}
		}
	}
	return first
}

// sameOutput reports whether two direct handlers write the same to the same place.
func (h *handlerPlan) sameOutput(other *handlerPlan) bool {
	return !h.spooled && !other.spooled && h.outputText == other.outputText && h.formatText == other.formatText &&
		len(h.feeds)+len(other.feeds) == 0
}

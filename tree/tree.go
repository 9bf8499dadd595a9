// Package tree routes records: loggers with dotted names, levels and
// propagation as Python's logging has them, behind log/slog's Handler. It
// declares what it calls; the root package wires the spool and the handlers in.
package tree

import (
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/girok/girok/filter"
	"github.com/girok/girok/record"
)

// Appender takes frames for the spooled handlers: the spool. Its methods must be
// safe for concurrent use and must not keep payload. Both return Config.Moved,
// and store and count nothing, once another configuration has been applied and its
// Appender takes the records.
type Appender interface {
	// Append counts what it can't take as lost.
	Append(payload []byte) (position uint64, err error)
	// TryAppend is for what its sender can give again: it loses nothing for it,
	// and counts nothing.
	TryAppend(payload []byte) (position uint64, err error)
}

// Direct is a handler that writes in the call. It must be safe for concurrent
// use and must not keep the view.
type Direct interface {
	Handle(v *record.View) error
}

// Straight is a Direct that can take a log without a frame. ok is false, and
// nothing is written, when it needs one. It must not keep the log.
type Straight interface {
	HandleCall(c *record.Call) (ok bool, err error)
}

// Handler is one handler of the configuration, spooled or direct.
type Handler struct {
	Name    string
	Level   record.Level
	Accepts uint8 // bit set of record kinds
	Caller  bool  // it shows where the call stands
	Direct  Direct
	Bit     int // of the mask, if Direct is nil
	Filters []filter.Filter
	// Shows is how the handler shows a record, if handlers after it can tell: see record.View.
	Shows any
	// Ends: nothing comes out of it once another configuration is applied, though a
	// logger keeps it (see KeepOthers). Python closes a file of mode w for good.
	Ends bool
}

// Takes is the bit set of kinds for Handler.Accepts.
func Takes(kinds ...record.Kind) (set uint8) {
	for _, k := range kinds {
		set |= 1 << k
	}
	return set
}

// LoggerConfig configures one logger; the root logger's name is "".
type LoggerConfig struct {
	Name      string
	Level     record.Level // NotSet: the parent's
	Handlers  []*Handler
	Filters   []filter.Name // for what is logged here, not for what comes from below
	Propagate bool
	// KeepLevel and KeepPropagate: the configuration does not say, so they stay what
	// they are; of a logger that is new, NotSet (the root's WARNING) and true.
	// KeepHandlers: so do they, and the filters.
	KeepLevel, KeepPropagate, KeepHandlers bool
}

// Config is what a tree is made of.
type Config struct {
	Loggers    []LoggerConfig
	Redact     *record.Redactor
	Appender   Appender // nil if no handler is spooled
	Moved      error    // see Appender
	LastResort Direct   // takes WARNING and above where no handler is found
	// Stack is from which level on a log has the stack of its call, and the causes of
	// its errors; NotSet: none has.
	Stack  record.Level
	Others Others // what becomes of loggers that are there and that Loggers does not name
	// Failed is told of a handler that returned an error. It must be quick and
	// safe for concurrent use.
	Failed func(handler string, err error)
}

// Others is what a configuration does with the loggers that are there already and
// that it does not name.
type Others uint8

// What a configuration can do with them. KeepOthers and DisableOthers are the rules
// of Python: they stay what they were set to, handlers included, and those below a
// logger that is named forget it.
const (
	// ResetOthers: the configuration is all there is; they are as if it were the first.
	ResetOthers Others = iota
	KeepOthers
	// DisableOthers: and their logs go nowhere.
	DisableOthers
	// LeaveOthers: KeepOthers that disables and enables nobody, and resets none.
	LeaveOthers
)

// Tree is a logger tree. Its methods are safe for concurrent use.
type Tree struct {
	callers record.Callers
	unshown atomic.Uint64 // records that found no handler and were below WARNING

	mu    sync.Mutex
	mute  record.Level // see Disable
	cfg   *Config      // never changes; another one takes its place
	nodes map[string]*Node
}

// New makes a tree.
func New(cfg Config) *Tree {
	t := &Tree{nodes: map[string]*Node{}}
	t.Apply(cfg)
	return t
}

// Apply puts another configuration in the place of the tree's. Loggers that the
// program holds follow it; what SetLevel set is forgotten. A call that is under
// way ends by the configuration of before; records for its Appender still come to
// it until that says that it has moved.
func (t *Tree) Apply(cfg Config) {
	if cfg.Failed == nil {
		cfg.Failed = func(string, error) {}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cfg = &cfg
	named := map[string]bool{}
	for _, l := range cfg.Loggers {
		named[canonical(l.Name)] = true
	}
	t.reset(&cfg, named)
	seen := map[*Node]bool{} // the root may come twice
	for _, l := range cfg.Loggers {
		n := t.node(canonical(l.Name))
		if n.set = true; !l.KeepHandlers {
			n.handlers = l.Handlers
			switch {
			case cfg.Others == LeaveOthers && len(n.filters) > 0: // an incremental configuration has none
			case cfg.Others == ResetOthers && !seen[n]:
				n.filters = l.Filters
			default: // Python adds to those that the logger has
				n.filters = slices.Clip(n.filters)
				for _, f := range l.Filters {
					if !seen[n] || !slices.Contains(n.filters, f) {
						n.filters = append(n.filters, f)
					}
				}
			}
		}
		seen[n] = true
		if !l.KeepLevel {
			n.level = l.Level
		}
		if !l.KeepPropagate {
			n.propagate = l.Propagate
		}
	}
	t.recompile()
}

// reset makes of the loggers that are there what the configuration begins with.
func (t *Tree) reset(cfg *Config, named map[string]bool) {
	root, first := t.nodes[""], t.nodes[""] == nil
	if first {
		root = t.node("")
		root.set = true
	}
	for name, n := range t.nodes {
		switch {
		case cfg.Others == ResetOthers:
			n.level, n.handlers, n.filters, n.propagate = record.NotSet, nil, nil, true
		case cfg.Others != LeaveOthers && !named[name] && below(name, named):
			n.level, n.handlers, n.propagate = record.NotSet, nil, true
		default:
			n.handlers = kept(n.handlers)
		}
		switch {
		case name == "" || named[name]:
			n.disabled = false
		case cfg.Others == LeaveOthers || !n.set || below(name, named):
		default:
			n.disabled = cfg.Others == DisableOthers
		}
	}
	if first || cfg.Others == ResetOthers {
		root.level = record.Warning
	}
}

// kept are the handlers that a logger still has under another configuration. The
// spool of now has others than that of before; one that Ends is there, and silent.
func kept(old []*Handler) (list []*Handler) {
	for _, h := range old {
		switch {
		case h.Direct == nil:
		case h.Ends:
			silent := *h
			silent.Direct, silent.Ends, silent.Shows = ended{}, false, nil
			list = append(list, &silent)
		default:
			list = append(list, h)
		}
	}
	return list
}

type ended struct{}

func (ended) Handle(*record.View) error { return nil }

// Uses reports whether a logger has the handler.
func (t *Tree) Uses(d Direct) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.nodes {
		if slices.ContainsFunc(n.handlers, func(h *Handler) bool { return h.Direct == d }) {
			return true
		}
	}
	return false
}

// below reports whether a logger lies below one of those that are named.
func below(name string, named map[string]bool) bool {
	for {
		i := strings.LastIndexByte(name, '.')
		if i < 0 {
			return false
		}
		if name = name[:i]; named[name] {
			return true
		}
	}
}

// node finds or makes a node; the caller holds mu or is New.
func (t *Tree) node(name string) *Node {
	if n := t.nodes[name]; n != nil {
		return n
	}
	n := &Node{tree: t, name: name, propagate: true}
	t.nodes[name] = n
	return n
}

// canonical is a logger's name as a key: "root" is the root logger.
func canonical(name string) string {
	if name == "root" {
		return ""
	}
	return name
}

// Node returns the logger of a name.
func (t *Tree) Node(name string) *Node {
	name = canonical(name)
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.node(name)
	n.set = true
	if n.plan.Load() == nil {
		t.compile(n)
	}
	return n
}

// SetLevel sets a logger's level; NotSet inherits again.
func (t *Tree) SetLevel(name string, level record.Level) {
	name = canonical(name)
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.node(name)
	n.level, n.set = level, true
	t.recompile()
}

// Disable keeps logs of a level and below it from every handler, whatever the
// levels of loggers are, until it is called with NotSet.
func (t *Tree) Disable(level record.Level) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mute = level
	t.recompile()
}

// Unshown is how many records found no handler and were below WARNING.
func (t *Tree) Unshown() uint64 { return t.unshown.Load() }

func (t *Tree) recompile() {
	for _, n := range t.nodes {
		t.compile(n)
	}
}

// parent is the nearest logger above a name that is no place-holder.
func (t *Tree) parent(name string) *Node {
	for name != "" {
		i := strings.LastIndexByte(name, '.')
		name = name[:max(i, 0)]
		if n := t.nodes[name]; n != nil && n.set {
			return n
		}
	}
	return nil
}

// Loggers lists the loggers that are no place-holders, by name.
func (t *Tree) Loggers() []LoggerConfig {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []LoggerConfig
	for _, n := range t.nodes {
		if n.set {
			list = append(list, n.settings())
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

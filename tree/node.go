package tree

import (
	"log/slog"
	"sync/atomic"

	"github.com/girok/girok/filter"
	"github.com/girok/girok/record"
)

// Node is one logger.
type Node struct {
	tree    *Tree
	name    string
	enabled atomic.Int64 // the lowest slog level that reaches anything
	plan    atomic.Pointer[plan]

	// guarded by tree.mu
	level     record.Level
	handlers  []*Handler
	filters   []filter.Name
	propagate bool
	set       bool // configured, or asked for: no place-holder
	disabled  bool // its logs go nowhere
}

// Level is the effective level of the logger.
func (n *Node) Level() record.Level { return n.plan.Load().effective }

// Takers is the mask of the spooled handlers that a log of a level goes to, whatever
// their filters that look at records say.
func (n *Node) Takers(level record.Level) uint64 {
	mask, _ := n.plan.Load().route(record.Log, level)
	return mask
}

// Enabled reports whether a log of this level is not dropped by the logger, by its
// being disabled or by Tree.Disable; whether a handler takes it is another thing.
func (n *Node) Enabled(level record.Level) bool {
	p := n.plan.Load()
	return level >= p.level && !p.disabled
}

// Settings is what the logger itself is set to.
func (n *Node) Settings() LoggerConfig {
	n.tree.mu.Lock()
	defer n.tree.mu.Unlock()
	return n.settings()
}

func (n *Node) settings() LoggerConfig {
	return LoggerConfig{Name: n.name, Level: n.level, Handlers: n.handlers, Filters: n.filters, Propagate: n.propagate}
}

// Disabled reports whether a configuration has disabled the logger.
func (n *Node) Disabled() bool { return n.plan.Load().disabled }

// Parent is the logger to whose handlers its records go next; nil for the root.
func (n *Node) Parent() *Node {
	n.tree.mu.Lock()
	defer n.tree.mu.Unlock()
	return n.tree.parent(n.name)
}

// Handlers lists the handlers that the logger's records come to, its own first,
// then those of the loggers above it. One may stand in it twice: a direct handler
// then writes twice, as in Python.
func (n *Node) Handlers() (list []*Handler) {
	t := n.tree
	t.mu.Lock()
	defer t.mu.Unlock()
	for at := n; at != nil; at = t.parent(at.name) {
		list = append(list, at.handlers...)
		if !at.propagate {
			break
		}
	}
	return list
}

// Handler returns the logger as a slog.Handler.
func (n *Node) Handler() slog.Handler { return &handler{node: n} }

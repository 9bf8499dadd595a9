// Package source is the contract between girok run and the places where other
// programs' records come in: standard input, and what else a program has.
package source

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/girok/girok/config"
	"github.com/girok/girok/tree"
)

// Source brings records in.
type Source interface {
	// Run reads until there is nothing more (nil), until ctx ends (nil: what
	// was taken from a sender by then has been emitted), or until it can't go
	// on. It is called once.
	Run(ctx context.Context) error
}

// Env is what a source is opened with.
type Env struct {
	Name  string                      // of the source
	Node  func(logger string) Emitter // where the records of a logger go
	Stdin io.Reader                   // standard input; one source reads it
	Dir   string                      // relative paths are relative to it
	Log   *slog.Logger                // for what the operator should know
	Count *Counts                     // what the source counts
}

// Emitter is a logger of the tree: *tree.Node.
type Emitter interface {
	// Emit routes a record. After an error nothing of the record is kept, and a
	// source that can hold its sender back tries again.
	Emit(*tree.Entry) (spooled bool, err error)
}

// Counts is how a source fares. It is safe for concurrent use.
type Counts struct {
	Read    atomic.Uint64 // lines or requests taken from senders
	Spooled atomic.Uint64 // records that are in the spool
	Waits   atomic.Uint64 // times that a full spool made the sender wait
}

// Kind is one kind of source: a value in a list, not a registration. Make one
// with Define. A Kind is an Option of girok.Open.
type Kind struct {
	name, summary string
	single        bool
	defaults      func() any
	decode        func(n *config.Node, ps *config.Problems, common any) any
	open          func(env Env, c any) (Source, error)
}

// Common is what every source has beside its kind's own keys.
type Common struct {
	Class string `yaml:"class" doc:"kind of the source"`
}

// Define makes a kind. defaults is the one literal of default values. C's
// pointer may have the method Validate of package config.
func Define[C any](name, summary string, defaults C, open func(env Env, c C) (Source, error)) Kind {
	return Kind{
		name: name, summary: summary,
		defaults: func() any { c := defaults; return &c },
		decode: func(n *config.Node, ps *config.Problems, common any) any {
			c := defaults
			config.Decode(n, ps, common, &c)
			return c
		},
		open: func(env Env, c any) (Source, error) { return open(env, c.(C)) },
	}
}

// Once is the kind with the rule that a configuration has one source of it.
func (k Kind) Once() Kind {
	k.single = true
	return k
}

// Single reports whether a configuration can have only one source of the kind.
func (k Kind) Single() bool { return k.single }

// Name is what stands under `class:`.
func (k Kind) Name() string { return k.name }

// Summary says in a few words what the kind is.
func (k Kind) Summary() string { return k.summary }

// Reference lists the keys of a source.
func (k Kind) Reference() []config.Option {
	return append(config.Reference("", &Common{}), config.Reference("", k.defaults())...)
}

// GirokOption marks a Kind as an Option of girok.Open.
func (Kind) GirokOption() {}

// Plan is one source of a configuration, before it is opened.
type Plan struct {
	Name string
	Kind Kind
	keys any
}

// Plan checks a source's keys.
func (k Kind) Plan(name string, n *config.Node, ps *config.Problems) Plan {
	var c Common
	return Plan{Name: name, Kind: k, keys: k.decode(n, ps, &c)}
}

// Default is a source with the kind's default values.
func (k Kind) Default() Plan {
	var c Common
	return Plan{Name: k.name, Kind: k, keys: k.decode(nil, nil, &c)}
}

// Open opens the source.
func (p Plan) Open(env Env) (Source, error) { return p.Kind.open(env, p.keys) }

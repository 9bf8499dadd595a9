package sink

import (
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
)

// Patience is how long a direct handler makes a log call wait for a network, all
// in all.
const Patience = time.Second

// Direct is a kind of handler that writes in the log call, to a place that needs
// more than every program should link: one of Python's network handlers. It is a
// value in a list, as Kind is; make one with DefineDirect. A Direct is an Option
// of girok.Open.
type Direct struct {
	class, summary string
	defaults       func() any
	decode         func(n *config.Node, ps *config.Problems, common any) DirectConfig
	open           func(env DirectEnv, c DirectConfig) Writer
}

// DirectConfig is a kind's own configuration, decoded from its handler's keys.
type DirectConfig interface {
	// Place names where the records go.
	Place() string
}

// Writer writes in the log call. It must be safe for concurrent use, must not
// keep the view, and must return within Patience. An error means that the record
// is lost. It may be an io.Closer.
type Writer interface {
	Handle(v *record.View) error
}

// DirectEnv is what a direct handler is opened with.
type DirectEnv struct {
	// Append appends the line of a record, without a line end, as the handler's
	// formatter has it.
	Append   func(dst []byte, v *record.View) []byte
	Location *time.Location // never nil
}

// DefineDirect makes a kind. class is its name in Python. open touches nothing
// outside: circumstances are told by each record.
func DefineDirect[C DirectConfig](class, summary string, defaults C, open func(env DirectEnv, c C) Writer) Direct {
	return Direct{
		class: class, summary: summary,
		defaults: func() any { c := defaults; return &c },
		decode: func(n *config.Node, ps *config.Problems, common any) DirectConfig {
			c := defaults
			config.Decode(n, ps, common, &c)
			return c
		},
		open: func(env DirectEnv, c DirectConfig) Writer { return open(env, c.(C)) },
	}
}

// Class is what stands under `class:`.
func (d Direct) Class() string { return d.class }

// Summary says in a few words what the kind is.
func (d Direct) Summary() string { return d.summary }

// Defaults is a pointer to a new struct with the default values, for
// config.Reference.
func (d Direct) Defaults() any { return d.defaults() }

// Decode checks a handler's keys; those of common are not the kind's own.
func (d Direct) Decode(n *config.Node, ps *config.Problems, common any) DirectConfig {
	return d.decode(n, ps, common)
}

// Open makes the handler of a configuration that Decode returned.
func (d Direct) Open(env DirectEnv, c DirectConfig) Writer { return d.open(env, c) }

// GirokOption marks a Direct as an Option.
func (Direct) GirokOption() {}

// Directs are several kinds as one Option.
type Directs []Direct

// GirokOption marks a list of kinds as an Option.
func (Directs) GirokOption() {}

package sink

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
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
	decode         func(n *config.Node, ps *config.Problems, common ...any) DirectConfig
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
	Started  time.Time      // of the program; zero: as the package format knows it
	PID      int            // of the program; 0: this one
	Patience time.Duration  // how long one record may take; 0: Patience
	Keep     bool           // more records come soon: a connection that can serve several is kept
}

// DefineDirect makes a kind. class is its name in Python. open touches nothing
// outside: circumstances are told by each record.
func DefineDirect[C DirectConfig](class, summary string, defaults C, open func(env DirectEnv, c C) Writer) Direct {
	return Direct{
		class: class, summary: summary,
		defaults: func() any { c := defaults; return &c },
		decode: func(n *config.Node, ps *config.Problems, common ...any) DirectConfig {
			c := defaults
			config.Decode(n, ps, append(common, &c)...)
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
func (d Direct) Decode(n *config.Node, ps *config.Problems, common ...any) DirectConfig {
	return d.decode(n, ps, common...)
}

// Open makes the handler of a configuration that Decode returned.
func (d Direct) Open(env DirectEnv, c DirectConfig) Writer { return d.open(env, c) }

// GirokOption marks a Direct as an Option.
func (Direct) GirokOption() {}

// Directs are several kinds as one Option.
type Directs []Direct

// GirokOption marks a list of kinds as an Option.
func (Directs) GirokOption() {}

// Address is where a direct handler sends: a text, or a list of host and port.
type Address struct {
	Text string // "" with a pair
	Host string
	Port int
}

// FromNode implements config.Unmarshaler.
func (a *Address) FromNode(n *config.Node, ps *config.Problems) {
	switch n.Kind() {
	case config.None, config.Null:
	case config.Scalar:
		*a = Address{}
		config.DecodeValue(n, ps, &a.Text)
	default:
		items := n.Items()
		if len(items) != 2 {
			ps.Add(n.Pos(), n.Path(), "want a text, or a list of a host and a port")
			return
		}
		*a = Address{}
		config.DecodeValue(items[0], ps, &a.Host)
		config.DecodeValue(items[1], ps, &a.Port)
	}
}

// DescribeType implements config.Describer.
func (Address) DescribeType() string { return "a text, or a list of a host and a port" }

// HostPort is the pair as package net has it.
func (a Address) HostPort() string {
	host := a.Host
	if strings.Contains(host, ":") { // of IPv6
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(a.Port)
}

// Credentials are a name and a password.
type Credentials []config.Secret

// Given reports whether there are any.
func (c Credentials) Given() bool { return len(c) > 0 }

// Check reports what can't be right about the value of a key.
func (c Credentials) Check(at *config.At, key string) {
	if len(c) != 0 && len(c) != 2 {
		at.Problem(key, "want a list of a name and a password")
	}
}

// Reveal gives both.
func (c Credentials) Reveal() (name, password string, err error) {
	if name, err = c[0].Reveal(); err != nil {
		return "", "", err
	}
	password, err = c[1].Reveal()
	return name, password, err
}

// Pause keeps a network that does not answer from making every log call wait: after
// a try that has taken long and failed, the next ones fail at once for a while. It
// is not safe for concurrent use.
type Pause struct {
	Patience time.Duration // of a try; 0: Patience

	until time.Time
	long  time.Duration
}

// maxPause is the longest time without a try, and slow what a try may take.
const (
	maxPause = 30 * time.Second
	slow     = Patience / 4
)

// Do runs a try, unless there is a pause.
func (p *Pause) Do(try func(deadline time.Time) error) error {
	start := time.Now()
	if start.Before(p.until) {
		return fmt.Errorf("it did not answer in time, and is tried again in %v", p.until.Sub(start).Round(time.Second/10))
	}
	err := try(start.Add(cmp.Or(p.Patience, Patience)))
	switch end := time.Now(); {
	case err == nil:
		p.long = 0
	case end.Sub(start) > slow:
		p.long = min(max(2*p.long, Patience), maxPause)
		p.until = end.Add(p.long)
	}
	return err
}

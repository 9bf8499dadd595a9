package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/format"
	"github.com/girok/girok/record"
)

// patient is how long a record may take that no log call waits for.
const patient = 10 * time.Second

// Behind is the kind of a direct handler's class with `spooled: true`: what it sends
// comes from the spool, and is sent again until it is taken.
func (d Direct) Behind() Kind {
	return Kind{
		name: d.class, class: None, summary: d.summary,
		defaults: d.defaults,
		decode: func(n *config.Node, ps *config.Problems, common any) Config {
			c := behindDefaults()
			c.Direct = d.decode(n, ps, common, &c.BehindKeys)
			return c
		},
		open: func(_ context.Context, env Env, c Config) (Sink, error) { return openBehind(d, env, c.(Behind)) },
	}
}

// Behind is the configuration of such a handler.
type Behind struct {
	BehindKeys
	Direct DirectConfig
}

// BehindKeys are the keys that it has beside those of its class.
type BehindKeys struct {
	Spooled   bool         `yaml:"spooled" doc:"true: sent from the spool, in order, again until it is taken; without it in the log call"`
	Formatter *config.Node `yaml:"formatter" doc:"name of a formatter"`
	Batch     Limits       `yaml:"batch" doc:"with spooled: true, how many records are taken from the spool at a time"`
}

func behindDefaults() Behind {
	return Behind{BehindKeys: BehindKeys{Batch: Limits{Records: 1000, Bytes: 1 << 20, Age: config.Duration(time.Second)}}}
}

// Endpoint is of the handler alone: nothing there is owned by one process.
func (c Behind) Endpoint(env Env) string {
	return c.Direct.Place() + " for " + env.Service + " " + env.Handler
}

// Target is empty.
func (c Behind) Target() string { return "" }

// Limits is when batches are cut.
func (c Behind) Limits() Limits { return c.Batch }

// Guarantee says what is guaranteed.
func (c Behind) Guarantee() string {
	return "at least once, in order: a record is sent until it is taken, and again when the answer was lost or the program died in between; where the protocol has no answers (syslog, pickles), what was under way when a connection broke may be lost"
}

// NamedFormatter is the key that names a formatter; WithFormatter is c with its keys in
// the place of the name, for whoever delivers.
func (c Behind) NamedFormatter() *config.Node { return c.Formatter }

// WithFormatter is c with a formatter's keys.
func (c Behind) WithFormatter(keys *config.Node) Config {
	c.Formatter = keys
	return c
}

// NeedsCaller reports that the caller may be shown.
func (c Behind) NeedsCaller() bool { return true }

// Partly says that a record is in, though not everywhere where it should be. It is
// told, and not sent again.
type Partly struct{ Err error }

func (e *Partly) Error() string { return e.Err.Error() }
func (e *Partly) Unwrap() error { return e.Err }

// behind sends the records of batches one after the other.
type behind struct {
	kind    Direct
	config  Behind
	env     Env
	format  format.Formatter
	writers map[*Origin]Writer // one for each process that logged
	sent    map[sentPlace]bool // of the batch that is under way
}

type sentPlace struct {
	run   record.RunID
	place record.Place
}

func openBehind(d Direct, env Env, c Behind) (Sink, error) {
	f, err := c.formatter(env.Location)
	if err != nil {
		return nil, &Refused{Err: err, Remedy: "mend the handler's formatter"}
	}
	return &behind{kind: d, config: c, env: env, format: format.OfService(f, env.Service), writers: map[*Origin]Writer{}, sent: map[sentPlace]bool{}}, nil
}

// formatter makes the formatter that the keys name; without one it is Python's.
func (c Behind) formatter(loc *time.Location) (format.Formatter, error) {
	if c.Formatter.IsZero() {
		return format.New("%(message)s", "", loc)
	}
	var keys format.Keys
	var ps config.Problems
	config.Decode(c.Formatter, &ps, &keys)
	if err := ps.Err(); err != nil {
		return nil, err
	}
	return keys.New(loc)
}

// maxWriters is how many processes' writers are kept, each with its connection.
const maxWriters = 8

func (s *behind) writer(o *Origin) Writer {
	w := s.writers[o]
	if w == nil {
		if len(s.writers) >= maxWriters {
			_ = s.Close()
		}
		f := s.format
		if p, ok := f.(interface {
			Of(pid int, started time.Time) format.Formatter
		}); ok {
			f = p.Of(o.PID, o.Started)
		}
		w = s.kind.Open(DirectEnv{Append: f.Append, Location: s.env.Location, Started: o.Started, PID: o.PID, Patience: patient, Keep: true}, s.config.Direct)
		s.writers[o] = w
	}
	return w
}

// Write implements Sink. What of the batch was taken is not sent again, as long as
// this process lives.
func (s *behind) Write(ctx context.Context, b *Batch) error {
	var bad []RowError
	for i := range b.Len() {
		item := b.Item(i)
		at := sentPlace{item.Origin.Run, item.Place}
		if s.sent[at] {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.send(b, i)
		var row *Reject
		switch {
		case errors.As(err, &row):
			bad = append(bad, RowError{Index: i, Reason: err.Error()})
			continue
		case err != nil:
			return err
		}
		s.sent[at] = true
	}
	if len(bad) > 0 {
		return &Reject{Err: errors.New("the other side refuses records"), Rows: bad}
	}
	clear(s.sent)
	return nil
}

// send sends one record.
func (s *behind) send(b *Batch, i int) (err error) {
	defer func() {
		if p := recover(); p != nil { // one record must not hold the others up
			err = &Reject{Err: fmt.Errorf("the handler panicked: %v", p)}
		}
	}()
	var v record.View
	if err := b.At(i, &v); err != nil {
		return &Reject{Err: err}
	}
	err = s.writer(b.Origin(i)).Handle(&v)
	if partly := (*Partly)(nil); errors.As(err, &partly) {
		s.env.Log.Warn("a record was not taken everywhere", "handler", s.env.Handler, "error", partly.Err)
		return nil
	}
	return err
}

// Close implements Sink.
func (s *behind) Close() error {
	var errs []error
	for o, w := range s.writers {
		if c, ok := w.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
		delete(s.writers, o)
	}
	return errors.Join(errs...)
}

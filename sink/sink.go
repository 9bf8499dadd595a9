// Package sink is the contract between delivery and the places where records
// go. A sink knows how to write a batch so that the batch's name is idempotent
// there; batching, retry, splitting, dead letters and flow control stand once,
// in package deliver.
package sink

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
)

// Class is the means by which a destination makes a batch's name idempotent.
type Class uint8

// The classes. Deliver knows one procedure for each.
const (
	None     Class = iota // nothing: at least once
	Position              // the store is the journal: rows and position move in one transaction
	File                  // a batch stands in a journal before it is sent; the destination shows how much of it is in
	Name                  // a batch stands in a journal before it is sent; it is in, whole, when the destination has something of its name
	Offset                // a batch stands in a journal before it is sent, with its place in a stream whose rows the destination counts
)

// Journaled reports whether deliver keeps a journal for the class: its sinks are
// Journaled.
func (c Class) Journaled() bool { return c == File || c == Name || c == Offset }

func (c Class) String() string {
	switch c {
	case Position:
		return "position"
	case File:
		return "file"
	case Name:
		return "name"
	case Offset:
		return "offset"
	}
	return "none"
}

// Sink writes the batches of one handler with one row configuration.
//
// Deliver calls the methods of a sink from one goroutine at a time. A batch and
// everything that it hands out belong to deliver and are good until Write
// returns.
type Sink interface {
	// Write returns nil only when the destination has the whole batch for good.
	// It may be called again with the identical batch: after an error, and
	// after a crash that hid the answer.
	//
	// Errors: *Reject when rows are at fault, *Refused when the configuration
	// or the destination as a whole is; anything else is tried again, for ever,
	// with backoff (*Retry carries a hint). After *Reject and *Refused nothing
	// of the batch is in; a Journaled sink says *Taken if some of it is.
	Write(ctx context.Context, b *Batch) error
	// Close frees what Open took. No Write is under way.
	Close() error
}

// Positioned is a sink of class Position. The destination holds, for each run
// that the handler reads, one row: (service, run, handler) → next place, owner.
type Positioned interface {
	Sink
	// Claim makes owner the only one that may move the positions of runs and
	// returns, in their order, where each stands. A run without a row gets one,
	// at its Start; but if the run is Known, a missing row means that the
	// destination was replaced or restored: Claim fails with *Refused.
	//
	// From then on Write moves each position of the batch from Move.From to
	// Move.To in the same transaction as the rows. If a position already stands
	// at To under the same owner, the batch is in: Write returns nil. If it
	// stands anywhere else, or has another owner, Write returns *Fenced.
	Claim(ctx context.Context, owner string, runs []Claim) ([]record.Place, error)
	// Forget deletes the positions of runs that are drained and removed.
	Forget(ctx context.Context, runs []record.RunID) error
}

// Cutter is a sink for which a batch may be too much although it is within its limits.
type Cutter interface {
	Sink
	// Fit is how many of the first records of b are not too much, at least one. b has
	// records only.
	Fit(b *Batch) int
}

// Journaled is a sink of class File, Name or Offset. Deliver keeps a journal for it: what the
// batch is and its Mark are written down, synced, before the first byte is sent.
// After a crash deliver cuts the same batch again, from the same frames, and the
// sink finds out how much of it is in.
//
// Each batch goes Prepare, journal, Write. After an error of either, and after a
// crash, it begins at Prepare again, with the Mark that stands in the journal.
type Journaled interface {
	Sink
	// Prepare makes b ready and returns what the sink must know to find out later
	// how much of it is in: the file and how long it was, the name of an object.
	// last is the Mark of the batch that was the last to come in; nil if none is
	// known.
	//
	// Without b.Mark nothing of the batch was sent. With it, perhaps: all, a part,
	// or nothing of it is in. Prepare then looks, and may take back what is torn;
	// the Mark that it returns is the one that it got, unless the batch goes
	// elsewhere now. It must come to the same end when it is called again after a
	// crash before the new Mark was in the journal.
	//
	// Prepare returns *Reject for rows that can't be made ready. They are set
	// aside before anything is sent. It returns *Taken when it finds a part of the
	// batch in, and the rest can go on as a batch of its own.
	Prepare(ctx context.Context, b *Batch, last Mark) (Mark, error)
	// Write brings in what of b is not in yet. b is the batch that was prepared
	// last, with the Mark that Prepare returned. After an error other than *Reject,
	// *Refused and *Taken a part of it may be in.
}

// Mark is what a Journaled sink keeps in the journal for a batch: JSON of its
// own, one line, best below a kilobyte.
type Mark = json.RawMessage

// Sweeper is a Positioned sink that lets go of positions that nobody will move any
// more, as those of a spool that was deleted. Deliver calls Sweep once a day.
type Sweeper interface {
	Positioned
	// Sweep marks the positions of living as looked after now; then it deletes
	// those of the service and handler, of any owner, that for age were not
	// claimed, moved or marked, by the destination's clock if it has one. Both are
	// one transaction. It returns how many it deleted.
	Sweep(ctx context.Context, living []record.RunID, age time.Duration) (gone int, err error)
}

// Claim is one run that a handler wants to deliver.
type Claim struct {
	Run   record.RunID
	Start record.Place // where the run begins
	Known bool         // the spool's state says that the destination has a row
}

// Env is what a sink is opened with.
type Env struct {
	Service  string
	Handler  string
	Location *time.Location // for types without a zone; never nil
	Dir      string         // relative paths are relative to it
	Durable  bool           // Write must have synced before it returns
	Log      *slog.Logger   // for what the operator should know; never comes back into a spooled handler
}

// Path resolves a path of the configuration.
func (e Env) Path(p string) string { return config.Abs(e.Dir, p) }

// Limits is when an open batch is cut: at whichever comes first.
type Limits struct {
	Records int             `yaml:"records" min:"1" max:"1000000" doc:"cut a batch at this many records"`
	Bytes   config.Size     `yaml:"bytes" doc:"cut a batch at this many bytes of frames"`
	Age     config.Duration `yaml:"age" doc:"cut a batch this long after its first record was read"`
}

// Config is a sink kind's own configuration, decoded from its handler's keys.
// Its methods touch nothing outside; they may be called on any goroutine.
type Config interface {
	// Endpoint names what one process has to own, such as a database file or
	// host and database: handlers with the same endpoint share one owner.
	Endpoint(env Env) string
	// Target names where in the endpoint the rows go: a table, a prefix.
	Target() string
	// Limits is when batches are cut.
	Limits() Limits
	// Guarantee says in words what is guaranteed, and where "once" ends.
	Guarantee() string
}

// Kind is one kind of sink: a value in a list, not a registration. Make one
// with Define. A Kind is an Option of girok.Open.
type Kind struct {
	name     string
	class    Class
	summary  string
	defaults func() any
	decode   func(n *config.Node, ps *config.Problems, common any) Config
	open     func(ctx context.Context, env Env, c Config) (Sink, error)
}

// Define makes a kind. defaults is the one literal of default values; open must
// not be called for a configuration that was only checked, so it may touch the
// network. C's pointer may have the method Validate of package config.
func Define[C Config](name, summary string, class Class, defaults C, open func(ctx context.Context, env Env, c C) (Sink, error)) Kind {
	return Kind{
		name: name, class: class, summary: summary,
		defaults: func() any { c := defaults; return &c },
		decode: func(n *config.Node, ps *config.Problems, common any) Config {
			c := defaults
			config.Decode(n, ps, common, &c)
			return c
		},
		open: func(ctx context.Context, env Env, c Config) (Sink, error) {
			return open(ctx, env, c.(C))
		},
	}
}

// Name is what stands under `class:`.
func (k Kind) Name() string { return k.name }

// Class is how the kind makes a batch's name idempotent.
func (k Kind) Class() Class { return k.class }

// Summary says in a few words what the kind is.
func (k Kind) Summary() string { return k.summary }

// Defaults is a pointer to a new struct with the default values, for
// config.Reference.
func (k Kind) Defaults() any { return k.defaults() }

// Decode checks a handler's keys; those of common are not the kind's own.
func (k Kind) Decode(n *config.Node, ps *config.Problems, common any) Config {
	return k.decode(n, ps, common)
}

// Open opens a sink for a configuration that Decode returned.
func (k Kind) Open(ctx context.Context, env Env, c Config) (Sink, error) { return k.open(ctx, env, c) }

// Option is what girok.Open takes beside the path; a Kind is one.
type Option interface{ GirokOption() }

// GirokOption marks a Kind as an Option.
func (Kind) GirokOption() {}

// Retry says that the destination could not take the batch now, and perhaps how
// long to wait at least. Any error that is not of this package's types is
// treated as a Retry without a hint.
type Retry struct {
	Err   error
	After time.Duration
}

func (e *Retry) Error() string { return e.Err.Error() }
func (e *Retry) Unwrap() error { return e.Err }

// Reject says that rows are at fault. With Rows, exactly those are set aside and
// the rest is written again; without, the sink can't tell which: deliver splits
// the batch until the bad rows are alone.
type Reject struct {
	Err  error
	Rows []RowError
}

// RowError is one bad row: its index in the batch, and why.
type RowError struct {
	Index  int
	Reason string
}

func (e *Reject) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	if len(e.Rows) == 0 {
		return "rows rejected"
	}
	return fmt.Sprintf("%d rows rejected; the first: %s", len(e.Rows), e.Rows[0].Reason)
}
func (e *Reject) Unwrap() error { return e.Err }

// Taken says that the first Items records of a batch are in for good, and that nothing
// of the others is, nor will be by what was sent of them: there are some of both. Deliver
// notes those that are in, as it does with a part of a batch that was split, and goes on
// with the others as a batch of their own. Only a Journaled sink may say it.
type Taken struct {
	Items int
	// Mark is the Mark of those that are in: what Prepare gets as last.
	Mark Mark
	// Err is what Write would have returned for the others alone: the rows of a *Reject
	// are counted from the first of them. nil: they are to be sent.
	Err error
}

func (e *Taken) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("the first %d records of the batch are in", e.Items)
	}
	return fmt.Sprintf("the first %d records of the batch are in; of the others: %v", e.Items, e.Err)
}

// Refused says that the destination refuses everything: a wrong password, no
// such table, a missing right. It is a state of the handler, told at once and
// tried again every 30 s to 5 min; it heals by itself. Remedy says what to do.
type Refused struct {
	Err    error
	Remedy string
}

func (e *Refused) Error() string {
	if e.Remedy == "" {
		return e.Err.Error()
	}
	return e.Err.Error() + "; " + e.Remedy
}
func (e *Refused) Unwrap() error { return e.Err }

// Fenced says that a position is not where this owner left it: another spool
// with the same identity writes there (a cloned machine). The handler stops.
type Fenced struct {
	Run   record.RunID
	Owner string // who holds it now
	Next  record.Place
}

func (e *Fenced) Error() string {
	return fmt.Sprintf("the position of run %s is held by another owner (%s, next %d): this spool exists twice, perhaps on a cloned machine; stop one of the two",
		e.Run, e.Owner, e.Next.Position)
}

// Common is what every spooled handler may have beside its kind's own keys.
type Common struct {
	Class   string       `yaml:"class" doc:"kind of the handler"`
	Accepts []string     `yaml:"accepts" doc:"kinds of records that the handler takes: log, event, row, metric, span"`
	Level   *config.Node `yaml:"level" doc:"lowest level of logs that the handler takes: a name or a number of Python's"`
	Filters []string     `yaml:"filters" doc:"names of filters: the handler takes what all of them let through"`
}

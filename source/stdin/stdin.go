// Package stdin is the source that reads lines from standard input: text, or one
// JSON object a line.
//
// A line of text is the message of a record at INFO; its attribute line is the
// number of the line in this run, 1 for the first, so that anybody can count
// with SQL that none is missing or doubled. Of a JSON object
//
//   - time, ts, timestamp, @timestamp or created is the record's time: RFC 3339,
//     or a number of seconds, milliseconds, microseconds or nanoseconds since
//     1970, told apart by its size;
//   - level, severity, levelname or lvl is its level: a name in any case
//     (trace, debug, info, notice, warn, error, fatal …, also slog's INFO+1), or
//     a number as the key `levels` says;
//   - msg, message, log or text is its message;
//   - logger is the rest of its logger's name, after that of the source (the
//     first thousand names; then it stays an attribute);
//   - everything else is an attribute with its type. Objects are groups, lists
//     stay JSON, and so do numbers that neither 64 bits nor a float can hold.
//
// The first of these keys that is there and makes sense is taken; one that does
// not make sense stays an attribute. A line that is no JSON object is text: every
// line gives exactly one record.
//
// A full spool stops the reading, and so the sender. A pipe has no
// acknowledgement: what was read and not yet emitted when the program is killed,
// at most 128 KiB, is with nobody.
package stdin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/girok/girok/source"
	"github.com/girok/girok/spool"
	"github.com/girok/girok/tree"
)

// Kind is the kind of source for standard input, to be given to girok.Open.
var Kind = source.Define("stdin", "lines of standard input, text or JSON", Config{
	Logger: "stdin", Format: "auto", Levels: "python",
}, open).Once()

// Config is the keys of a source with `class: stdin`.
type Config struct {
	Logger string `yaml:"logger" doc:"the logger that the records belong to"`
	Format string `yaml:"format" enum:"auto|text|json" doc:"text: a line is a message; json: a line is a JSON object; auto: whichever the line is. A line that is no JSON object is text everywhere"`
	Levels string `yaml:"levels" enum:"python|pino" doc:"what numbers mean as levels: Python's 10 DEBUG to 50 CRITICAL, or pino's and bunyan's 10 trace to 60 fatal"`
}

// maxLine is how much of a line is kept, in bytes; a record keeps less.
const maxLine = 1 << 20

// reader is the source while it runs.
type reader struct {
	config Config
	env    source.Env
	parser parser
	nodes  map[string]source.Emitter
	line   int64 // number of the last line
	waited bool  // a full spool was told
}

func open(env source.Env, c Config) (source.Source, error) {
	if env.Stdin == nil {
		return nil, errors.New("stdin: the program has no standard input")
	}
	return &reader{config: c, env: env, parser: parser{config: c}, nodes: map[string]source.Emitter{}}, nil
}

// Run implements source.Source.
func (r *reader) Run(ctx context.Context) error {
	s := splitter{limit: maxLine, line: func(line []byte, size int) error { return r.take(ctx, line, size) }}
	in := newChunks(r.env.Stdin)
	defer in.stop()
	for {
		b, err := in.next(ctx)
		if serr := s.split(b); serr != nil {
			return serr
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF), errors.Is(err, context.Canceled), errors.Is(err, os.ErrClosed):
			return s.end()
		default:
			return errors.Join(s.end(), fmt.Errorf("stdin: %w", err))
		}
	}
}

// take makes one record of one line. size is how long the line was; line may
// hold less of it.
func (r *reader) take(ctx context.Context, line []byte, size int) error {
	r.line++
	r.env.Count.Read.Add(1)
	e, logger := r.parser.parse(line, size, r.line)
	e.Source = r.env.Name
	n := r.node(logger)
	if n == nil {
		e.Attrs = append(e.Attrs, slog.String("logger", logger))
		n = r.node("")
	}
	return r.emit(ctx, n, e)
}

// maxNodes is how many loggers of their own the lines may name.
const maxNodes = 1000

// node finds the emitter of a logger below that of the source; nil if there are
// too many.
func (r *reader) node(logger string) source.Emitter {
	if n := r.nodes[logger]; n != nil {
		return n
	}
	name := r.config.Logger
	if logger != "" {
		name += "." + logger
		if len(r.nodes) >= maxNodes {
			return nil
		}
	}
	n := r.env.Node(name)
	r.nodes[logger] = n
	return n
}

const (
	minPause = 5 * time.Millisecond
	maxPause = 250 * time.Millisecond
)

// emit gives a record to the tree. When the spool can't take it now, it waits:
// then nobody reads the pipe, and its writer waits too.
func (r *reader) emit(ctx context.Context, n source.Emitter, e *tree.Entry) error {
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		spooled, err := n.Emit(e)
		switch {
		case err == nil:
			if spooled {
				r.env.Count.Spooled.Add(1)
			}
			return nil
		case errors.Is(err, spool.ErrClosed):
			return fmt.Errorf("stdin: line %d and what follows are not kept: %w", r.line, err)
		}
		r.env.Count.Waits.Add(1)
		if !r.waited {
			r.waited = true
			r.env.Log.Warn("the spool can't take more for now: standard input waits", "source", r.env.Name, "line", r.line, "error", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("stdin: stopped while the spool could take nothing: line %d and what follows are not kept: %w", r.line, err)
		case <-time.After(pause):
		}
	}
}

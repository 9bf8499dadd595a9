// Package null is a destination that takes everything and keeps nothing. It
// shows what the spool and the delivery cost by themselves, and lets a
// configuration be tried before its store exists.
package null

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/sink"
)

// Kind is the sink kind null, to be given to girok.Open.
var Kind = sink.Define("null", "takes everything and keeps nothing", sink.None, Config{
	Batch: sink.Limits{Records: 5000, Bytes: 4 << 20, Age: config.Duration(time.Second)},
}, open)

// Config is the keys of a handler with `class: null`.
type Config struct {
	Batch sink.Limits `yaml:"batch" doc:"when a batch is cut"`
}

// Endpoint is different for each handler: there is nothing to share.
func (c Config) Endpoint(env sink.Env) string { return "null " + env.Service + " " + env.Handler }

// Target is empty.
func (c Config) Target() string { return "" }

// Limits is when batches are cut.
func (c Config) Limits() sink.Limits { return c.Batch }

// Guarantee says what is guaranteed.
func (c Config) Guarantee() string { return "none: records are thrown away" }

// Sink counts what it throws away. Batches and Records may be called at any
// time, on any goroutine.
type Sink struct {
	batches, records atomic.Uint64
}

func open(context.Context, sink.Env, Config) (sink.Sink, error) { return new(Sink), nil }

// Write implements sink.Sink.
func (s *Sink) Write(ctx context.Context, b *sink.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.batches.Add(1)
	s.records.Add(uint64(b.Len()))
	return nil
}

// Close implements sink.Sink.
func (s *Sink) Close() error { return nil }

// Batches is how many batches were written.
func (s *Sink) Batches() uint64 { return s.batches.Load() }

// Records is how many records were written.
func (s *Sink) Records() uint64 { return s.records.Load() }

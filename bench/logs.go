//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// destination is where spooled records go: it counts them. One that is shut
// does not answer before it is opened, so that records wait in the spool and
// nothing reads it.
type destination struct {
	gate    chan struct{}
	records atomic.Int64
	message string // that every record must have
	wrong   atomic.Int64
}

func newDestination(message string, shut bool) *destination {
	d := &destination{gate: make(chan struct{}), message: message}
	if !shut {
		close(d.gate)
	}
	return d
}

// kind is the destination as a kind of handler.
func (d *destination) kind() sink.Kind {
	return sink.Define("counter", "counts records", sink.None,
		counterConfig{Batch: sink.Limits{Records: 5000, Bytes: 4 << 20, Age: config.Duration(time.Second)}},
		func(ctx context.Context, _ sink.Env, _ counterConfig) (sink.Sink, error) {
			select {
			case <-d.gate:
				return counter{d}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
}

type counterConfig struct {
	Batch sink.Limits `yaml:"batch" doc:"when a batch is cut"`
}

func (counterConfig) Endpoint(sink.Env) string { return "memory" }
func (counterConfig) Target() string           { return "" }
func (c counterConfig) Limits() sink.Limits    { return c.Batch }
func (counterConfig) Guarantee() string        { return "at least once" }

type counter struct{ d *destination }

// Write looks at the first record of a batch and counts all.
func (c counter) Write(_ context.Context, b *sink.Batch) error {
	var v record.View
	if b.Len() > 0 {
		if err := b.At(0, &v); err != nil || string(v.Message) != c.d.message {
			c.d.wrong.Add(1)
		}
	}
	c.d.records.Add(int64(b.Len()))
	return nil
}

func (counter) Close() error { return nil }

// spooled is girok with one spooled handler, opened from a file as an
// application does it.
type spooled struct {
	*girok.Logs
	dest *destination
	shut bool
	made atomic.Int64 // records that were logged
}

const spooledYAML = `version: 1
service: bench
spool: {dir: spool, max_bytes: 1GiB, require: true}
handlers:
  counter: {class: counter}
root: {level: INFO, handlers: [counter]}
`

func openSpooled(dir, message string, shut bool) (*spooled, error) {
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte(spooledYAML), 0o600); err != nil {
		return nil, err
	}
	s := &spooled{dest: newDestination(message, shut), shut: shut}
	var err error
	s.Logs, err = girok.Open(path, s.dest.kind())
	return s, err
}

// drain waits until all is delivered.
func (s *spooled) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return s.Flush(ctx)
}

// settle waits until the background has nothing to do.
func (s *spooled) settle() error {
	if !s.shut {
		return s.drain()
	}
	time.Sleep(3 * time.Millisecond) // it makes segments and pages ready
	return nil
}

// finish opens the destination, if it was shut, and reports whether every record
// that was logged has arrived.
func (s *spooled) finish() error {
	if s.shut {
		close(s.dest.gate)
	}
	if err := s.drain(); err != nil {
		return err
	}
	if got, want := s.dest.records.Load(), s.made.Load(); got != want || s.Lost() != 0 {
		return fmt.Errorf("%d records were logged, %d arrived, %d were lost", want, got, s.Lost())
	}
	if n := s.dest.wrong.Load(); n != 0 {
		return fmt.Errorf("%d batches begin with a wrong record", n)
	}
	return s.Close()
}

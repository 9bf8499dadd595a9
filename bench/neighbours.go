//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

const neighboursYAML = `version: 1
service: bench
spool: {dir: spool, max_bytes: 8MiB, require: true}
handlers:
  good1: {class: neighbour, at: good1}
  good2: {class: neighbour, at: good2}
%sroot: {level: INFO, handlers: [good1, good2%s]}
loggers: {girok.gap: {propagate: false}} # what the bad ones lose is told, and is no record of the test
`

// neighboursLine measures what two good destinations have of two bad ones: one that
// is down all the time, and one that takes a hundredth of what comes. The spool is
// small, so that it is full of what they have not read, and the oldest goes.
//
// Each good one reads its records and notes how old each was
// when it was taken, from the call. The control is the same without the bad
// ones, in turns. Every record is counted: the good ones must have all of them.
func neighboursLine(b *bench) ([]row, error) {
	rate, length := 10_000, 15*time.Second
	if b.quick {
		length = 8 * time.Second
	}
	var ages, rates, cpus, controls []float64
	var lost uint64
	for range b.turns(9) {
		alone, err := b.neighbours(rate, length, false)
		if err != nil {
			return nil, err
		}
		beside, err := b.neighbours(rate, length, true)
		if err != nil {
			return nil, err
		}
		if beside.lost == 0 {
			return nil, errors.New("the bad ones lost nothing: the spool was never full")
		}
		lost = beside.lost
		ages = append(ages, beside.age/alone.age)
		rates = append(rates, beside.rate/alone.rate)
		cpus = append(cpus, float64(beside.cpu)/float64(alone.cpu))
		controls = append(controls, alone.age/1e6)
	}
	age, rate99, cpu := spreadOf(ages), spreadOf(rates), spreadOf(cpus)
	what := fmt.Sprintf("two good destinations beside one that is down and one at a hundredth of the speed, %d records a second, spool of 8 MiB", rate)
	return []row{{
		what: what + ": 99th percentile of a record's age when it is taken", control: "the same without the bad ones",
		ratio: age.String(), absolute: fmt.Sprintf("control %.0f ms", spreadOf(controls).median),
		cpu: fmt.Sprintf("%s of the whole process; the bad ones lost %d, counted", cpu, lost),
		bar: "≤ 1.10", met: met(age.median <= 1.10),
	}, {
		what: "the same: records a second", control: "the same without the bad ones", ratio: rate99.String(),
		bar: "≥ 0.90", met: met(rate99.median >= 0.90),
	}}, nil
}

// neighbours is what came of one run.
type neighbours struct {
	age  float64 // 99th percentile, ns
	rate float64 // of each good one, in a second
	cpu  time.Duration
	lost uint64 // by the bad ones
}

func (b *bench) neighbours(rate int, length time.Duration, bad bool) (out neighbours, err error) {
	dir, err := b.folder()
	if err != nil {
		return out, err
	}
	handlers, names := "", ""
	if bad {
		handlers, names = "  down: {class: neighbour, at: down}\n  slow: {class: neighbour, at: slow}\n", ", down, slow"
	}
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, neighboursYAML, handlers, names), 0o600); err != nil {
		return out, err
	}
	street := street{"good1": {ages: newLatencies()}, "good2": {ages: newLatencies()}, "down": {down: true}, "slow": {each: 100 * time.Second / time.Duration(rate)}}
	logs, err := girok.Open(path, street.kind())
	if err != nil {
		return out, err
	}
	defer func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // the bad ones are not waited for
		err = errors.Join(err, ignoring(logs.Shutdown(ctx), context.Canceled))
	}()
	log := logs.Logger("shop.orders")
	cpu, begin, n := processCPU(), time.Now(), 0
	for time.Since(begin) < length {
		for due := int(time.Since(begin).Seconds() * float64(rate)); n < due; n += 10 {
			five(log, 10)
		}
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := logs.Flush(ctx, "good1", "good2"); err != nil {
		return out, err
	}
	out.cpu, out.rate = processCPU()-cpu, float64(n)/time.Since(begin).Seconds()
	all := newLatencies()
	for _, name := range []string{"good1", "good2"} {
		if got := street[name].records.Load(); got != int64(n) {
			return out, fmt.Errorf("%s has %d of %d records", name, got, n)
		}
		all.merge(street[name].ages)
	}
	for _, h := range logs.Stats().Handlers {
		out.lost += h.Lost
	}
	out.age = all.quantile(0.99)
	return out, nil
}

func ignoring(err, what error) error {
	if errors.Is(err, what) {
		return nil
	}
	return err
}

// street is the destinations by name.
type street map[string]*neighbour

// neighbour is one destination.
type neighbour struct {
	down bool          // it never answers but with an error
	each time.Duration // what a record takes it

	records atomic.Int64
	mu      sync.Mutex
	ages    *latencies // nil: not asked for
}

type neighbourConfig struct {
	At    string      `yaml:"at"`
	Batch sink.Limits `yaml:"batch"`
}

func (c neighbourConfig) Endpoint(sink.Env) string { return c.At }
func (c neighbourConfig) Target() string           { return "" }
func (c neighbourConfig) Limits() sink.Limits      { return c.Batch }
func (c neighbourConfig) Guarantee() string        { return "at least once" }

func (s street) kind() sink.Kind {
	return sink.Define("neighbour", "a destination in memory", sink.None,
		neighbourConfig{Batch: sink.Limits{Records: 5000, Bytes: 1 << 20, Age: config.Duration(100 * time.Millisecond)}},
		func(_ context.Context, _ sink.Env, c neighbourConfig) (sink.Sink, error) { return s[c.At], nil })
}

// Write implements sink.Sink.
func (n *neighbour) Write(ctx context.Context, b *sink.Batch) error {
	if n.down {
		return errors.New("connection refused")
	}
	if n.each > 0 {
		select {
		case <-time.After(n.each * time.Duration(b.Len())):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var v record.View
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	for i := range b.Len() {
		if err := b.At(i, &v); err != nil {
			return err
		}
		if n.ages != nil {
			n.ages.add(now.Sub(v.Time()))
		}
	}
	n.records.Add(int64(b.Len()))
	return nil
}

// Close implements sink.Sink.
func (n *neighbour) Close() error { return nil }

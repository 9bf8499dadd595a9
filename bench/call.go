//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/phuslu/log"
	"github.com/rs/zerolog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// The calls. ours and control get the very same ones: the same function with
// another *slog.Logger.

const message = "order placed"

// workload is one shape of call.
type workload struct {
	what    string
	loop    func(log *slog.Logger, n int)
	bind    []any // what With binds before
	workers int
	limit   float64 // of the ratio
	allocs  uint64  // that slog makes before a handler is called
}

var workloads = map[string]workload{
	"call/0":     {"no attributes", none, nil, 1, 0.65, 0},
	"call/5":     {"5 attributes", five, nil, 1, 0.45, 0},
	"call/10":    {"10 attributes", ten, nil, 1, 0.52, 1},
	"call/bound": {"5 bound attributes + 3", three, bound, 1, 0.57, 0},
	"call/5x2":   {"5 attributes, two goroutines", five, nil, 2, 0.45, 0},
}

func none(log *slog.Logger, n int) {
	ctx := context.Background()
	for range n {
		log.LogAttrs(ctx, slog.LevelInfo, message)
	}
}

func five(log *slog.Logger, n int) {
	ctx := context.Background()
	for i := range n {
		log.LogAttrs(ctx, slog.LevelInfo, message,
			slog.String("user", "kim.minji@example.org"), slog.Int("order", i), slog.Float64("amount", 129.95),
			slog.Bool("gift", true), slog.Duration("took", 1500*time.Microsecond))
	}
}

func ten(log *slog.Logger, n int) {
	ctx := context.Background()
	for i := range n {
		log.LogAttrs(ctx, slog.LevelInfo, message,
			slog.String("user", "kim.minji@example.org"), slog.Int("order", i), slog.Float64("amount", 129.95),
			slog.Bool("gift", true), slog.Duration("took", 1500*time.Microsecond),
			slog.String("method", "POST"), slog.String("path", "/v1/orders/checkout"), slog.Int("status", 201),
			slog.Uint64("bytes", 18734), slog.Float64("score", 0.9312))
	}
}

var bound = []any{
	slog.String("version", "1.14.2"), slog.String("region", "ap-northeast-2"), slog.Int("shard", 7),
	slog.String("pod", "orders-6d5f7c9b4-x2x7q"), slog.Bool("canary", false),
}

func three(log *slog.Logger, n int) {
	ctx := context.Background()
	for i := range n {
		log.LogAttrs(ctx, slog.LevelInfo, message,
			slog.String("user", "kim.minji@example.org"), slog.Int("order", i), slog.Duration("took", 1500*time.Microsecond))
	}
}

// jsonDiscard is the control: the handler of the standard library that does the
// same job for the caller (all of the record, values as given) with the
// cheapest of all outputs. girok's calls end with the record in a file that
// survives the process; the control's end with nothing.
func jsonDiscard() *slog.Logger { return slog.New(slog.NewJSONHandler(io.Discard, nil)) }

const jsonDiscardName = "slog.JSONHandler → io.Discard"

// callLine measures calls with all handlers spooled, in two states: delivered,
// where a destination takes everything at once and the calls' CPU time (all)
// has reading, batching and noting in it; and waiting, where it takes nothing
// and nobody reads.
func callLine(name string) func(b *bench) ([]row, error) {
	return func(b *bench) ([]row, error) { return b.calls(name, workloads[name]) }
}

func (b *bench) calls(name string, w workload) ([]row, error) {
	control := jsonDiscard().With(w.bind...)
	arms := []arm{{name: "control", loop: func(n int) { w.loop(control, n) }}}
	var ours [2]*spooled
	var allocs uint64
	for i, shut := range []bool{false, true} {
		dir, err := b.folder()
		if err != nil {
			return nil, err
		}
		s, err := openSpooled(dir, message, shut)
		if err != nil {
			return nil, err
		}
		ours[i] = s
		log := s.Logger("shop.orders").With(w.bind...)
		loop := func(n int) {
			w.loop(log, n)
			s.made.Add(int64(n))
		}
		if shut {
			allocs = allocations(loop)
		}
		arms = append(arms, arm{name: "girok", loop: loop, settle: s.settle})
	}
	if name == "call/5" {
		arms = append(arms, peers()...)
	}
	usual := 15
	if w.workers > 1 {
		usual = 61 // its rounds differ by a quarter: the kernel places threads anew in each
	}
	r, err := compete(arms, plan{rounds: b.turns(usual), slices: 4, calls: b.amount(10_000), chunk: 250, workers: w.workers})
	if err != nil {
		return nil, err
	}
	for _, s := range ours {
		if err := s.finish(); err != nil {
			return nil, err
		}
	}
	return callRows(r, w, allocs, arms), nil
}

func callRows(r results, w workload, allocs uint64, arms []arm) []row {
	rows := []row{
		r.row(1, "slog call, "+w.what+", spooled and delivered", jsonDiscardName, w.limit),
		r.row(2, "slog call, "+w.what+", spooled, nothing reads", jsonDiscardName, w.limit),
		{
			what: "its allocations", absolute: fmt.Sprint(allocs), bar: fmt.Sprintf("≤ %d", w.allocs), met: met(allocs <= w.allocs),
		},
	}
	for i := 3; i < len(arms); i++ {
		rows = append(rows, r.row(i, arms[i].name+" → io.Discard, 5 fields (for information)", jsonDiscardName, 0))
	}
	return rows
}

// peers are other loggers with their own ways of logging the same fields, to
// io.Discard. They are told to write the time as slog does, and take no program
// counter, which slog does in every call: a front end of their own saves that.
func peers() []arm {
	return []arm{{name: "zap", loop: zapLoop(zapDiscard())}, {name: "zerolog", loop: zerologLoop(zerologTo(io.Discard))}, {name: "phuslu/log", loop: phusluLoop()}}
}

func zapDiscard() *zap.Logger {
	c := zap.NewProductionEncoderConfig()
	c.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	c.EncodeDuration = zapcore.NanosDurationEncoder
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(c), zapcore.AddSync(io.Discard), zap.InfoLevel))
}

func zapLoop(z *zap.Logger) func(n int) {
	return func(n int) {
		for i := range n {
			z.Info(message, zap.String("user", "kim.minji@example.org"), zap.Int("order", i), zap.Float64("amount", 129.95),
				zap.Bool("gift", true), zap.Duration("took", 1500*time.Microsecond))
		}
	}
}

// zerologTo writes times and durations as the others do.
func zerologTo(w io.Writer) zerolog.Logger {
	zerolog.TimeFieldFormat = time.RFC3339Nano
	zerolog.DurationFieldUnit, zerolog.DurationFieldInteger = time.Nanosecond, true
	return zerolog.New(w).With().Timestamp().Logger()
}

func zerologLoop(z zerolog.Logger) func(n int) {
	return func(n int) {
		for i := range n {
			z.Info().Str("user", "kim.minji@example.org").Int("order", i).Float64("amount", 129.95).
				Bool("gift", true).Dur("took", 1500*time.Microsecond).Msg(message)
		}
	}
}

func phusluLoop() func(n int) {
	p := log.Logger{Level: log.InfoLevel, TimeFormat: time.RFC3339Nano, Writer: &log.IOWriter{Writer: io.Discard}}
	return func(n int) {
		for i := range n {
			p.Info().Str("user", "kim.minji@example.org").Int("order", i).Float64("amount", 129.95).
				Bool("gift", true).Dur("took", 1500*time.Microsecond).Msg(message)
		}
	}
}

// disabledLine measures calls that are below the level. Both handlers' level is
// INFO, and both calls build their attributes before anybody looks at it.
func disabledLine(b *bench) ([]row, error) {
	dir, err := b.folder()
	if err != nil {
		return nil, err
	}
	s, err := openSpooled(dir, message, false)
	if err != nil {
		return nil, err
	}
	ours, control := s.Logger("shop.orders"), jsonDiscard()
	loop := func(n int) { debug(ours, n) }
	allocs := allocations(loop)
	r, err := compete([]arm{{name: "control", loop: func(n int) { debug(control, n) }}, {name: "girok", loop: loop}},
		plan{rounds: b.turns(15), slices: 10, calls: b.amount(200_000), chunk: 5000, workers: 1})
	if err != nil {
		return nil, err
	}
	if err := s.finish(); err != nil {
		return nil, err
	}
	out := r.row(1, "slog call below the level, 5 attributes", "slog.JSONHandler, the same", 1.2)
	out.absolute = fmt.Sprintf("%.1f ns (control %.1f), %d allocations", r.absolute(1, wall).median, r.absolute(0, wall).median, allocs)
	out.cpu = fmt.Sprintf("calling threads %.3f", r.ratios(1, caller).median)
	return []row{out}, nil
}

func debug(log *slog.Logger, n int) {
	ctx := context.Background()
	for i := range n {
		log.LogAttrs(ctx, slog.LevelDebug, message,
			slog.String("user", "kim.minji@example.org"), slog.Int("order", i), slog.Float64("amount", 129.95),
			slog.Bool("gift", true), slog.Duration("took", 1500*time.Microsecond))
	}
}

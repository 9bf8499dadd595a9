package girok

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
)

// reporter tells the operator what goes wrong: one line on standard error, and
// for one cause at most one a minute. It is a slog.Handler, safe for concurrent
// use, and never logs into girok itself.
type reporter struct {
	out   io.Writer
	attrs []slog.Attr
	said  *said
}

type said struct {
	mu    sync.Mutex
	cause map[string]*saying
}

type saying struct {
	at      time.Time
	skipped int
}

const (
	reportEvery = time.Minute
	maxSaid     = 1000 // causes that are remembered
)

func newReporter(out io.Writer) *reporter {
	return &reporter{out: out, said: &said{cause: map[string]*saying{}}}
}

func (r *reporter) Enabled(context.Context, slog.Level) bool { return true }

func (r *reporter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &reporter{out: r.out, said: r.said, attrs: append(r.attrs[:len(r.attrs):len(r.attrs)], attrs...)}
}

func (r *reporter) WithGroup(string) slog.Handler { return r }

func (r *reporter) Handle(_ context.Context, rec slog.Record) error {
	var line strings.Builder
	line.WriteString("girok: ")
	if rec.Level >= slog.LevelWarn {
		line.WriteString(strings.ToLower(rec.Level.String()) + ": ")
	}
	line.WriteString(rec.Message)
	cause := rec.Message
	add := func(a slog.Attr) bool {
		v := a.Value.Resolve().String()
		if a.Key == "handler" || a.Key == "run" || a.Key == "error" {
			cause += "\x00" + v
		}
		if v == "" || strings.ContainsAny(v, " \"\n\t=") {
			v = strconv.Quote(v)
		}
		line.WriteString(" " + a.Key + "=" + v)
		return true
	}
	for _, a := range r.attrs {
		add(a)
	}
	rec.Attrs(add)
	skipped, ok := r.said.may(cause)
	if !ok {
		return nil
	}
	if skipped > 0 {
		line.WriteString(" (and " + strconv.Itoa(skipped) + " times more since the last line)")
	}
	line.WriteByte('\n')
	_, err := io.WriteString(r.out, line.String())
	return err
}

// may reports whether a cause may be told now, and how often it was not.
func (s *said) may(cause string) (skipped int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	last := s.cause[cause]
	if last != nil && now.Sub(last.at) < reportEvery {
		last.skipped++
		return 0, false
	}
	if last != nil {
		skipped = last.skipped
	}
	if len(s.cause) >= maxSaid {
		clear(s.cause)
	}
	s.cause[cause] = &saying{at: now}
	return skipped, true
}

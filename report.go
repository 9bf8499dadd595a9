package girok

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// reporter tells the operator what goes wrong: one line on standard error, and
// for one cause at most one a minute, whichever handlers and runs it meets. What
// was held back is counted, and told when the minute is over. It is a
// slog.Handler, safe for concurrent use, and never logs into girok itself.
type reporter struct {
	out   io.Writer
	attrs []slog.Attr
	said  *said
}

// said is what was told of each cause: its message and error, without numbers.
type said struct {
	mu    sync.Mutex
	cause map[string]*saying
}

type saying struct {
	at       time.Time // of the last line
	skipped  int       // since then
	handlers []string  // of those
	line     string    // the last of them
}

const (
	reportEvery = time.Minute
	maxSaid     = 1000 // causes that are remembered
	maxNamed    = 8    // handlers, or causes, that are named in one line
)

func newReporter(out io.Writer) *reporter {
	return &reporter{out: soon{out}, said: &said{cause: map[string]*saying{}}}
}

// soon is a stream that must not hold the program up: when it takes nothing for a
// tenth of a second, what was to be written is lost.
type soon struct{ out io.Writer }

func (s soon) Write(b []byte) (written int, err error) {
	const tries = 100
	for range tries {
		n, err := s.out.Write(b[written:])
		if written += max(n, 0); err == nil || !errors.Is(err, syscall.EAGAIN) || written >= len(b) {
			return written, err
		}
		time.Sleep(time.Millisecond)
	}
	return written, syscall.EAGAIN
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
	cause, handler := rec.Message, ""
	add := func(a slog.Attr) bool {
		v := a.Value.Resolve().String()
		switch a.Key {
		case "error":
			cause += "\x00" + withoutNumbers(v)
		case "handler":
			handler = v
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
	text, ok := r.said.may(cause, handler, line.String())
	if !ok {
		return nil
	}
	_, err := io.WriteString(r.out, text+"\n")
	return err
}

// answer tells what came of something that somebody asked for: each time, and in
// as many lines as it has.
func (r *reporter) answer(text string) { _, _ = io.WriteString(r.out, "girok: "+text+"\n") }

// late tells what was held back and whose minute is over.
func (r *reporter) late() {
	for _, last := range r.said.due(time.Now(), false) {
		_, _ = io.WriteString(r.out, last.line+last.more(last.skipped-1)+"\n")
	}
}

// last tells all that was held back, in one line: nothing will be told after it.
func (r *reporter) last() {
	list := r.said.due(time.Now(), true)
	if len(list) == 0 {
		return
	}
	var b strings.Builder
	b.WriteString("girok: warn: held back, since a cause is told once a minute: ")
	for i, last := range list[:min(len(list), maxNamed)] {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(strconv.Itoa(last.skipped) + " × [" + strings.TrimPrefix(last.line, "girok: ") + "]")
	}
	if more := len(list) - maxNamed; more > 0 {
		b.WriteString("; and " + strconv.Itoa(more) + " causes more")
	}
	_, _ = io.WriteString(r.out, b.String()+"\n")
}

// may returns the line as it is to be told, if its cause may be told now.
func (s *said) may(cause, handler, line string) (text string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	last := s.cause[cause]
	if last != nil && now.Sub(last.at) < reportEvery {
		last.hold(handler, line)
		return "", false
	}
	if last != nil {
		line += last.more(last.skipped)
	}
	if len(s.cause) >= maxSaid {
		clear(s.cause)
	}
	s.cause[cause] = &saying{at: now}
	return line, true
}

// due lists what was held back and is to be told: of causes whose minute is over,
// or of all.
func (s *said) due(now time.Time, all bool) (list []*saying) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for cause, last := range s.cause {
		switch over := now.Sub(last.at) >= reportEvery; {
		case last.skipped > 0 && (over || all):
			list = append(list, last)
			s.cause[cause] = &saying{at: now}
		case over:
			delete(s.cause, cause)
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].line < list[j].line })
	return list
}

func (s *saying) hold(handler, line string) {
	s.skipped++
	s.line = line
	if handler != "" && len(s.handlers) <= maxNamed && !slices.Contains(s.handlers, handler) {
		s.handlers = append(s.handlers, handler)
	}
}

// more says that there were n lines more, and of whom if of several.
func (s *saying) more(n int) string {
	if n == 0 {
		return ""
	}
	of := ""
	if len(s.handlers) > 1 {
		of = ", of handlers " + strings.Join(s.handlers[:min(len(s.handlers), maxNamed)], ", ")
		if len(s.handlers) > maxNamed {
			of += " and others"
		}
	}
	return " (and " + strconv.Itoa(n) + " times more since the last line" + of + ")"
}

// withoutNumbers takes out of an error what differs each time: words with a
// digit in them, such as ports, positions, and folders of runs.
func withoutNumbers(text string) string {
	words := strings.Fields(text)
	for i, w := range words {
		if strings.ContainsAny(w, "0123456789") {
			words[i] = "0"
		}
	}
	return strings.Join(words, " ")
}

package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/girok/girok/record"
)

var tailCommand = command{
	name: "tail", args: "[LOGGER]",
	summary: "the last records, and those that come",
	help: `
tail shows the records that lie in the spool of a service, of all its programs,
delivered or not: the last ones, those --since a time, and with -f those that
come, also of programs that start later or start again. With LOGGER, only those of
that logger and the loggers below it. It only reads, and holds nobody up: what is
delivered and removed before it could be read is told on standard error. With -f and
-d a folder that is not there yet is waited for, and so are services that come into it.

Only records that a handler takes through the spool are there. One that several
handlers take is shown once, also where Python's package keeps a copy for each.

examples:
  girok tail -f serving.mask --level WARNING
  girok tail --since 10m --grep 'timeout|refused'
  girok tail -f --json | jq -r .message

exit codes: 0; 1 a mistake`,
	prepare: func(p *program, f *flag.FlagSet) func(context.Context, []string) int {
		var t tail
		t.where.flags(f)
		f.BoolVar(&t.follow, "f", false, "go on with the records that come, until a signal")
		f.IntVar(&t.last, "n", 10, "begin with the last `N` records")
		since := f.String("since", "", "begin with the records since a `TIME`: 10m, or 2026-11-25T20:32:58Z")
		level := f.String("level", "", "only logs of `LEVEL` and above, and what has no level")
		grep := f.String("grep", "", "only records whose line a regular expression `RE` finds")
		f.BoolVar(&t.json, "json", false, "JSON lines")
		return func(ctx context.Context, args []string) int {
			if len(args) > 1 {
				return p.misused("tail", "want one logger, got %q", args)
			}
			if len(args) == 1 {
				t.logger = strings.TrimSuffix(args[0], ".")
			}
			if err := t.set(*since, *level, *grep); err != nil {
				return p.misused("tail", "%v", err)
			}
			if err := p.tail(ctx, &t); err != nil {
				return p.failed(err)
			}
			return exitOK
		}
	},
}

// tail is which records are wanted, and how.
type tail struct {
	where  place
	logger string // "" or root: all
	level  record.Level
	grep   *regexp.Regexp
	since  time.Time
	last   int
	follow bool
	json   bool
	shown  copies
}

func (t *tail) set(since, level, grep string) (err error) {
	if since != "" {
		if t.since, err = sinceTime(since, time.Now()); err != nil {
			return err
		}
	}
	if level != "" {
		var ok bool
		if t.level, ok = record.ParseLevel(level); !ok {
			return fmt.Errorf("want a level (DEBUG, INFO, WARNING, ERROR, CRITICAL, or a number), got %q", level)
		}
	}
	if t.last < 0 {
		return fmt.Errorf("want -n of at least 0, got %d", t.last)
	}
	if grep != "" {
		if t.grep, err = regexp.Compile(grep); err != nil {
			return fmt.Errorf("--grep: %w", err)
		}
	}
	return nil
}

// sinceTime reads how long ago, or when.
func sinceTime(s string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateTime, time.DateOnly} {
		if at, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("want --since 10m, or a time as 2026-11-25T20:32:58Z, got %q", s)
}

// line is a record as it is shown, with its end; false if it is not wanted, or was
// shown already.
func (t *tail) line(it *item) ([]byte, bool) {
	var v record.View
	if err := v.Parse(it.payload); err == nil {
		name := string(v.Logger)
		switch {
		case !t.since.IsZero() && it.at.Before(t.since):
			return nil, false
		case v.Kind == record.Log && v.Level < t.level:
			return nil, false
		case t.logger != "" && t.logger != "root" && name != t.logger && !strings.HasPrefix(name, t.logger+"."):
			return nil, false
		}
	}
	text := appendText(nil, it.payload)
	if t.grep != nil && !t.grep.Match(text) {
		return nil, false
	}
	if t.shown.of(it) { // only now: where filters of Python's changed it, a copy may be wanted alone
		return nil, false
	}
	if !t.json {
		return append(text, '\n'), true
	}
	b := fmt.Appendf(nil, `{"run":"%s","pid":%d,"position":%d,"index":%d,`, it.run.ID, it.run.Config.PID, it.place.Position, it.place.Index)
	return append(appendMembers(b, it.payload), "}\n"...), true
}

func (p *program) tail(ctx context.Context, t *tail) error {
	find := func() ([]string, error) { return p.services(t.where) }
	var none *noSpool
	dirs, err := find()
	switch {
	case errors.As(err, &none) && none.mayCome() && t.follow:
		fmt.Fprintf(p.stderr, "girok: waiting for a spool in %s: a program that logs makes it\n", t.where.dir)
	case errors.As(err, &none) && none.mayCome():
		return fmt.Errorf("%w; a program that logs makes it, and tail -f waits for that", err)
	case err != nil:
		return err
	}
	out := bufio.NewWriter(p.stdout)
	defer out.Flush()
	f := newFollower(dirs, p.stderr)
	if t.where.dir != "" {
		f.find = find
	}
	if err := f.look(); err != nil {
		return err
	}
	t.old(ctx, f, out)
	if out.Flush() != nil || !t.follow {
		return nil // a closed pipe has nobody to tell
	}
	return f.follow(ctx, func(it *item) bool {
		line, ok := t.line(it)
		if !ok {
			return true
		}
		_, _ = out.Write(line) // its error comes again with Flush
		return out.Flush() == nil
	})
}

// old shows what is there: all since a time, or the last ones.
func (t *tail) old(ctx context.Context, f *follower, out *bufio.Writer) {
	var last [][]byte
	for it := f.next(true); it != nil && ctx.Err() == nil; it = f.next(true) {
		line, ok := t.line(it)
		switch {
		case !ok:
		case !t.since.IsZero():
			if _, err := out.Write(line); err != nil {
				return
			}
		case t.last > 0:
			if len(last) == t.last {
				last = append(last[:0], last[1:]...)
			}
			last = append(last, line)
		}
	}
	for _, line := range last {
		_, _ = out.Write(line)
	}
}

package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/deliver"
	"github.com/girok/girok/spool"
)

var spoolRedirectCommand = command{
	name: "spool redirect", args: "[RUN…]",
	summary: "give what waits for a wrong place to the handler as it is now",
	help: `
spool redirect is for records whose place was named wrongly, or is no more: another
host, file or table, a handler that has another name by now. They wait in the spool
for that place. Those of the runs that are named, or of --all, are given to the
handler of the same name as the configuration has it now, or to the one named by
--to, as a run of their own: it is delivered by whoever delivers for the service, a
program that runs, the next one, or girok spool drain. Each record is given once,
and keeps its id. What waits for the place that the handler has now stays as it is,
and so does what programs have that are alive: restart or reload them first.

Whoever delivers to the old place lets it go meanwhile. Records that were sent there,
with no answer, are asked for. If the place can't tell, all of that run and handler
stay where they are, but for --perhaps-twice.

examples:
  girok spool redirect --all --dry-run
  girok spool redirect --all && girok spool drain
  girok spool redirect --handler warehouse --to lake 8cf81a2e

exit codes: 0 they are given, or there are none; 1 a mistake, or some can't be given,
and why; 3 living programs have some`,
	prepare: func(p *program, f *flag.FlagSet) func(context.Context, []string) int {
		var r redirecting
		path := configFlag(f)
		f.BoolVar(&r.all, "all", false, "all runs")
		f.StringVar(&r.handler, "handler", "", "only what waits for the handler `NAME`")
		f.StringVar(&r.to, "to", "", "give it to the handler `NAME`; if absent, to that of the same name")
		f.BoolVar(&r.dry, "dry-run", false, "say what would be given, and do nothing")
		f.BoolVar(&r.twice, "perhaps-twice", false, "also what the old place perhaps has")
		return func(ctx context.Context, args []string) int {
			switch {
			case r.all != (len(args) == 0):
				return p.misused("spool redirect", "want ids of runs, or --all")
			case r.to != "" && r.handler == "":
				return p.misused("spool redirect", "want --handler with --to: whose records go to %s?", r.to)
			}
			return p.spoolRedirect(ctx, p.configPath(*path), args, r)
		}
	},
}

// redirecting is what is asked for.
type redirecting struct {
	handler, to     string
	all, dry, twice bool
}

func (p *program) spoolRedirect(ctx context.Context, path string, ids []string, want redirecting) int {
	c, err := p.check(path)
	if err != nil {
		return p.failed(err)
	}
	if want.to != "" {
		if err := noHandler(c.File, want.to, namesOf(c.Run.Handlers)); err != nil {
			return p.failed(err)
		}
	}
	runs, err := p.runs(place{config: path})
	unread := exitOK
	if err != nil {
		if unread = p.failed(err); len(runs) == 0 {
			return unread
		}
	}
	if !want.all {
		if runs, err = matching(runs, ids); err != nil {
			return p.failed(err)
		}
	}
	r := &deliver.Redirection{
		Service: c.SpoolDir, Config: c.Run, Kinds: girok.Deliverable(kinds...), Twice: want.twice,
		Log: slog.New(slog.NewTextHandler(p.stderr, nil)),
	}
	list, home, code := p.strays(r, c, runs, want)
	code = cmp.Or(code, unread)
	for _, s := range list {
		// A mistake is more than what living programs have.
		if one := p.redirect(ctx, r, s, want.dry); code != exitMistake && one != exitOK {
			code = one
		}
		if ctx.Err() != nil {
			break
		}
	}
	switch {
	case home > 0:
		fmt.Fprintf(p.stdout, "%s for places that %s names too: `girok spool drain` delivers them\n", waits(home), c.File)
	case len(list) == 0 && code == exitOK:
		fmt.Fprintln(p.stdout, "nothing waits for another place")
	}
	return code
}

func waits(n int) string {
	if n == 1 {
		return "1 record waits"
	}
	return fmt.Sprintf("%d records wait", n)
}

func namesOf(list []spool.HandlerConfig) (names []string) {
	for _, h := range list {
		names = append(names, h.Name)
	}
	return names
}

// strays lists what waits in runs at another place, and counts what waits at the
// place that the configuration names.
func (p *program) strays(r *deliver.Redirection, c *girok.Checked, runs []*spool.Run, want redirecting) (list []*deliver.Strays, home, code int) {
	known := namesOf(c.Run.Handlers)
	for _, run := range runs {
		for i := range run.Config.Handlers {
			h := &run.Config.Handlers[i]
			known = append(known, h.Name)
			if want.handler != "" && h.Name != want.handler || waitingRecords(run, h.Bit) == 0 {
				continue
			}
			to := cmp.Or(want.to, h.Name)
			if !slices.Contains(namesOf(r.Config.Handlers), to) {
				code = p.failed(fmt.Errorf("run %s: %d records wait for %s, and no logger of %s uses a spooled handler of that name: name another one, --handler %s --to NAME", run.ID, waitingRecords(run, h.Bit), h.Name, c.File, h.Name))
				continue
			}
			s, err := r.Find(run, h, to)
			switch {
			case err != nil:
				code = p.failed(fmt.Errorf("run %s, handler %s: %w", run.ID, h.Name, err))
			case s.Home():
				home += s.Records
			case s.Records > 0:
				list = append(list, s)
			}
		}
	}
	if want.handler != "" {
		slices.Sort(known)
		if err := noHandler(c.File, want.handler, slices.Compact(known)); err != nil {
			return nil, 0, p.failed(err)
		}
	}
	return list, home, code
}

// redirect gives the records of one run and handler to another place, and says so.
func (p *program) redirect(ctx context.Context, r *deliver.Redirection, s *deliver.Strays, dry bool) int {
	if s.Run.Alive() {
		fmt.Fprintf(p.stderr, "girok: run %s is alive: process %d writes it, and has %s for %s; restart it with this configuration, or reload it\n",
			s.Run.ID, s.Run.Config.PID, count(s.Records, "record"), s.Place())
		return exitWaits
	}
	did := "would give"
	if !dry {
		did = "gave"
		err := r.Move(ctx, s)
		if perhaps := (*deliver.Perhaps)(nil); errors.As(err, &perhaps) {
			err = fmt.Errorf("%w; bring that place back and let `girok spool drain` deliver there, or give all of them with --perhaps-twice", err)
		}
		if err != nil {
			return p.failed(err)
		}
	}
	if s.Records == 0 {
		return exitOK // somebody has delivered them meanwhile
	}
	fmt.Fprintf(p.stdout, "%s %s of run %s to %s, logged from %s to %s\n    from %s\n    to   %s\n",
		did, count(s.Records, "record"), s.Run.ID, s.To.Name, stamp(s.First), stamp(s.Last), s.Place(), s.NewPlace())
	return exitOK
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/girok/girok/internal/control"
	"github.com/girok/girok/record"
)

var levelCommand = command{
	name: "level", args: "LOGGER [LEVEL]",
	summary: "show or set the level of a logger in the programs that run",
	help: `
level asks each running program of the service at its control socket how a logger
stands; with LEVEL (DEBUG, INFO, WARNING, ERROR, CRITICAL, NOTSET, or a number) it
sets the level, until the program ends, or for as long as --for says: after that it
is what it was before. NOTSET inherits from the logger above. The root logger is
root. Nothing in the configuration changes.

A logger that a program does not know yet gets its level too; that it does not
know it is told on standard error. A program is found by the runs in the spool, so it is one with a handler that goes
through the spool, of the same user.

examples:
  girok level serving.mask
  girok level serving.mask DEBUG --for 10m
  girok level root INFO -d /var/lib/shop/spool

exit codes: 0 each program answered; 1 none runs, one did not answer, or a mistake`,
	prepare: func(p *program, f *flag.FlagSet) func(context.Context, []string) int {
		var l levelQuestion
		l.where.flags(f)
		f.DurationVar(&l.duration, "for", 0, "set the level back after `10m`")
		asJSON := f.Bool("json", false, "one JSON array")
		return func(ctx context.Context, args []string) int {
			if len(args) != 1 && len(args) != 2 {
				return p.misused("level", "want a logger, and perhaps a level, got %d operands", len(args))
			}
			l.logger = args[0]
			if len(args) == 2 {
				level, ok := record.ParseLevel(args[1])
				if !ok {
					return p.misused("level", "want a level (DEBUG, INFO, WARNING, ERROR, CRITICAL, NOTSET, or a number), got %q", args[1])
				}
				l.level = &level
			}
			if l.level == nil && l.duration != 0 || l.duration < 0 {
				return p.misused("level", "want --for above 0, and a level with it")
			}
			return p.level(ctx, l, *asJSON)
		}
	},
}

// levelQuestion is what each program is asked.
type levelQuestion struct {
	where    place
	logger   string
	level    *record.Level // nil: only show it
	duration time.Duration
}

func (l *levelQuestion) ask(ctx context.Context, socket string) (control.Level, error) {
	if l.level == nil {
		return control.AskLevel(ctx, socket, l.logger)
	}
	return control.SetLevel(ctx, socket, l.logger, *l.level, l.duration)
}

// unknown says that a program does not know the logger.
func (l *levelQuestion) unknown(a *control.Level) string {
	text := fmt.Sprintf("has no logger %q so far, nor one below it", a.Logger)
	if a.Near != "" {
		text += fmt.Sprintf("; did you mean %q?", a.Near)
	}
	if l.level != nil {
		text += "; the level is set, for when there is one"
	}
	return text
}

// levelReport is the answer of one program.
type levelReport struct {
	PID     int       `json:"pid"`
	Service string    `json:"service"`
	Logger  string    `json:"logger"`
	Level   string    `json:"level"`
	Own     string    `json:"own"`
	Until   time.Time `json:"until,omitzero"`
	Then    string    `json:"then,omitempty"`
}

// String is what the level is, and until when.
func (r *levelReport) String() string {
	text := r.Level
	if r.Own == record.NotSet.String() && r.Logger != "root" {
		text += " (inherited)"
	}
	if !r.Until.IsZero() {
		text += fmt.Sprintf(" until %s, then %s", r.Until.Local().Format(time.TimeOnly), r.Then)
		if r.Then == record.NotSet.String() {
			text += " (inherited)"
		}
	}
	return text
}

func (p *program) level(ctx context.Context, l levelQuestion, asJSON bool) int {
	runs, err := p.runs(l.where)
	if err != nil && len(runs) == 0 {
		return p.failed(err)
	}
	reports, asked := []levelReport{}, map[string]bool{}
	for _, r := range runs {
		socket := r.Counters().Control()
		if asked[socket] || !r.Alive() {
			continue
		}
		if asked[socket] = true; socket == "" {
			err = errors.Join(err, fmt.Errorf("process %d has no control socket", r.Config.PID))
			continue
		}
		a, aerr := l.ask(ctx, socket)
		if aerr != nil {
			err = errors.Join(err, fmt.Errorf("process %d: %w", r.Config.PID, aerr))
			continue
		}
		rep := levelReport{PID: r.Config.PID, Service: r.Config.Service, Logger: a.Logger, Level: a.Level.String(), Own: a.Own.String(), Until: a.Until}
		if a.Unknown {
			fmt.Fprintf(p.stderr, "girok: process %d %s\n", r.Config.PID, l.unknown(&a))
		}
		if !a.Until.IsZero() {
			rep.Then = a.Then.String()
		}
		reports = append(reports, rep)
	}
	if err == nil && len(reports) == 0 {
		err = errors.New("no program of the service runs that could be asked")
	}
	p.writeLevels(reports, asJSON)
	if err != nil {
		return p.failed(err)
	}
	return exitOK
}

func (p *program) writeLevels(reports []levelReport, asJSON bool) {
	if asJSON {
		p.printJSON(reports)
		return
	}
	if len(reports) == 0 {
		return
	}
	t := newTable(p.stdout, "PID", "SERVICE", "LOGGER", "LEVEL")
	for _, r := range reports {
		t.add([]string{fmt.Sprint(r.PID), r.Service, r.Logger, r.String()})
	}
	_ = t.flush() // a closed pipe has nobody to tell
}

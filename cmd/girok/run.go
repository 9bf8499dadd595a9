package main

import (
	"context"
	"flag"
	"time"

	"github.com/girok/girok/collector"
)

var runCommand = command{
	name:    "run",
	summary: "take the records of the configuration's sources, and deliver",
	help: `
run starts what the configuration describes: its sources, the logger tree, and
delivery. A configuration without sources reads standard input, unless that is a
terminal. When all sources have ended it delivers what lies in the spool, also
what earlier runs left that were killed, and says what came of it.

SIGHUP reads the configuration again and applies it as a whole; with a mistake in
it nothing changes. SIGINT or SIGTERM stops reading and delivers, for 5 s at most or for
--drain; a second one ends that at once, and a third one the program. What is then not
delivered is in the spool.

With --spool it needs no configuration, and has none to read again: what a program wrote
is delivered as its own says. A folder, or with --service a service, that is not there yet
is waited for. A signal has it deliver what is in the spool by then, also of programs that
go on writing, and say what is left; what another process delivers is left to that one.

examples:
  girok run -c config.yaml < app.log
  tail -F app.log | girok run
  girok run < /dev/null              # deliver what a killed run left
  girok run --stay < /dev/null       # deliver for programs that write the same spool
  girok run --spool /var/spool/girok # for programs that only write, without their files
  girok run --metrics 9464           # and http://127.0.0.1:9464/metrics for Prometheus
  girok run --spool /var/spool/girok --metrics 9464   # each number with its service

exit codes: 0 all is delivered; 1 a mistake, or records were lost; 3 records wait in
the spool, or went to the dead letters`,
	prepare: func(p *program, f *flag.FlagSet) func(context.Context, []string) int {
		path := configFlag(f)
		drain := f.Duration("drain", 0, "how long to wait for delivery at the end, `5m` (default 30s, after a signal 5s)")
		stay := f.Bool("stay", false, "go on delivering when the sources have ended, until a signal")
		spool := f.String("spool", "", "deliver what programs write to the spool in `DIR`, by their own configurations, until a signal")
		service := f.String("service", "", "with --spool: only this `SERVICE`")
		metrics := f.String("metrics", "", "serve /metrics for Prometheus at `ADDR`: a port of this machine alone, or host:port")
		return func(ctx context.Context, args []string) int {
			if len(args) == 1 {
				return p.misused("run", "want no operands, got %q: a file comes by standard input, girok run < %s", args, shellWord(args[0]))
			}
			switch {
			case len(args) > 0:
				return p.misused("run", "want no operands, got %q", args)
			case *spool != "" && *path != "":
				return p.misused("run", "want -c or --spool: with --spool each program's own configuration counts")
			case *spool == "" && *service != "":
				return p.misused("run", "--service wants --spool: without it the configuration names the service")
			}
			o := collector.Options{ConfigPath: p.configPath(*path), Drain: drainLimit, Stay: *stay, Metrics: *metrics, Spool: *spool, Service: *service}
			f.Visit(func(given *flag.Flag) {
				if given.Name == "drain" {
					o.Drain, o.StopDrain = *drain, max(*drain, 1) // 0 stands for 5 s there
				}
			})
			return p.run(ctx, o)
		}
	},
}

// drainLimit is how long delivery may take when the sources have ended.
const drainLimit = 30 * time.Second

func (p *program) run(ctx context.Context, o collector.Options) int {
	o.Kinds, o.Stdin, o.Stderr, o.Hurry = kinds, p.stdin, p.stderr, p.hurry.hear()
	s, err := collector.Run(ctx, o)
	if s != nil {
		_, _ = s.WriteTo(p.stderr)
	}
	if s == nil && o.Spool == "" {
		err = noConfig(o.ConfigPath, err)
	}
	if err != nil {
		return p.failed(err)
	}
	return exitOf(s)
}

// exitOf is the exit code for what came of delivery.
func exitOf(s *collector.Summary) int {
	switch {
	case s.Lost > 0 || s.Failed > 0 || s.Damaged > 0:
		return exitMistake
	case len(s.Left) > 0 || s.Letters() > 0 || s.Unreadable > 0:
		return exitWaits
	}
	return exitOK
}

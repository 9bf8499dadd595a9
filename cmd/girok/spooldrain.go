package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/girok/girok/collector"
)

var spoolDrainCommand = command{
	name:    "spool drain",
	summary: "deliver what waits in the spool, and say what is left",
	help: `
spool drain delivers what programs of the service left in the spool that have
ended or were killed, until nothing of it waits. It reads no source. What living
programs have is left to them. On a terminal it shows how much waits; elsewhere
it says so every 10 s.

With --with, rows are written as another file says: after a column was renamed, or
a password was changed, say, and programs that know nothing of it have ended. It
holds for handlers that have the same name, class and place in that file; a batch
that was begun before stays as it was.

It gives up when nothing has moved for --patience, or when every destination
refuses; what is left stays in the spool.

examples:
  girok spool drain
  girok spool drain -c /etc/shop/config.yaml --patience 5m && umount /var/spool/shop
  girok spool drain -c /etc/shop/config.yaml --with mended.yaml

exit codes: 0 nothing waits; 1 a mistake, or records were lost; 3 something is left,
and why, or records went to the dead letters`,
	prepare: func(p *program, f *flag.FlagSet) func(context.Context, []string) int {
		path := configFlag(f)
		patience := f.Duration("patience", 30*time.Second, "give up when nothing has moved for as long, `5m`")
		with := f.String("with", "", "write rows as the configuration in `FILE` says")
		return func(ctx context.Context, args []string) int {
			if len(args) > 0 {
				return p.misused("spool drain", "want no operands, got %q", args)
			}
			return p.drain(ctx, p.configPath(*path), *with, *patience)
		}
	},
}

// noLimit is a time that nobody waits.
const noLimit = 10 * 365 * 24 * time.Hour

func (p *program) drain(ctx context.Context, path, with string, patience time.Duration) int {
	dirs, err := p.services(place{config: path})
	if err != nil {
		return p.failed(err)
	}
	for _, dir := range dirs { // what can't be listed would count as nothing that waits
		if _, err := os.ReadDir(filepath.Join(dir, "runs")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return p.failed(err)
		}
	}
	s, err := collector.Run(ctx, collector.Options{
		ConfigPath: path, With: with, Kinds: kinds, Stderr: p.stderr, DrainOnly: true, Drain: noLimit, Patience: patience, Hurry: p.hurry.hear(),
	})
	if err != nil {
		return p.failed(noConfig(path, err))
	}
	for _, h := range s.Handlers {
		fmt.Fprintf(p.stderr, "girok: %s: delivered %d records", h.Handler, h.Records)
		if h.Letters > 0 {
			fmt.Fprintf(p.stderr, "; %d went to the dead letters, see `girok dead ls`", h.Letters)
		}
		fmt.Fprintln(p.stderr)
	}
	for _, l := range s.Left {
		fmt.Fprintf(p.stderr, "girok: %s\n", collector.Left(l))
	}
	if len(s.Left) == 0 && s.Unreadable == 0 {
		fmt.Fprintln(p.stderr, "girok: nothing waits")
	}
	return exitOf(s)
}

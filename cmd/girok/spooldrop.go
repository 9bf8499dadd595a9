package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/girok/girok/collector"
	"github.com/girok/girok/spool"
)

var spoolDropCommand = command{
	name: "spool drop", args: "RUN…",
	summary: "delete runs whose records are not wanted any more",
	help: `
spool drop deletes runs from the spool, with what is not delivered of them: it is
then gone. RUN is an id of spool ls, or its beginning. It says how many records
go, and asks; without a terminal to ask at it wants --yes. A run whose program is
alive is not dropped.

examples:
  girok spool drop 8cf81a2e
  girok spool drop --yes 8cf81a2eb5068edc 03d1c70c7b1c61d1

exit codes: 0 they are gone; 1 nothing was dropped, or a mistake`,
	prepare: func(p *program, f *flag.FlagSet) func(context.Context, []string) int {
		var where place
		where.flags(f)
		yes := f.Bool("yes", false, "do not ask")
		return func(_ context.Context, args []string) int {
			if len(args) == 0 {
				return p.misused("spool drop", "want the ids of runs; `girok spool ls` lists them")
			}
			if err := p.spoolDrop(where, args, *yes); err != nil {
				return p.failed(err)
			}
			return exitOK
		}
	},
}

func (p *program) spoolDrop(w place, ids []string, yes bool) error {
	runs, err := p.runs(w)
	if err != nil && len(runs) == 0 {
		return err
	}
	list, err := matching(runs, ids)
	if err != nil {
		return err
	}
	for _, r := range list {
		if r.Alive() {
			err = errors.Join(err, fmt.Errorf("run %s is alive: process %d writes it; end that first", r.ID, r.Config.PID))
		}
	}
	if err != nil {
		return err
	}
	for _, r := range list {
		fmt.Fprintln(p.stdout, lossOf(r))
	}
	if err := p.confirm(yes, fmt.Sprintf("drop %s for good?", count(len(list), "run"))); err != nil {
		return err
	}
	for _, r := range list {
		if err := r.Remove(); err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "dropped %s\n", r.ID)
	}
	return nil
}

// lossOf says what goes with a run.
func lossOf(r *spool.Run) string {
	var parts []string
	for _, h := range r.Config.Handlers {
		if n := waitingRecords(r, h.Bit); n > 0 {
			parts = append(parts, fmt.Sprintf("%s not delivered to %s", count(int(n), "record"), h.Name))
		}
	}
	text := "all is delivered"
	if len(parts) > 0 {
		text = strings.Join(parts, ", ")
	}
	return fmt.Sprintf("run %s of %s, %s: %s", r.ID, r.Config.Service, collector.Bytes(uint64(r.Held())), text)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// confirm asks, unless yes is given. An error says that the answer was no.
func (p *program) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	fmt.Fprintf(p.stderr, "%s [y/N] ", question)
	line, err := bufio.NewReader(p.stdin).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	if err != nil {
		fmt.Fprintln(p.stderr)
		return errors.New("nobody answered, so nothing was dropped: give --yes")
	}
	return errors.New("nothing was dropped")
}

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/girok/girok/collector"
	"github.com/girok/girok/spool"
)

var spoolLsCommand = command{
	name:    "spool ls",
	summary: "the runs in the spool, and what waits in them for whom",
	help: `
spool ls lists the runs of a service: each is what one program wrote from its start
to its end. A line stands for a run and one of its handlers: how much of the run
is delivered, how many records and bytes wait, how many records were lost to a
full spool, how many are dead letters, how the handler fares, and why.

WRITER is the program that writes the run; one that is dead will write no more.
What waits in a dead run is delivered by the next program of the service, by
` + "`girok run`" + `, or by ` + "`girok spool drain`" + `. A dead run of which nothing waits any more is
removed by them too; only --all lists it.

examples:
  girok spool ls
  girok spool ls -d /var/lib/shop/spool --json

exit codes: 0 nothing waits; 1 a mistake; 3 something waits`,
	prepare: func(p *program, f *flag.FlagSet) func(context.Context, []string) int {
		var where place
		where.flags(f)
		all := f.Bool("all", false, "dead runs of which nothing waits too")
		asJSON := f.Bool("json", false, "one JSON array")
		return func(_ context.Context, args []string) int {
			if len(args) > 0 {
				return p.misused("spool ls", "want no operands, got %q", args)
			}
			return p.spoolLs(where, *all, *asJSON)
		}
	},
}

// place says which spool is meant.
type place struct{ config, dir string }

func (w *place) flags(f *flag.FlagSet) {
	f.StringVar(&w.config, "c", "", "the configuration, `FILE`; if absent $GIROK_CONFIG, else config.yaml")
	f.StringVar(&w.dir, "d", "", "the spool's `FOLDER`, or that of one service in it, in place of a configuration")
}

// services lists the folders of the services that are meant.
func (p *program) services(w place) ([]string, error) {
	dir := w.dir
	if dir == "" {
		c, err := p.check(w.config)
		if err != nil {
			return nil, err
		}
		if c.SpoolDir == "" {
			return nil, fmt.Errorf("%s: no handler that a logger uses goes through the spool; those that write in the call leave nothing there: spooled: true has them go through it, as stores do", c.File)
		}
		return []string{c.SpoolDir}, nil
	}
	if _, err := os.Stat(filepath.Join(dir, "runs")); err == nil {
		return []string{dir}, nil
	}
	var found []string
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		service := filepath.Join(dir, e.Name())
		if _, err := os.Stat(filepath.Join(service, "runs")); err == nil {
			found = append(found, service)
		}
	}
	if len(found) == 0 && (err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) {
		err = &noSpool{dir, err}
	}
	return found, err
}

// noSpool says that a folder holds no service of a spool.
type noSpool struct {
	dir string
	err error // of reading it; nil: it is there
}

func (e *noSpool) Error() string {
	return e.dir + " is no folder of a spool: want one that holds runs/, or services that do"
}

// mayCome reports whether a program that logs may make it one.
func (e *noSpool) mayCome() bool { return e.err == nil || errors.Is(e.err, fs.ErrNotExist) }

// runs lists the runs of the services that are meant. With an error the list is
// what could be read.
func (p *program) runs(w place) (all []*spool.Run, err error) {
	dirs, err := p.services(w)
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		runs, lerr := spool.List(dir)
		if errors.Is(lerr, fs.ErrNotExist) {
			fmt.Fprintf(p.stderr, "girok: there is no %s: nothing was logged through this spool so far, or the service has another name\n", dir)
			lerr = nil
		}
		err = errors.Join(err, lerr)
		all = append(all, runs...)
	}
	return all, err
}

type runReport struct {
	Run      string             `json:"run"`
	Service  string             `json:"service"`
	Created  time.Time          `json:"created"`
	Alive    bool               `json:"alive"`
	PID      int                `json:"pid"`
	Host     string             `json:"host"`
	Bytes    int64              `json:"bytes"`
	Folder   string             `json:"folder"`
	Handlers []runHandlerReport `json:"handlers"`
}

type runHandlerReport struct {
	Handler   string `json:"handler"`
	Class     string `json:"class"`
	Position  uint64 `json:"position"` // in the run, up to which it is delivered
	Delivered int    `json:"delivered_percent"`
	Records   uint64 `json:"waiting_records"`
	Waiting   uint64 `json:"waiting_bytes"`
	Lost      uint64 `json:"lost"`
	Letters   uint64 `json:"letters"`
	Retries   uint64 `json:"retries"`
	State     string `json:"state"`
	Cause     string `json:"cause,omitempty"`
	Deliverer int    `json:"deliverer_pid,omitempty"` // absent: nobody delivers
	Files     string `json:"state_files,omitempty"`   // of the handler, for all runs
	standing  standing
}

// waits reports whether something of the run is not delivered.
func (r *runReport) waits() bool {
	return slices.ContainsFunc(r.Handlers, func(h runHandlerReport) bool { return h.Waiting > 0 })
}

func runReportOf(r *spool.Run) runReport {
	c := &r.Config
	rep := runReport{
		Run: r.ID.String(), Service: c.Service, Created: c.Start(), Alive: r.Alive(), PID: c.PID, Host: c.Host,
		Bytes: r.Held(), Folder: r.Path(), Handlers: []runHandlerReport{},
	}
	end := r.End()
	for i := range c.Handlers {
		rep.Handlers = append(rep.Handlers, handlerReportOf(r, &c.Handlers[i], end))
	}
	return rep
}

func handlerReportOf(r *spool.Run, h *spool.HandlerConfig, end uint64) runHandlerReport {
	slot := r.Counters().Slot(h.Bit)
	lost, _, _ := slot.Lost()
	rep := runHandlerReport{
		Handler: h.Name, Class: h.Class, Position: slot.Delivered(), Waiting: r.Waiting(h.Bit, end),
		Lost: lost, Letters: slot.Letters(), Retries: slot.Retries(), Delivered: 100,
	}
	if rep.Waiting > 0 {
		rep.Records = waitingRecords(r, h.Bit)
		rep.Delivered = percent(end-rep.Waiting, end)
	}
	rep.standing = standingOf(r, h, rep.Waiting > 0)
	rep.State, rep.Cause, rep.Files = rep.standing.state, rep.standing.cause, rep.standing.files
	if holder := rep.standing.holder; holder != nil {
		rep.Deliverer = holder.PID
	}
	return rep
}

// percent is how much of a run lies below a position.
func percent(at, end uint64) int {
	const header = 4096 // of the first segment: it is nobody's
	if at <= header || end <= header {
		return 0
	}
	return int(100 * (at - header) / (end - header))
}

// serviceOf is the folder of a run's service.
func serviceOf(r *spool.Run) string { return filepath.Dir(filepath.Dir(r.Path())) }

func (p *program) spoolLs(w place, all, asJSON bool) int {
	runs, err := p.runs(w)
	code := exitOK
	if err != nil {
		if code = p.failed(err); len(runs) == 0 {
			return code
		}
	}
	reports := []runReport{}
	for _, r := range runs {
		rep := runReportOf(r)
		if rep.waits() && code == exitOK {
			code = exitWaits
		}
		if all || rep.Alive || rep.waits() {
			reports = append(reports, rep)
		}
	}
	if asJSON {
		p.printJSON(reports)
		return code
	}
	if len(reports) == 0 {
		fmt.Fprintln(p.stdout, "no runs: all is delivered")
		return code
	}
	writeRuns(p, reports)
	return code
}

func writeRuns(p *program, reports []runReport) {
	t := newTable(p.stdout, "RUN", "SERVICE", "CREATED", "WRITER", "HELD", "HANDLER", "DELIVERED", "WAITING", "BYTES", "LOST", "LETTERS", "STATE")
	for _, r := range reports {
		writer := fmt.Sprintf("dead (pid %d)", r.PID)
		if r.Alive {
			writer = fmt.Sprintf("pid %d", r.PID)
		}
		for _, h := range r.Handlers {
			t.add([]string{
				r.Run, r.Service, r.Created.UTC().Format("2006-01-02T15:04:05Z"), writer, collector.Bytes(uint64(r.Bytes)), h.Handler,
				fmt.Sprintf("%d %%", h.Delivered), fmt.Sprint(h.Records), collector.Bytes(h.Waiting), fmt.Sprint(h.Lost), fmt.Sprint(h.Letters), h.standing.String(),
			})
		}
	}
	_ = t.flush() // a closed pipe has nobody to tell
}

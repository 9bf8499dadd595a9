package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/girok/girok/collector"
	"github.com/girok/girok/spool"
)

var topCommand = command{
	name:    "top",
	summary: "how fast records come and are delivered, and what lags, as it happens",
	help: `
top shows, for each run in the spool and each of its handlers, how many records and
bytes a second are written and delivered, how many wait, how old the oldest of them
is, how often delivery had to be tried again, what was lost or set aside, and how
the handler fares. It reads the spool and asks nobody, so it works whatever state
the programs are in.

On a terminal it is redrawn until ^C; elsewhere, and with --once, it is shown once,
after one interval. With --json each time is one line.

examples:
  girok top
  girok top --once --json | jq '.handlers[] | select(.waiting_records > 1000)'

exit codes: 0; 1 a mistake`,
	prepare: func(p *program, f *flag.FlagSet) func(context.Context, []string) int {
		var t top
		t.where.flags(f)
		f.BoolVar(&t.once, "once", false, "show it once")
		f.BoolVar(&t.json, "json", false, "JSON lines")
		f.DurationVar(&t.interval, "interval", time.Second, "how often, `2s`")
		return func(ctx context.Context, args []string) int {
			switch {
			case len(args) > 0:
				return p.misused("top", "want no operands, got %q", args)
			case t.interval < 10*time.Millisecond:
				return p.misused("top", "want --interval of at least 10ms, got %s", t.interval)
			}
			if err := p.top(ctx, &t); err != nil {
				return p.failed(err)
			}
			return exitOK
		}
	},
}

type top struct {
	where      place
	once, json bool
	interval   time.Duration

	gauges map[string]*gauge // by the run's folder
}

// topReport is how things stand. Rates are a second.
type topReport struct {
	At       time.Time    `json:"at"`
	Runs     int          `json:"runs"`
	Alive    int          `json:"alive"`
	Held     int64        `json:"held_bytes"`
	Handlers []topHandler `json:"handlers"`
}

type topHandler struct {
	Service        string  `json:"service"`
	Run            string  `json:"run"`
	PID            int     `json:"pid"`
	Alive          bool    `json:"alive"`
	Handler        string  `json:"handler"`
	Written        float64 `json:"written_records_per_second"`
	Records        float64 `json:"delivered_records_per_second"`
	Bytes          float64 `json:"delivered_bytes_per_second"`
	WaitingRecords uint64  `json:"waiting_records"`
	WaitingBytes   uint64  `json:"waiting_bytes"`
	LagSeconds     float64 `json:"lag_seconds"`
	Retries        uint64  `json:"retries"`
	Letters        uint64  `json:"letters"`
	Lost           uint64  `json:"lost"`
	State          string  `json:"state"`
	Cause          string  `json:"cause,omitempty"`
	standing       standing
}

func (p *program) top(ctx context.Context, t *top) error {
	dirs, err := p.services(t.where)
	if err != nil {
		return err
	}
	live := collector.IsTerminal(p.stdout)
	t.gauges = map[string]*gauge{}
	if _, err := t.look(dirs); err != nil {
		return err
	}
	tick := time.NewTicker(t.interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		r, err := t.look(dirs)
		if err != nil {
			return err
		}
		if t.show(p.stdout, r, live && !t.once) != nil || t.once || !live && !t.json {
			return nil // a closed pipe has nobody to tell
		}
	}
}

// look reads all runs, and compares with the look before.
func (t *top) look(dirs []string) (*topReport, error) {
	rep := &topReport{At: time.Now(), Handlers: []topHandler{}}
	there := map[string]bool{}
	for _, dir := range dirs {
		entries, err := os.ReadDir(filepath.Join(dir, "runs"))
		if err != nil && !os.IsNotExist(err) {
			return nil, err
		}
		for _, e := range entries {
			path := filepath.Join(dir, "runs", e.Name())
			g := t.gauges[path]
			if g == nil && e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
				if r, err := spool.Look(path); err == nil { // what can't be read, spool ls tells
					g = newGauge(r)
				}
			}
			if g == nil {
				continue
			}
			t.gauges[path], there[path] = g, true
			rep.add(g)
		}
	}
	for path, g := range t.gauges {
		if !there[path] {
			g.rd.Close()
			delete(t.gauges, path)
		}
	}
	return rep, nil
}

// add adds a run's handlers.
func (rep *topReport) add(g *gauge) {
	now, before := g.reading(), g.last
	g.last = now
	alive := g.run.Alive()
	rep.Runs++
	if alive {
		rep.Alive++
	}
	rep.Held += g.run.Held()
	for i := range g.run.Config.Handlers {
		h := &g.run.Config.Handlers[i]
		slot, hr := g.run.Counters().Slot(h.Bit), now.handlers[i]
		th := topHandler{
			Service: g.run.Config.Service, Run: g.run.ID.String(), PID: g.run.Config.PID, Alive: alive, Handler: h.Name,
			WaitingRecords: hr.waiting, Retries: slot.Retries(), Letters: slot.Letters(),
		}
		if hr.waiting > 0 {
			th.WaitingBytes = g.run.Waiting(h.Bit, now.end)
		}
		if !hr.oldest.IsZero() {
			th.LagSeconds = max(now.at.Sub(hr.oldest).Seconds(), 0)
		}
		th.Lost, _, _ = slot.Lost()
		if before != nil {
			s := now.at.Sub(before.at).Seconds()
			th.Written = float64(now.written-before.written) / s
			th.Records = float64(hr.passed-min(before.handlers[i].passed, hr.passed)) / s
			th.Bytes = float64(hr.delivered-min(before.handlers[i].delivered, hr.delivered)) / s
		}
		th.standing = standingOf(g.run, h, hr.waiting > 0)
		th.State, th.Cause = th.standing.state, th.standing.cause
		rep.Handlers = append(rep.Handlers, th)
	}
}

// show writes a report; redrawn over the one before.
func (t *top) show(w io.Writer, r *topReport, redraw bool) error {
	if t.json {
		return writeLine(w, r)
	}
	var b strings.Builder
	if redraw {
		b.WriteString("\x1b[H\x1b[2J")
	}
	fmt.Fprintf(&b, "%s  %s, %d alive, %s held\n\n", r.At.Format(time.TimeOnly), count(r.Runs, "run"), r.Alive, collector.Bytes(uint64(r.Held)))
	table := newTable(&b, "RUN", "WRITER", "HANDLER", "WRITTEN/S", "DELIVERED/S", "BYTES/S", "WAITING", "BYTES", "LAG", "RETRIES", "LETTERS", "LOST", "STATE")
	for _, h := range r.Handlers {
		writer := "dead"
		if h.Alive {
			writer = fmt.Sprintf("pid %d", h.PID)
		}
		table.add([]string{
			h.Run, writer, h.Handler, fmt.Sprintf("%.0f", h.Written), fmt.Sprintf("%.0f", h.Records), collector.Bytes(uint64(h.Bytes)),
			fmt.Sprint(h.WaitingRecords), collector.Bytes(h.WaitingBytes), lag(h.LagSeconds), fmt.Sprint(h.Retries), fmt.Sprint(h.Letters), fmt.Sprint(h.Lost), h.standing.String(),
		})
	}
	_ = table.flush() // into memory
	_, err := io.WriteString(w, b.String())
	return err
}

// lag is an age as people read it.
func lag(seconds float64) string {
	if seconds == 0 {
		return "-"
	}
	d := time.Duration(seconds * float64(time.Second))
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

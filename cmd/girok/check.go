package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

var checkCommand = command{
	name:    "check",
	summary: "every mistake of a configuration, or what it does",
	help: `
check reads a configuration and touches nothing else. It tells every mistake with
its line and column; of a configuration without one it shows where records go:
each logger with the handlers that its records come to, each handler with its
guarantee, what the disk of the spool survives, and what works and is perhaps not
meant: handlers that nothing uses, levels that nothing reaches, fields that no
record has, secrets in clear text. --explain says step by step what becomes of one
log.

With --connect it also logs in to each store, looks at tables, columns, rights and
limits, and tells how they differ from what the configuration wants: "note" is what
works, "WRONG" what does not, each with what to do. It writes nothing there. Files that handlers write are looked at in the same way.

examples:
  girok check -c config.yaml
  girok check --connect
  girok check --json | jq .warnings
  girok check --explain shop.orders DEBUG

exit codes: 0 it is right, perhaps with warnings and notes; 1 it has mistakes, this
user can't use the spool, or a store or file is not as it has to be or can't be reached`,
	prepare: func(p *program, f *flag.FlagSet) func(context.Context, []string) int {
		path := configFlag(f)
		asJSON := f.Bool("json", false, "one JSON object")
		explain := f.Bool("explain", false, "what becomes of a log; the operands are LOGGER LEVEL")
		connect := f.Bool("connect", false, "look at the stores too")
		patience := f.Duration("patience", 10*time.Second, "how long to wait for each store")
		return func(ctx context.Context, args []string) int {
			switch {
			case *explain && len(args) == 2:
				return p.explain(*path, args[0], args[1], *asJSON)
			case *explain:
				return p.misused("check", "want a logger and a level after --explain, got %q", args)
			case len(args) > 0:
				return p.misused("check", "want no operands, got %q", args)
			}
			if *patience <= 0 {
				return p.misused("check", "want --patience above 0, got %v", *patience)
			}
			if !*connect {
				*patience = 0
			}
			return p.checkFile(ctx, *path, *patience, *asJSON)
		}
	},
}

// checkFile looks at stores too if there is patience for it.
func (p *program) checkFile(ctx context.Context, path string, patience time.Duration, asJSON bool) int {
	c, err := p.check(path)
	var ps config.Problems
	switch {
	case err != nil && asJSON && errors.As(err, &ps):
		p.printJSON(map[string]any{"ok": false, "problems": problemsOf(ps)})
		return exitMistake
	case err != nil:
		return p.failed(err)
	}
	r := reportOf(c)
	if patience > 0 {
		r.look(ctx, c, patience)
	}
	if asJSON {
		p.printJSON(r)
	} else {
		writeReport(p.stdout, r)
	}
	if !r.OK {
		return exitMistake
	}
	return exitOK
}

// explain says what becomes of one log.
func (p *program) explain(path, logger, level string, asJSON bool) int {
	c, err := p.check(path)
	if err != nil {
		return p.failed(err)
	}
	l, ok := record.ParseLevel(level)
	if !ok {
		return p.misused("check", "want a level (DEBUG, INFO, WARNING, ERROR, CRITICAL, or a number), got %q", level)
	}
	steps := c.Explain(logger, l)
	if asJSON {
		p.printJSON(map[string]any{"logger": logger, "level": l.String(), "steps": steps})
		return exitOK
	}
	for _, s := range steps {
		fmt.Fprintln(p.stdout, s)
	}
	return exitOK
}

func (p *program) printJSON(v any) {
	enc := json.NewEncoder(p.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // plain values; a closed pipe has nobody to tell
}

// writeLine writes a value as one line of JSON.
func writeLine(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// report is what check says of a configuration without mistakes.
type report struct {
	OK       bool            `json:"ok"`
	File     string          `json:"file"`
	Service  string          `json:"service"`
	Spool    string          `json:"spool,omitempty"`
	Disk     string          `json:"disk,omitempty"`
	Survives string          `json:"survives,omitempty"`
	Refused  *found          `json:"spool_refused,omitempty"`
	Sources  []sourceReport  `json:"sources"`
	Loggers  []loggerReport  `json:"loggers"`
	Handlers []handlerReport `json:"handlers"`
	Warnings []problem       `json:"warnings"`
}

type sourceReport struct {
	Name  string `json:"name"`
	Class string `json:"class"`
}

type loggerReport struct {
	Name      string   `json:"name"`
	Level     string   `json:"level"`
	Inherits  bool     `json:"inherits_level"`
	Own       []string `json:"own"`
	Handlers  []string `json:"handlers"`
	Propagate bool     `json:"propagate"`
}

type handlerReport struct {
	Name      string   `json:"name"`
	Class     string   `json:"class"`
	Place     string   `json:"place,omitempty"`
	Guarantee string   `json:"guarantee"`
	Level     string   `json:"level"`
	Accepts   []string `json:"accepts"`
	Spooled   bool     `json:"spooled"`
	Found     []found  `json:"found,omitempty"` // with --connect
}

type problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Key     string `json:"key"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	text    string
}

func problemsOf(ps []config.Problem) []problem {
	list := []problem{}
	for _, p := range ps {
		list = append(list, problem{File: p.File, Line: p.Line, Column: p.Col, Key: p.Path, Message: p.Msg, Hint: p.Hint, text: p.Error()})
	}
	return list
}

func reportOf(c *girok.Checked) *report {
	r := &report{OK: true, File: c.File, Service: c.Service, Spool: c.SpoolDir, Sources: []sourceReport{}, Warnings: problemsOf(c.Warnings)}
	if c.SpoolDir != "" {
		if d, err := spool.LookDisk(existing(c.SpoolDir)); err == nil {
			r.Disk, r.Survives = d.Type, d.Survives
		}
	}
	if c.SpoolRefused != nil {
		r.OK, r.Survives = false, ""
		r.Refused = &found{sink.Wrong.String(), c.SpoolRefused.Error(), refusedSpool(c)}
	}
	for _, s := range c.Sources {
		r.Sources = append(r.Sources, sourceReport{s.Name, s.Kind.Name()})
	}
	for _, l := range c.Loggers {
		name := l.Name
		if name == "" {
			name = "root"
		}
		r.Loggers = append(r.Loggers, loggerReport{name, l.Level.String(), l.OwnLevel == record.NotSet && l.Name != "", l.Own, l.All, l.Propagate})
	}
	for _, h := range c.Handlers {
		r.Handlers = append(r.Handlers, handlerReport{h.Name, h.Class, h.Place, h.Guarantee, h.Level.String(), h.Accepts, h.Spooled, nil})
	}
	return r
}

// refusedSpool is what comes of a spool that can't be used, and what to do.
func refusedSpool(c *girok.Checked) string {
	comes := "records would stay in memory, and a kill would lose them"
	if c.SpoolRequired {
		comes = "the program would not start, for spool.require is true"
	}
	return comes + ": let this user write the folder, set spool.dir, or run check as the user of the program"
}

// depthOf is the indentation of a logger: below the loggers of the file that it lies
// under, and all below root.
func depthOf(name string, all []loggerReport) string {
	depth := "  "
	if name == "root" {
		return depth
	}
	for _, l := range all {
		if l.Name == "root" || strings.HasPrefix(name, l.Name+".") {
			depth += "  "
		}
	}
	return depth
}

// existing is the nearest folder that is there.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

func writeSpool(w io.Writer, r *report) {
	switch {
	case r.Refused != nil:
		fmt.Fprintf(w, "spool     %s\n", cmp.Or(r.Spool, "nowhere"))
		writeFound(w, "          ", []found{*r.Refused})
	case r.Spool != "":
		fmt.Fprintf(w, "spool     %s\n          %s: %s\n", r.Spool, r.Disk, r.Survives)
	}
}

func writeReport(w io.Writer, r *report) {
	fmt.Fprintf(w, "%s is right\n\n", r.File)
	fmt.Fprintf(w, "service   %s\n", r.Service)
	writeSpool(w, r)
	for _, s := range r.Sources {
		fmt.Fprintf(w, "source    %s, class %s\n", s.Name, s.Class)
	}
	fmt.Fprint(w, "\nloggers\n")
	t := newTable(w, "", "", "")
	for _, l := range r.Loggers {
		to := strings.Join(l.Handlers, ", ")
		if to == "" {
			to = "nothing is configured: WARNING and above to standard error"
		}
		if !l.Propagate && l.Name != "root" {
			to += "  (propagate: false)"
		}
		level := l.Level
		if l.Inherits {
			level = "(" + level + ")"
		}
		t.add([]string{depthOf(l.Name, r.Loggers) + l.Name, level, "→ " + to})
	}
	_ = t.flushRows()
	if len(r.Handlers) > 0 {
		fmt.Fprint(w, "\nhandlers\n")
	}
	for _, h := range r.Handlers {
		way := "direct"
		if h.Spooled {
			way = "spooled"
		}
		fmt.Fprintf(w, "  %s: %s, %s, takes %s", h.Name, h.Class, way, strings.Join(h.Accepts, ", "))
		if h.Level != "NOTSET" {
			fmt.Fprintf(w, " from %s", h.Level)
		}
		if h.Place != "" {
			fmt.Fprintf(w, "\n      to %s", h.Place)
		}
		fmt.Fprintf(w, "\n      %s\n", h.Guarantee)
		writeFound(w, "      ", h.Found)
	}
	if len(r.Warnings) > 0 {
		fmt.Fprint(w, "\nwarnings\n")
	}
	for _, p := range r.Warnings {
		fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(p.text, "\n", "\n  "))
	}
}

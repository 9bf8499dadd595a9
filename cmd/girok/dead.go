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
	"strings"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/deliver"
	"github.com/girok/girok/spool"
)

var deadLsCommand = command{
	name:    "dead ls",
	summary: "the dead letters: records that their destination refused for good",
	help: `
dead ls lists the dead letters of a service, oldest first: when, which handler, and
why the destination did not take the record. They stay until somebody drops them.

examples:
  girok dead ls
  girok dead ls --handler warehouse --json | jq -r .[].reason | sort | uniq -c

exit codes: 0 there are none; 1 a mistake; 3 there are some`,
	prepare: func(p *program, f *flag.FlagSet) func(context.Context, []string) int {
		var where place
		where.flags(f)
		handler := f.String("handler", "", "only those of the handler `NAME`")
		asJSON := f.Bool("json", false, "one JSON array")
		return func(_ context.Context, args []string) int {
			if len(args) > 0 {
				return p.misused("dead ls", "want no operands, got %q", args)
			}
			return p.deadLs(where, *handler, *asJSON)
		}
	},
}

var deadShowCommand = command{
	name: "dead show", args: "ID",
	summary: "one dead letter: the reason, and the record",
	help: `
dead show writes what is known of a letter: where the record was meant to go, why it
is not there, and the record itself. ID is that of dead ls, or its beginning.

examples:
  girok dead show 8cf81a2eb5068edc-0000000000001000-0
  girok dead show 8cf81a --json

exit codes: 0; 1 there is no such letter, or a mistake`,
	prepare: func(p *program, f *flag.FlagSet) func(context.Context, []string) int {
		var where place
		where.flags(f)
		asJSON := f.Bool("json", false, "one JSON array")
		return func(_ context.Context, args []string) int {
			if len(args) != 1 {
				return p.misused("dead show", "want the ID of one letter, got %d operands", len(args))
			}
			return p.deadShow(where, args[0], *asJSON)
		}
	},
}

var deadDropCommand = command{
	name: "dead drop", args: "[ID…]",
	summary: "delete dead letters whose records are not wanted any more",
	help: `
dead drop deletes dead letters: their records are then gone. ID is that of dead
ls, or its beginning, which may mean several; --all means all, or all of one
--handler. It says how many go, and asks; without a terminal to ask at it wants
--yes.

examples:
  girok dead drop 8cf81a2eb5068edc-0000000000001000-0
  girok dead drop --all --handler warehouse --yes

exit codes: 0 they are gone; 1 nothing was dropped, or a mistake`,
	prepare: func(p *program, f *flag.FlagSet) func(context.Context, []string) int {
		var where place
		where.flags(f)
		all := f.Bool("all", false, "all letters")
		handler := f.String("handler", "", "only those of the handler `NAME`")
		yes := f.Bool("yes", false, "do not ask")
		return func(_ context.Context, args []string) int {
			if *all != (len(args) == 0) {
				return p.misused("dead drop", "want IDs of letters, or --all")
			}
			if err := p.deadDrop(where, args, *handler, *yes); err != nil {
				return p.failed(err)
			}
			return exitOK
		}
	},
}

var deadReplayCommand = command{
	name: "dead replay", args: "[ID…]",
	summary: "give dead letters back to their handler",
	help: `
dead replay makes dead letters records again, for the handler of the same name as
the configuration has it now: mend the table or the handler's columns first. They
become a run in the spool, which is delivered by whoever delivers for the service:
a program that runs, the next one, or girok spool drain. Each letter is given back
once, and its record keeps the id that it had. ID is that of dead ls, or its
beginning, which may mean several; --all means all, or all of one --handler.

examples:
  girok dead replay 8cf81a2eb5068edc-0000000000001000-0
  girok dead replay --all --handler warehouse && girok spool drain

exit codes: 0 they are in the spool; 1 nothing was given back, or a mistake`,
	prepare: func(p *program, f *flag.FlagSet) func(context.Context, []string) int {
		path := configFlag(f)
		all := f.Bool("all", false, "all letters")
		handler := f.String("handler", "", "only those of the handler `NAME`")
		return func(_ context.Context, args []string) int {
			if *all != (len(args) == 0) {
				return p.misused("dead replay", "want IDs of letters, or --all")
			}
			if err := p.deadReplay(p.configPath(*path), args, *handler); err != nil {
				return p.failed(err)
			}
			return exitOK
		}
	},
}

// letterReport is a letter for JSON; the record is readable.
type letterReport struct {
	ID      string     `json:"id"`
	Handler string     `json:"handler"`
	Target  string     `json:"target"`
	At      time.Time  `json:"at"`
	Reason  string     `json:"reason"`
	Service string     `json:"service"`
	Version string     `json:"version,omitempty"`
	Host    string     `json:"host,omitempty"`
	Run     string     `json:"run"`
	Place   uint64     `json:"position"`
	Index   uint32     `json:"index"`
	Record  jsonRecord `json:"record"`
	File    string     `json:"file"`
}

// jsonRecord is a payload that is written as a JSON object.
type jsonRecord []byte

func (r jsonRecord) MarshalJSON() ([]byte, error) {
	return append(appendMembers([]byte("{"), r), '}'), nil
}

func letterReportOf(l *deliver.Letter) letterReport {
	return letterReport{
		ID: letterID(l), Handler: l.Handler, Target: l.Target, At: l.At, Reason: l.Reason, Service: l.Service, Version: l.Version,
		Host: l.Host, Run: l.Run, Place: l.Position, Index: l.Index, Record: jsonRecord(l.Frame), File: l.File,
	}
}

// letterID is the letter's file without its suffix: run, position, index.
func letterID(l *deliver.Letter) string {
	return strings.TrimSuffix(filepath.Base(l.File), ".json")
}

// letters lists those of the services that are meant, of one handler or all. With an
// error the list is what could be read.
func (p *program) letters(w place, handler string) (all []deliver.Letter, err error) {
	dirs, err := p.services(w)
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		list, lerr := deliver.Letters(dir)
		err = errors.Join(err, lerr)
		all = append(all, list...)
	}
	if handler == "" {
		return all, err
	}
	of := slices.DeleteFunc(slices.Clone(all), func(l deliver.Letter) bool { return l.Handler != handler })
	if len(of) == 0 && err == nil {
		err = p.handlerKnown(w, handler, all)
	}
	return of, err
}

// handlerKnown is an error if neither the configuration nor a letter knows a handler.
// A folder alone does not tell which handlers there are.
func (p *program) handlerKnown(w place, handler string, letters []deliver.Letter) error {
	if w.dir != "" {
		return nil
	}
	c, err := p.check(w.config)
	if err != nil {
		return err
	}
	var names []string
	for _, h := range c.Handlers {
		names = append(names, h.Name)
	}
	for _, l := range letters {
		names = append(names, l.Handler)
	}
	slices.Sort(names)
	return noHandler(c.File, handler, slices.Compact(names))
}

// noHandler is the error that a configuration has no handler of a name; nil if it has.
func noHandler(file, name string, all []string) error {
	if slices.Contains(all, name) {
		return nil
	}
	meant := ""
	if s := config.Suggest(name, all); s != "" {
		meant = fmt.Sprintf(" did you mean %q?", s)
	}
	return fmt.Errorf("%s has no handler %q;%s it has %s", file, name, meant, strings.Join(all, ", "))
}

func (p *program) deadLs(w place, handler string, asJSON bool) int {
	letters, err := p.letters(w, handler)
	if err != nil {
		return p.failed(err)
	}
	reports := []letterReport{}
	t := newTable(p.stdout, "AT", "HANDLER", "ID", "REASON", "MESSAGE")
	for i := range letters {
		l := &letters[i]
		reports = append(reports, letterReportOf(l))
		t.add([]string{l.At.UTC().Format("2006-01-02T15:04:05Z"), l.Handler, letterID(l), l.Reason, messageOf(l.Frame)})
	}
	switch {
	case asJSON:
		p.printJSON(reports)
	case len(reports) == 0:
		fmt.Fprintln(p.stdout, "no dead letters")
	default:
		_ = t.flush() // a closed pipe has nobody to tell
	}
	if len(reports) > 0 {
		return exitWaits
	}
	return exitOK
}

// chosen lists the letters whose ids begin with one of the words, without words all.
func chosen(letters []deliver.Letter, words []string) (list []*deliver.Letter, err error) {
	used := make([]bool, len(words))
	for i := range letters {
		l := &letters[i]
		found := len(words) == 0
		for j, word := range words {
			if strings.HasPrefix(letterID(l), strings.ToLower(word)) {
				found, used[j] = true, true
			}
		}
		if found {
			list = append(list, l)
		}
	}
	for j, word := range words {
		if !used[j] {
			err = errors.Join(err, fmt.Errorf("there is no dead letter %s; `girok dead ls` lists them", word))
		}
	}
	return list, err
}

func (p *program) deadDrop(w place, ids []string, handler string, yes bool) error {
	letters, err := p.letters(w, handler)
	if err != nil {
		return err
	}
	list, err := chosen(letters, ids)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		fmt.Fprintln(p.stdout, "no dead letters")
		return nil
	}
	if err := p.confirm(yes, fmt.Sprintf("drop %s for good?", count(len(list), "dead letter"))); err != nil {
		return err
	}
	for _, l := range list {
		if err := os.Remove(l.File); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	fmt.Fprintf(p.stdout, "dropped %s\n", count(len(list), "dead letter"))
	return nil
}

// deadReplay gives letters back, those of one handler, version and host as one run.
func (p *program) deadReplay(path string, ids []string, handler string) error {
	c, err := p.check(path)
	if err != nil {
		return err
	}
	letters, err := p.letters(place{config: path}, handler)
	if err != nil {
		return err
	}
	list, err := chosen(letters, ids)
	if err != nil {
		return err
	}
	type origin struct{ handler, version, host string }
	groups := map[origin][]*deliver.Letter{}
	for _, l := range list {
		if !slices.ContainsFunc(c.Run.Handlers, func(h spool.HandlerConfig) bool { return h.Name == l.Handler }) {
			return fmt.Errorf("%s: no logger uses a spooled handler %q, which letter %s was meant for", c.File, l.Handler, letterID(l))
		}
		o := origin{l.Handler, l.Version, l.Host}
		groups[o] = append(groups[o], l)
	}
	for o, list := range groups {
		cfg := c.Run
		cfg.Version, cfg.Host = o.version, o.host
		cfg.Handlers = slices.DeleteFunc(slices.Clone(c.Run.Handlers), func(h spool.HandlerConfig) bool { return h.Name != o.handler })
		if err := deliver.Replay(c.SpoolDir, cfg, list); err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "gave %s back to %s\n", count(len(list), "dead letter"), o.handler)
	}
	if len(groups) == 0 {
		fmt.Fprintln(p.stdout, "no dead letters")
	}
	return nil
}

func (p *program) deadShow(w place, id string, asJSON bool) int {
	letters, err := p.letters(w, "")
	if err != nil {
		return p.failed(err)
	}
	reports := []letterReport{}
	for i := range letters {
		if l := &letters[i]; strings.HasPrefix(letterID(l), strings.ToLower(id)) {
			reports = append(reports, letterReportOf(l))
		}
	}
	if len(reports) == 0 {
		return p.failed(fmt.Errorf("there is no dead letter %s; `girok dead ls` lists them", id))
	}
	if asJSON {
		p.printJSON(reports)
		return exitOK
	}
	for i, r := range reports {
		if i > 0 {
			fmt.Fprintln(p.stdout)
		}
		fmt.Fprintf(p.stdout, "letter   %s\nhandler  %s, to %s\nreason   %s\nat       %s\nservice  %s\nfile     %s\nrecord   %s\n",
			r.ID, r.Handler, r.Target, plain(r.Reason), r.At.UTC().Format(time.RFC3339), r.Service, r.File, appendText(nil, r.Record))
	}
	return exitOK
}

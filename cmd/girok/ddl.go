package main

import (
	"context"
	"flag"
	"fmt"
	"slices"

	"github.com/girok/girok/sink"
)

var ddlCommand = command{
	name: "ddl", args: "[HANDLER]",
	summary: "the statements that `create: true` runs for each table",
	help: `
ddl prints, for each handler that writes into a table, the statements with which
` + "`create: true`" + ` makes what is missing: for review, or for somebody who may run them
where girok may not. It connects to nothing.

examples:
  girok ddl
  girok ddl warehouse | sqlite3 shop.db

exit codes: 0; 1 there is no table, or a mistake`,
	prepare: func(p *program, f *flag.FlagSet) func(context.Context, []string) int {
		path := configFlag(f)
		asJSON := f.Bool("json", false, "one JSON array")
		return func(_ context.Context, args []string) int {
			if len(args) > 1 {
				return p.misused("ddl", "want one handler, got %q", args)
			}
			if err := p.ddl(*path, args, *asJSON); err != nil {
				return p.failed(err)
			}
			return exitOK
		}
	},
}

// ddlReport is what one handler's table takes.
type ddlReport struct {
	Handler  string `json:"handler"`
	Class    string `json:"class"`
	Endpoint string `json:"endpoint"`
	Table    string `json:"table"`
	DDL      string `json:"ddl"`
}

func (p *program) ddl(path string, handlers []string, asJSON bool) error {
	c, err := p.check(path)
	if err != nil {
		return err
	}
	var all []string
	reports := []ddlReport{}
	for _, h := range c.Handlers {
		all = append(all, h.Name)
		m, ok := h.Config.(sink.Maker)
		if !ok || len(handlers) > 0 && !slices.Contains(handlers, h.Name) {
			continue
		}
		reports = append(reports, ddlReport{h.Name, h.Class, m.Endpoint(h.Env), m.Target(), m.DDL(h.Env)})
	}
	if len(handlers) > 0 {
		if err := noHandler(c.File, handlers[0], all); err != nil {
			return err
		}
	}
	switch {
	case len(reports) == 0:
		return fmt.Errorf("%s: no handler here writes into a table", c.File)
	case asJSON:
		p.printJSON(reports)
		return nil
	}
	for i, r := range reports {
		if i > 0 {
			fmt.Fprintln(p.stdout)
		}
		fmt.Fprintf(p.stdout, "-- handler %s: %s, %s\n%s", r.Handler, r.Class, plain(r.Endpoint), r.DDL)
	}
	return nil
}

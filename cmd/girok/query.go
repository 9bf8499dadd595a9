package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

var queryCommand = command{
	name: "query", args: `"SELECT …"`,
	summary: "ask the embedded warehouse in SQL",
	help: `
query asks the embedded database that a handler of the configuration writes; it
only reads, and may be used while girok writes.

examples:
  girok query "select level, count(*) from logs group by level"
  girok query -d logs.db --format csv "select * from logs" > logs.csv
  girok query --handler audit --format json "select count(*) as n from logs"

exit codes: 0 the answer is there; 1 no such database, or SQL that is wrong`,
	prepare: func(p *program, f *flag.FlagSet) func(context.Context, []string) int {
		var q query
		path := configFlag(f)
		f.StringVar(&q.file, "d", "", "the database, `FILE.db`, in place of a configuration")
		f.StringVar(&q.handler, "handler", "", "the handler whose database is meant, by `NAME`, where there are several")
		f.StringVar(&q.format, "format", "table", "`table`, csv or json")
		return func(ctx context.Context, args []string) int {
			if len(args) != 1 {
				return p.misused("query", "want one statement in quotes, got %d operands", len(args))
			}
			if writers[q.format] == nil {
				return p.misused("query", "want --format table, csv or json, got %q", q.format)
			}
			q.config, q.sql = *path, args[0]
			if err := p.query(ctx, q); err != nil {
				return p.failed(err)
			}
			return exitOK
		}
	},
}

type query struct {
	config, file, handler, format, sql string
}

func (p *program) query(ctx context.Context, q query) error {
	class, path := "sqlite", q.file
	if path == "" {
		var err error
		if class, path, err = p.warehouse(q); err != nil {
			return err
		}
	}
	columns, rows, err := warehouses[class](ctx, path, q.sql)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no database %s yet: `girok run` makes it with the first records, if its handler says create: true", path)
	}
	if err != nil {
		return fmt.Errorf("%s: %w%s", path, err, remedy(err))
	}
	defer rows.Close()
	w := writers[q.format](p.stdout, columns)
	for {
		row, err := rows.Next(ctx)
		if errors.Is(err, io.EOF) {
			return w.end()
		}
		if err != nil {
			return fmt.Errorf("%s: %w%s", path, err, remedy(err))
		}
		if err := w.row(row); err != nil {
			return err
		}
	}
}

// remedy says what to do about an error of the database.
func remedy(err error) string {
	switch msg := err.Error(); {
	case strings.Contains(msg, "readonly database"):
		return "; girok query only reads"
	case strings.Contains(msg, "no such table"):
		return "; tables: girok query \"select name from sqlite_schema where type in ('table', 'view')\""
	}
	return ""
}

// warehouse finds the handler whose database is asked.
func (p *program) warehouse(q query) (class, path string, err error) {
	c, err := p.check(q.config)
	if err != nil {
		return "", "", err
	}
	found := map[string]string{} // path → class
	var names, all []string
	for _, h := range c.Handlers {
		all = append(all, h.Name)
		if warehouses[h.Class] == nil || q.handler != "" && q.handler != h.Name {
			continue
		}
		names = append(names, h.Name)
		path, class = h.Config.Endpoint(h.Env), h.Class
		found[path] = class
	}
	known := strings.Join(slices.Sorted(maps.Keys(warehouses)), ", ")
	switch {
	case len(found) == 0 && q.handler != "" && !slices.Contains(all, q.handler):
		return "", "", fmt.Errorf("%s has no handler %q; it has %s", c.File, q.handler, strings.Join(all, ", "))
	case len(found) == 0:
		return "", "", fmt.Errorf("%s: no handler here has a database that girok query can read (%s); ask others with their own client", c.File, known)
	case len(found) > 1:
		return "", "", fmt.Errorf("%s has several databases: choose one with --handler %s", c.File, strings.Join(names, " or --handler "))
	}
	return class, path, nil
}

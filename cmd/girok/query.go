package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/girok/girok/deliver"
	"github.com/girok/girok/internal/control"
	"github.com/girok/girok/sink"
)

var queryCommand = command{
	name: "query", args: `"SELECT …"`,
	summary: "ask the embedded warehouse in SQL",
	help: `
query asks the embedded database that a handler of the configuration writes; it
only reads, and may be used while girok writes. Where the file can't be opened
because another process holds it, that process answers, at its control socket.

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
	db := database{path: q.file}
	var err error
	if db.path == "" {
		db, err = p.warehouse(q)
	} else {
		db.class, err = classOf(q.file)
	}
	if err != nil {
		return err
	}
	rows, err := db.ask(ctx, q.sql)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no database %s yet: `girok run` makes it with the first records, if its handler says create: true", db.path)
	}
	if err != nil {
		return fmt.Errorf("%s: %w%s", db.path, err, remedy(err))
	}
	defer rows.Close()
	w := writers[q.format](p.stdout, rows.Columns())
	for {
		row, err := rows.Next(ctx)
		if errors.Is(err, io.EOF) {
			return w.end()
		}
		if err != nil {
			return fmt.Errorf("%s: %w%s", db.path, err, remedy(err))
		}
		if err := w.row(row); err != nil {
			return err
		}
	}
}

// database is the file that is asked.
type database struct {
	class, path string
	service     string // folder in the spool of the service that writes it; "" if not known
}

// ask opens the file; where that is not possible, the process that holds it
// answers.
func (db database) ask(ctx context.Context, sql string) (sink.Rows, error) {
	rows, err := warehouses[db.class](ctx, db.path, sql)
	if err == nil || db.service == "" || errors.Is(err, fs.ErrNotExist) {
		return rows, err
	}
	holder, herr := deliver.HolderOf(db.service, db.class, db.path)
	switch {
	case herr != nil:
		return nil, fmt.Errorf("%w; whether somebody holds it can't be found out either: %w", err, herr)
	case holder == nil:
		return nil, err
	case holder.Control == "":
		return nil, fmt.Errorf("%w; process %d delivers to it and has no control socket to ask", err, holder.PID)
	}
	rows, herr = control.Query(ctx, holder.Control, db.class, db.path, sql)
	var op *net.OpError
	if errors.As(herr, &op) { // it could not be asked
		return nil, fmt.Errorf("%w; process %d delivers to it and can't be asked: %w", err, holder.PID, herr)
	}
	return rows, herr
}

// classOf finds out what kind of database a file is. One that is not there is
// told by whoever opens it.
func classOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "sqlite", nil
	}
	defer f.Close()
	var head [16]byte
	_, _ = io.ReadFull(f, head[:]) // a shorter file is no database of the others
	class := "sqlite"
	if string(head[8:12]) == "DUCK" {
		class = "duckdb"
	}
	if warehouses[class] == nil {
		return "", fmt.Errorf("%s is a database of %s, which is not in this program; it has %s", path, class, strings.Join(slices.Sorted(maps.Keys(warehouses)), ", "))
	}
	return class, nil
}

// remedy says what to do about an error of the database.
func remedy(err error) string {
	switch msg := err.Error(); {
	case strings.Contains(msg, "readonly database"):
		return "; girok query only reads"
	case strings.Contains(msg, "no such table"):
		return "; tables: girok query \"select name from sqlite_schema where type in ('table', 'view')\""
	case strings.Contains(msg, "Catalog Error: Table with name"):
		return "; tables: girok query \"show tables\""
	}
	return ""
}

// warehouse finds the handler whose database is asked.
func (p *program) warehouse(q query) (database, error) {
	c, err := p.check(q.config)
	if err != nil {
		return database{}, err
	}
	found := map[string]database{} // by path
	var db database
	var names, all []string
	for _, h := range c.Handlers {
		all = append(all, h.Name)
		if warehouses[h.Class] == nil || q.handler != "" && q.handler != h.Name {
			continue
		}
		names = append(names, h.Name)
		db = database{class: h.Class, path: h.Config.Endpoint(h.Env), service: c.SpoolDir}
		found[db.path] = db
	}
	known := strings.Join(slices.Sorted(maps.Keys(warehouses)), ", ")
	switch {
	case len(found) == 0 && q.handler != "" && !slices.Contains(all, q.handler):
		return database{}, fmt.Errorf("%s has no handler %q; it has %s", c.File, q.handler, strings.Join(all, ", "))
	case len(found) == 0:
		return database{}, fmt.Errorf("%s: no handler here has a database that girok query can read (%s); ask others with their own client", c.File, known)
	case len(found) > 1:
		return database{}, fmt.Errorf("%s has several databases: choose one with --handler %s", c.File, strings.Join(names, " or --handler "))
	}
	return db, nil
}

package sqlite

import (
	"context"
	"strings"
	"time"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// Look implements sink.Looker: it reads the file as `girok query` does.
func (c Config) Look(ctx context.Context, env sink.Env) ([]sink.Finding, error) {
	c.Config = c.Named(env, table.DateInName, time.Now())
	s := &store{target: &target{config: c}, env: env, path: c.Endpoint(env)}
	file, there, err := c.LookAtFile(s.path, c.DDL(env))
	if err != nil {
		return nil, s.failed(err)
	}
	found := []sink.Finding{file}
	if !there || ctx.Err() != nil {
		return found, ctx.Err()
	}
	list, err := s.look(ctx)
	return append(found, list...), s.failed(err)
}

func (s *store) look(ctx context.Context) (found []sink.Finding, err error) {
	cols, err := s.read(ctx, "select name, type, \"notnull\" and dflt_value is null and not (pk and upper(type) = 'INTEGER') from pragma_table_xinfo("+literal(s.config.Table)+") where hidden = 0")
	if err != nil {
		return nil, err
	}
	if len(cols) == 0 {
		return []sink.Finding{s.config.Absent(s.config.Table, s.config.DDL(s.env))}, nil
	}
	strict, err := s.read(ctx, "select 1 from pragma_table_list where schema = 'main' and strict and name = "+literal(s.config.Table)+" collate nocase")
	if err != nil {
		return nil, err
	}
	var list []table.There
	for _, c := range cols {
		name, _ := c[0].(string)
		decl, _ := c[1].(string)
		required, _ := c[2].(int64)
		list = append(list, table.There{Name: name, Declared: strings.ToUpper(decl), Required: required != 0, Fit: func(want table.ColumnType) table.Fit {
			if len(strict) == 0 {
				return table.Exact // SQLite keeps what it is given
			}
			return strictFit(want.Type, strings.ToUpper(decl))
		}})
	}
	found = s.config.Compare(s.config.Table, list, declared, func(cols []table.Column) string {
		return strings.Join(alterations(s.config.Table, cols), ";\n") + ";\n"
	})
	position, err := s.read(ctx, "select 1 from sqlite_schema where name = "+literal(positionTable))
	if err == nil && len(position) == 0 {
		found = append(found, s.config.Absent(positionTable, s.config.DDL(s.env)))
	}
	return found, err
}

// strictFit is how the values of a type go into a column of a STRICT table.
func strictFit(want table.Type, decl string) table.Fit {
	kept := map[table.Type]string{table.Int: "INTEGER", table.Bool: "INTEGER", table.Float: "REAL", table.Bytes: "BLOB"}[want]
	if kept == "" {
		kept = "TEXT"
	}
	switch {
	case decl == "ANY" || decl == kept || decl == "INT" && kept == "INTEGER":
		return table.Exact
	case decl == "TEXT" && kept != "BLOB", decl == "REAL" && kept == "INTEGER", decl != "BLOB" && (want == table.Decimal || kept == "REAL"):
		return table.Converted
	}
	return table.None
}

// read gives all rows of a query on the file.
func (s *store) read(ctx context.Context, sql string) ([][]any, error) {
	rows, err := Query(ctx, s.path, sql)
	if err != nil {
		return nil, err
	}
	return sink.ReadAll(ctx, rows)
}

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// Look implements sink.Looker. Where another process has the file open it tells
// that, and no more.
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
	var held *Held
	if errors.As(err, &held) {
		return append(found, sink.Finding{Grade: sink.Note, Text: held.Error()}), nil
	}
	return append(found, list...), s.failed(err)
}

func (s *store) look(ctx context.Context) (found []sink.Finding, err error) {
	here := " where database_name = current_database() and schema_name = current_schema() and lower(table_name) = lower("
	cols, err := s.read(ctx, "select column_name, data_type, not is_nullable and column_default is null from duckdb_columns()"+here+literal(s.config.Table)+") order by column_index")
	if err != nil {
		return nil, err
	}
	if len(cols) == 0 {
		return []sink.Finding{s.config.Absent(s.config.Table, s.config.DDL(s.env))}, nil
	}
	var list []table.There
	for _, c := range cols {
		name, _ := c[0].(string)
		decl, _ := c[1].(string)
		required, _ := c[2].(bool)
		list = append(list, table.There{Name: name, Declared: decl, Required: required, Fit: func(want table.ColumnType) table.Fit { return fit(want, decl) }})
	}
	found = s.config.Compare(s.config.Table, list, declared, func(cols []table.Column) string {
		return strings.Join(alterations(s.config.Table, cols), ";\n") + ";\n"
	})
	position, err := s.read(ctx, "select table_name from duckdb_tables()"+here+literal(positionTable)+")")
	if err == nil && len(position) == 0 {
		found = append(found, s.config.Absent(positionTable, s.config.DDL(s.env)))
	}
	return found, err
}

// fit is how the values of a type go into a column that others declared.
func fit(want table.ColumnType, decl string) table.Fit {
	switch have := typeOf(decl); {
	case want.Type == table.JSON && decl == "VARCHAR":
		return table.Exact
	case want == have && (decl == "BIGINT" || want.Type != table.Int) && (decl == "VARCHAR" || want.Type != table.String) && decl != "FLOAT" && !strings.HasPrefix(decl, "TIMESTAMP_"):
		return table.Exact
	case want == have: // a smaller one, an enum
		return table.Converted
	default:
		return table.FitByDefault(want, have)
	}
}

// read gives all rows of a query on the file.
func (s *store) read(ctx context.Context, sql string) ([][]any, error) {
	rows, err := Query(ctx, s.path, sql)
	if err != nil {
		return nil, err
	}
	return sink.ReadAll(ctx, rows)
}

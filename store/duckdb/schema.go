//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"fmt"
	"strings"

	"github.com/duckdb/duckdb-go/v2/mapping"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// name is a column of the table as the table spells it.
type name struct {
	name     string
	required bool // it must not be NULL
}

// checkTables makes what is missing, if it may, and refuses what it can't use.
func (s *store) checkTables() error {
	rows, err := s.has(s.config.Table)
	if err != nil {
		return err
	}
	position, err := s.has(positionTable)
	if err != nil {
		return err
	}
	if !rows || !position {
		if err := s.create(rows); err != nil {
			return err
		}
	}
	there, err := s.columns()
	if err != nil {
		return err
	}
	if err := s.addMissing(); err != nil {
		return err
	}
	s.mapper.Existing(there)
	return nil
}

func (s *store) has(name string) (bool, error) {
	found, err := s.conn.texts("select table_name from information_schema.tables where table_catalog = current_database() and table_schema = current_schema() and lower(table_name) = lower(" + literal(name) + ")")
	return len(found) > 0, err
}

func (s *store) create(rows bool) error {
	if !s.config.Create {
		missing := positionTable
		if !rows {
			missing = s.config.Table
		}
		return &sink.Refused{
			Err:    fmt.Errorf("%s has no table %s", s.path, missing),
			Remedy: "create: true makes it, or run:\n" + s.config.DDL(s.env),
		}
	}
	return s.conn.transaction(func() error {
		for _, sql := range statements(s.config, s.config.Location(s.env.Location)) {
			if _, err := s.conn.exec(sql); err != nil {
				return err
			}
		}
		return nil
	})
}

// columns is the columns of the table that can be written.
func (s *store) columns() ([]table.Column, error) {
	list, err := s.conn.texts("select column_name, data_type, is_nullable::varchar, coalesce(column_default, '') from duckdb_columns()" +
		" where database_name = current_database() and schema_name = current_schema() and lower(table_name) = lower(" + literal(s.config.Table) + ") order by column_index")
	cols := make([]table.Column, len(list))
	s.names = s.names[:0]
	for i, c := range list {
		cols[i] = table.Column{Name: c[0], Type: typeOf(c[1])}
		s.names = append(s.names, name{c[0], c[2] == "false"})
	}
	return cols, err
}

// addMissing adds the columns that rows have and the table lacks, with
// new_columns: add.
func (s *store) addMissing() error {
	var missing []table.Column
	for _, c := range s.mapper.Columns() {
		if s.named(c.Name) == nil {
			missing = append(missing, c)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if s.config.NewColumns == "add" {
		return s.conn.transaction(func() error { return s.addAll(missing) })
	}
	names := make([]string, len(missing))
	for i, c := range missing {
		names[i] = c.Name
	}
	return &sink.Refused{
		Err:    fmt.Errorf("the table %s lacks columns: %s", s.config.Table, strings.Join(names, ", ")),
		Remedy: "new_columns: add adds them, or run:\n" + strings.Join(alterations(s.config.Table, missing), ";\n") + ";\n",
	}
}

// named is the table's column of this name in any case; nil if there is none.
func (s *store) named(column string) *name {
	for i := range s.names {
		if strings.EqualFold(s.names[i].name, column) {
			return &s.names[i]
		}
	}
	return nil
}

func alterations(name string, cols []table.Column) []string {
	list := make([]string, len(cols))
	for i, c := range cols {
		list[i] = "alter table " + quote(name) + " add column " + quote(c.Name) + " " + declared(c.Type)
	}
	return list
}

func (s *store) addAll(cols []table.Column) error {
	for _, sql := range alterations(s.config.Table, cols) {
		if _, err := s.conn.exec(sql); err != nil {
			return err
		}
	}
	_, err := s.columns()
	return err
}

// grow adds the columns that a batch needs, in a transaction before its own: a
// batch that is rejected does not take columns back that others use by then.
func (s *store) grow(b *sink.Batch) error {
	if len(s.mapper.Discover(b)) == 0 {
		return nil
	}
	var cols []table.Column
	err := s.conn.transaction(func() error {
		there, err := s.columns() // others may have added some
		if err != nil {
			return err
		}
		s.mapper.Existing(there)
		cols = s.mapper.Discover(b)
		return s.addAll(cols)
	})
	if err == nil {
		s.mapper.Add(cols)
	}
	return err
}

// changed reports whether the table has other columns than it had when it was
// looked at: rows are appended by the order of the columns.
func (s *store) changed() bool {
	var d mapping.TableDescription
	defer mapping.TableDescriptionDestroy(&d)
	if mapping.TableDescriptionCreateExt(s.conn.c, "", "", s.config.Table, &d) == mapping.StateError ||
		int(mapping.TableDescriptionGetColumnCount(d)) != len(s.names) {
		return true
	}
	for i, n := range s.names {
		if mapping.TableDescriptionGetColumnName(d, mapping.IdxT(i)) != n.name {
			return true
		}
	}
	return false
}

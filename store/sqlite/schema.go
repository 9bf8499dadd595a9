package sqlite

import (
	"fmt"
	"strings"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

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
	if err := s.addMissing(there); err != nil {
		return err
	}
	s.mapper.Existing(there)
	return nil
}

func (s *store) has(name string) (bool, error) {
	found, err := s.db.query("select 1 from sqlite_schema where type in ('table', 'view') and name = ? collate nocase", name)
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
	return s.db.immediate(func() error {
		for _, sql := range statements(s.config, s.config.Location(s.env.Location)) {
			if _, err := s.db.exec(sql); err != nil {
				return err
			}
		}
		return nil
	})
}

// columns is the columns of the table that can be written.
func (s *store) columns() ([]table.Column, error) {
	list, err := s.db.query("select name, type from pragma_table_xinfo(?) where hidden = 0", s.config.Table)
	cols := make([]table.Column, len(list))
	for i, c := range list {
		name, _ := c[0].(string)
		decl, _ := c[1].(string)
		cols[i] = table.Column{Name: name, Type: typeOf(decl)}
	}
	return cols, err
}

// addMissing adds the columns that rows have and the table lacks, with
// new_columns: add.
func (s *store) addMissing(there []table.Column) error {
	var missing []table.Column
	for _, c := range s.mapper.Columns() {
		if !contains(there, c.Name) {
			missing = append(missing, c)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if s.config.NewColumns == "add" {
		return s.alter(missing)
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

func contains(cols []table.Column, name string) bool {
	for _, c := range cols {
		if strings.EqualFold(c.Name, name) {
			return true
		}
	}
	return false
}

func alterations(name string, cols []table.Column) []string {
	list := make([]string, len(cols))
	for i, c := range cols {
		list[i] = "alter table " + quote(name) + " add column " + quote(c.Name) + " " + declared(c.Type)
	}
	return list
}

// alter adds columns.
func (s *store) alter(cols []table.Column) error {
	return s.db.immediate(func() error { return s.addAll(cols) })
}

func (s *store) addAll(cols []table.Column) error {
	for _, sql := range alterations(s.config.Table, cols) {
		if _, err := s.db.exec(sql); err != nil {
			return err
		}
	}
	return nil
}

// grow adds the columns that a batch needs, in a transaction before its own: a
// batch that is rejected does not take columns back that others use by then.
func (s *store) grow(b *sink.Batch) error {
	if len(s.mapper.Discover(b)) == 0 {
		return nil
	}
	var cols []table.Column
	err := s.db.immediate(func() error {
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

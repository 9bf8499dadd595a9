package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// tables is what is known of the table and of girok_position.
type tables struct {
	schema      string
	name        string
	table       string // with its schema, in quotes
	position    string // the same of girok_position
	partitioned bool

	there []there
	print string // tells whether the columns are still what they were

	// For the columns of the mapper:
	copy   string
	binary bool
	fields []field
	writer *table.Writer
}

// there is a column of the table that can be written.
type there struct {
	name string
	oid  uint32 // of its type; of a domain that of what it is made of
	decl string
}

// columnsNow is the statement that reads the columns.
func (t *tables) columnsNow() stmt {
	return stmt{`select a.attname, coalesce(nullif(y.typbasetype, 0), a.atttypid)::bigint,
  format_type(coalesce(nullif(y.typbasetype, 0), a.atttypid), case when y.typbasetype <> 0 then y.typtypmod else a.atttypmod end)
from pg_attribute a join pg_type y on y.oid = a.atttypid
where a.attrelid = $1::text::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' order by a.attnum`, []string{t.table}}
}

// fingerprint is the answer to columnsNow as one text.
func fingerprint(r *pgconn.Result) string {
	var b strings.Builder
	for _, row := range r.Rows {
		for _, cell := range row {
			b.Write(cell)
			b.WriteByte(0)
		}
	}
	return b.String()
}

// checkTables makes what is missing, if it may, and refuses what it can't use.
func (s *store) checkTables(ctx context.Context) error {
	t, err := s.find(ctx)
	if err != nil {
		return err
	}
	if err := s.lookAt(ctx, t); err != nil {
		return err
	}
	if err := s.addMissing(ctx, t); err != nil {
		return err
	}
	s.mapper.Existing(t.columns())
	if err := t.aim(s.mapper); err != nil {
		return err
	}
	s.tables = t
	return nil
}

// find looks for the table, by the search path where no schema is named, and
// makes what is missing.
func (s *store) find(ctx context.Context) (*tables, error) {
	schema, name := split(s.config.Table)
	look := stmt{"select n.nspname, c.relkind, current_schema(), to_regnamespace($2) is not null from (select to_regclass($1) as oid) o" +
		" left join pg_class c on c.oid = o.oid left join pg_namespace n on n.oid = c.relnamespace", []string{qualified(schema, name), quote(schema)}}
	if schema == "" {
		look.args[1] = "pg_catalog"
	}
	for created := false; ; created = true {
		r, err := run(ctx, s.conn, look)
		if err != nil {
			return nil, err
		}
		row := r[0].Rows[0]
		t := &tables{schema: schema, name: name, partitioned: string(row[1]) == "p"}
		if t.schema == "" {
			if t.schema = string(row[0]); row[0] == nil {
				t.schema = string(row[2])
			}
			if t.schema == "" {
				return nil, &sink.Refused{Err: fmt.Errorf("there is no schema for the table %s in the user's search_path", name), Remedy: "write table: schema.table"}
			}
		}
		t.table, t.position = qualified(t.schema, name), qualified(t.schema, positionTable)
		if r, err = run(ctx, s.conn, stmt{"select to_regclass($1) is not null", []string{t.position}}); err != nil {
			return nil, err
		}
		has := has{schema: string(row[3]) == "t", table: row[0] != nil, position: string(r[0].Rows[0][0]) == "t"}
		if has.table && has.position {
			return t, nil
		}
		if created {
			return nil, fmt.Errorf("the tables were made, and are not there")
		}
		if err := s.create(ctx, t, has); err != nil {
			return nil, err
		}
	}
}

// has is what is there.
type has struct{ schema, table, position bool }

// ddlLock is the number of the advisory lock that whoever makes tables holds:
// "create if not exists" of two at a time is an error in PostgreSQL.
const ddlLock = "444150738795"

func (s *store) create(ctx context.Context, t *tables, has has) error {
	if !s.config.Create {
		missing := t.position
		if !has.table {
			missing = t.table
		}
		return &sink.Refused{
			Err:    fmt.Errorf("the database has no table %s that girok may see", missing),
			Remedy: "create: true makes it, or run:\n" + s.config.DDL(s.env),
		}
	}
	var list []string
	if !has.schema {
		list = append(list, schemaDDL(t.schema))
	}
	if !has.table {
		c := s.config
		c.Table = t.schema + "." + t.name
		list = append(list, tableDDL(c, t.table)...)
		for _, p := range c.ahead(time.Now(), c.Location(s.env.Location)) {
			list = append(list, p.ddl(t.schema, t.name))
		}
	}
	if !has.position {
		list = append(list, positionDDL(t.schema))
	}
	if err := s.make(ctx, list...); err != nil || has.table {
		return err
	}
	for _, v := range dailyDDL(s.config, t.schema, t.name, s.config.Location(s.env.Location)) {
		if err := s.makeView(ctx, named(t.name, "_daily"), t.schema, v); err != nil {
			return err
		}
	}
	return nil
}

// make runs DDL in a transaction of its own.
func (s *store) make(ctx context.Context, list ...string) error {
	return s.transaction(ctx, func([]*pgconn.Result) error {
		for _, sql := range list {
			if _, err := run(ctx, s.conn, stmt{sql: sql}); err != nil {
				return err
			}
		}
		return nil
	}, stmt{sql: "select pg_advisory_xact_lock(" + ddlLock + ")"})
}

// makeView makes a view if nothing has its name.
func (s *store) makeView(ctx context.Context, name, schema, view string) error {
	r, err := run(ctx, s.conn, stmt{"select to_regclass($1) is null", []string{qualified(schema, name)}})
	if err != nil || string(r[0].Rows[0][0]) != "t" {
		return err
	}
	return s.make(ctx, "create or replace view "+view)
}

// lookAt reads the columns.
func (s *store) lookAt(ctx context.Context, t *tables) error {
	r, err := run(ctx, s.conn, t.columnsNow())
	if err != nil {
		return err
	}
	t.there = t.there[:0]
	for _, row := range r[0].Rows {
		oid, err := strconv.ParseUint(string(row[1]), 10, 32)
		if err != nil {
			return err
		}
		t.there = append(t.there, there{string(row[0]), uint32(oid), string(row[2])})
	}
	t.print = fingerprint(r[0])
	return nil
}

func (t *tables) columns() []table.Column {
	cols := make([]table.Column, len(t.there))
	for i, c := range t.there {
		cols[i] = table.Column{Name: c.name, Type: typeOf(c.decl)}
	}
	return cols
}

// named is the table's column of this name, else one that differs in case; nil if
// there is none.
func (t *tables) named(column string) *there {
	var like *there
	for i := range t.there {
		if t.there[i].name == column {
			return &t.there[i]
		}
		if strings.EqualFold(t.there[i].name, column) {
			like = &t.there[i]
		}
	}
	return like
}

// aim makes the COPY for the columns of rows.
func (t *tables) aim(m *table.Mapper) error {
	cols := m.Columns()
	names := make([]string, len(cols))
	t.fields, t.binary = make([]field, len(cols)), true
	for i, c := range cols {
		at := t.named(c.Name)
		if at == nil {
			return errChanged
		}
		names[i] = quote(at.name)
		t.fields[i] = field{at.oid, at.name}
		t.binary = t.binary && binaryFits(c.Type.Type, at.oid)
	}
	t.copy = "copy " + t.table + " (" + strings.Join(names, ", ") + ") from stdin"
	if t.binary {
		t.copy += " binary"
	}
	t.writer = m.NewWriter(t)
	return nil
}

// addMissing adds the columns that rows have and the table lacks, with
// new_columns: add.
func (s *store) addMissing(ctx context.Context, t *tables) error {
	var missing []table.Column
	var names []string
	for _, c := range s.mapper.Columns() {
		if t.named(c.Name) == nil {
			missing, names = append(missing, c), append(names, c.Name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if s.config.NewColumns == "add" {
		return s.add(ctx, t, missing)
	}
	return &sink.Refused{
		Err:    fmt.Errorf("the table %s lacks columns: %s", t.table, strings.Join(names, ", ")),
		Remedy: "new_columns: add adds them, or run:\n" + alteration(t.table, missing) + ";\n",
	}
}

func (s *store) add(ctx context.Context, t *tables, cols []table.Column) error {
	if err := s.make(ctx, alteration(t.table, cols)); err != nil {
		return err
	}
	return s.lookAt(ctx, t)
}

func alteration(name string, cols []table.Column) string {
	list := make([]string, len(cols))
	for i, c := range cols {
		list[i] = "add column if not exists " + quote(c.Name) + " " + declared(c.Type)
	}
	return "alter table " + name + " " + strings.Join(list, ", ")
}

// grow adds the columns that a batch needs, before its transaction.
func (s *store) grow(ctx context.Context, b *sink.Batch) error {
	before := len(s.mapper.Columns())
	cols := s.mapper.Discover(b)
	if len(cols) > 0 {
		if err := s.lookAt(ctx, s.tables); err != nil { // others may have added some
			return err
		}
		s.mapper.Existing(s.tables.columns())
		if cols = s.mapper.Discover(b); len(cols) > 0 {
			if err := s.add(ctx, s.tables, cols); err != nil {
				return err
			}
			s.mapper.Add(cols)
		}
	}
	if len(s.mapper.Columns()) == before {
		return nil
	}
	return s.tables.aim(s.mapper)
}

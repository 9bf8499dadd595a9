package postgres

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// positionTable holds how far each handler has come in each run. It stands in the
// schema of the table.
const positionTable = "girok_position"

// DDL is what `create: true` does, as SQL.
func (c Config) DDL(env sink.Env) string {
	c.Config = c.Named(env, table.DateInName, time.Now())
	schema, name := split(c.Table)
	list := []string{}
	if schema != "" {
		list = append(list, schemaDDL(schema))
	}
	list = append(list, tableDDL(c, qualified(schema, name))...)
	for _, v := range dailyDDL(c, schema, name, c.Location(env.Location)) {
		list = append(list, "create or replace view "+v)
	}
	for _, p := range c.ahead(time.Now(), c.Location(env.Location)) {
		list = append(list, p.ddl(schema, name))
	}
	return strings.Join(append(list, positionDDL(schema)), ";\n") + ";\n"
}

func schemaDDL(schema string) string { return "create schema if not exists " + quote(schema) }

func positionDDL(schema string) string {
	return "create table if not exists " + qualified(schema, positionTable) + ` (
  service text not null, run text not null, handler text not null,
  next bigint not null, idx bigint not null,
  owner text not null, moved_at timestamptz not null,
  primary key (service, handler, run)
)`
}

// tableDDL makes the table, its default partition and its index.
func tableDDL(c Config, name string) []string {
	cols := make([]string, 0, 16)
	for _, col := range c.List() {
		cols = append(cols, "  "+quote(col.Name)+" "+declared(col.Type))
	}
	create := "create table if not exists " + name + " (\n" + strings.Join(cols, ",\n") + "\n)"
	list := []string{create}
	schema, plain := split(c.Table)
	if c.Partition.By != "" {
		list[0] += " partition by range (" + quote(c.Partition.By) + ")"
		list = append(list, "create table if not exists "+qualified(schema, named(plain, "_default"))+" partition of "+name+" default")
	}
	if at := c.TimeColumn(); at != "" {
		list = append(list, fmt.Sprintf("create index if not exists %s on %s (%s)", quote(named(plain, "_"+at)), name, quote(at)))
	}
	return list
}

// dailyDDL is a view of how many records there are a day, level and logger: its
// name and what it is. Empty without a column for the record's time.
func dailyDDL(c Config, schema, name string, loc *time.Location) []string {
	at := c.TimeColumn()
	if at == "" {
		return nil
	}
	by := []string{fmt.Sprintf("(%s at time zone %s)::date as day", quote(at), zone(loc))}
	group := []string{"1"}
	for _, col := range []struct{ name, as string }{{c.LevelColumn(), "level"}, {c.LoggerColumn(), "logger"}} {
		if col.name != "" {
			by = append(by, quote(col.name)+" as "+col.as)
			group = append(group, fmt.Sprint(len(by)))
		}
	}
	return []string{fmt.Sprintf("%s as\nselect %s, count(*) as records from %s group by %s",
		qualified(schema, named(name, "_daily")), strings.Join(by, ", "), qualified(schema, name), strings.Join(group, ", "))}
}

// zone is a time zone for `at time zone`: by its name, or where it has none, as
// that of the machine, by its distance from UTC.
func zone(loc *time.Location) string {
	name := loc.String()
	if _, err := time.LoadLocation(name); err == nil && name != "Local" && name != "" {
		return literal(name)
	}
	_, offset := time.Now().In(loc).Zone()
	return fmt.Sprintf("interval '%d seconds'", offset)
}

func quote(name string) string   { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// qualified is a name with its schema, if that is known.
func qualified(schema, name string) string {
	if schema == "" {
		return quote(name)
	}
	return quote(schema) + "." + quote(name)
}

// named is the name of what belongs to a table. PostgreSQL would cut off its end.
func named(table, suffix string) string {
	suffix = cut(suffix, maxName/2)
	return cut(table, maxName-len(suffix)) + suffix
}

// cut is the beginning of a text that takes at most n bytes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// declared is how a type is declared.
func declared(t table.ColumnType) string {
	switch t.Type {
	case table.Int:
		return "bigint"
	case table.Float:
		return "double precision"
	case table.Decimal:
		return fmt.Sprintf("numeric(%d,%d)", t.Precision, t.Scale)
	case table.Bool:
		return "boolean"
	case table.Timestamp:
		return "timestamptz"
	case table.DateTime:
		return "timestamp"
	case table.Date:
		return "date"
	case table.JSON:
		return "jsonb"
	case table.Bytes:
		return "bytea"
	}
	return "text"
}

// typeOf reads a declaration as PostgreSQL spells it: what an attribute becomes
// that goes into a column of others.
func typeOf(decl string) table.ColumnType {
	base, _, _ := strings.Cut(decl, "(")
	switch base {
	case "bigint", "integer", "smallint":
		return table.ColumnType{Type: table.Int}
	case "double precision", "real":
		return table.ColumnType{Type: table.Float}
	case "boolean":
		return table.ColumnType{Type: table.Bool}
	case "date":
		return table.ColumnType{Type: table.Date}
	case "json", "jsonb":
		return table.ColumnType{Type: table.JSON}
	case "bytea":
		return table.ColumnType{Type: table.Bytes}
	case "numeric":
		if t, err := table.ParseType(strings.Replace(decl, "numeric", "decimal", 1)); err == nil {
			return t
		}
		return table.ColumnType{Type: table.Decimal, Precision: table.MaxPrecision, Scale: table.MaxPrecision / 2}
	}
	switch {
	case strings.HasPrefix(decl, "timestamp") && strings.HasSuffix(decl, "with time zone"):
		return table.ColumnType{Type: table.Timestamp}
	case strings.HasPrefix(decl, "timestamp"):
		return table.ColumnType{Type: table.DateTime}
	}
	return table.ColumnType{Type: table.String}
}

package duckdb

import (
	"fmt"
	"strings"
	"time"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// positionTable holds how far each handler has come in each run.
const positionTable = "girok_position"

const positionDDL = `create table if not exists ` + positionTable + ` (
  service VARCHAR not null, run VARCHAR not null, handler VARCHAR not null,
  next UBIGINT not null, idx UINTEGER not null,
  owner VARCHAR not null, moved_at TIMESTAMPTZ not null,
  primary key (service, run, handler)
)`

// DDL is what `create: true` does, as SQL.
func (c Config) DDL(env sink.Env) string {
	c.Config = c.Named(env, table.DateInName, time.Now())
	return strings.Join(statements(c, c.Location(env.Location)), ";\n") + ";\n"
}

// statements make the table and a view. There is no index: DuckDB knows the
// least and greatest value of each column in each 122,880 rows, and rows come in
// the order of time.
func statements(c Config, loc *time.Location) []string {
	list := []string{tableDDL(c)}
	if at := c.TimeColumn(); at != "" {
		list = append(list, dailyDDL(c, at, loc))
	}
	return append(list, positionDDL)
}

func tableDDL(c Config) string {
	cols := make([]string, 0, 16)
	for _, col := range c.List() {
		cols = append(cols, "  "+quote(col.Name)+" "+declared(col.Type))
	}
	return "create table if not exists " + quote(c.Table) + " (\n" + strings.Join(cols, ",\n") + "\n)"
}

// dailyDDL is a view of how many records there are a day, level and logger.
func dailyDDL(c Config, at string, loc *time.Location) string {
	local, zone := wallClock(quote(at), loc)
	by := []string{"cast(" + local + " as date) as day"}
	for _, col := range []struct{ name, as string }{{c.LevelColumn(), "level"}, {c.LoggerColumn(), "logger"}} {
		if col.name != "" {
			by = append(by, quote(col.name)+" as "+col.as)
		}
	}
	return fmt.Sprintf("create view if not exists %s as -- days in %s\nselect %s, count(*) as records from %s group by all",
		quote(c.Table+"_daily"), zone, strings.Join(by, ", "), quote(c.Table))
}

// wallClock is a timestamp as the clock on the wall showed it. A zone that has
// no name of its own, such as the machine's, is a distance from UTC; where that
// changes during the year, days are UTC's.
func wallClock(column string, loc *time.Location) (sql, zone string) {
	name := loc.String()
	if _, err := time.LoadLocation(name); err == nil && name != "Local" && name != "" {
		return fmt.Sprintf("timezone(%s, %s)", literal(name), column), name
	}
	utc := "timezone('UTC', " + column + ")"
	_, offset := time.Now().In(loc).Zone()
	for month := range 24 {
		if _, o := time.Now().AddDate(0, -month, 0).In(loc).Zone(); o != offset {
			return utc, "UTC, as the zone of the machine has no name here and changes its clocks"
		}
	}
	return fmt.Sprintf("%s + to_seconds(%d)", utc, offset), name
}

func quote(name string) string   { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// declared is how a type is declared.
func declared(t table.ColumnType) string {
	switch t.Type {
	case table.Int:
		return "BIGINT"
	case table.Float:
		return "DOUBLE"
	case table.Decimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", t.Precision, t.Scale)
	case table.Bool:
		return "BOOLEAN"
	case table.Timestamp:
		return "TIMESTAMPTZ"
	case table.DateTime:
		return "TIMESTAMP"
	case table.Date:
		return "DATE"
	case table.JSON:
		return "JSON"
	case table.Bytes:
		return "BLOB"
	}
	return "VARCHAR"
}

// typeOf reads a declaration as DuckDB spells it: what an attribute becomes that
// goes into a column of others.
func typeOf(decl string) table.ColumnType {
	switch decl {
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER":
		return table.ColumnType{Type: table.Int}
	case "UBIGINT":
		return table.ColumnType{Type: table.Decimal, Precision: 20}
	case "HUGEINT", "UHUGEINT":
		return table.ColumnType{Type: table.Decimal, Precision: 38}
	case "FLOAT", "DOUBLE":
		return table.ColumnType{Type: table.Float}
	case "BOOLEAN":
		return table.ColumnType{Type: table.Bool}
	case "TIMESTAMP WITH TIME ZONE":
		return table.ColumnType{Type: table.Timestamp}
	case "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS":
		return table.ColumnType{Type: table.DateTime}
	case "DATE":
		return table.ColumnType{Type: table.Date}
	case "JSON":
		return table.ColumnType{Type: table.JSON}
	case "BLOB":
		return table.ColumnType{Type: table.Bytes}
	}
	if strings.HasPrefix(decl, "DECIMAL") {
		if t, err := table.ParseType(strings.ToLower(decl)); err == nil {
			return t
		}
	}
	return table.ColumnType{Type: table.String}
}

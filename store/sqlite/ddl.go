package sqlite

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
  service TEXT not null, run TEXT not null, handler TEXT not null,
  next INTEGER not null, idx INTEGER not null,
  owner TEXT not null, moved_at TEXT not null,
  primary key (service, run, handler)
) without rowid`

// DDL is what `create: true` does, as SQL.
func (c Config) DDL(env sink.Env) string {
	c.Config = c.Named(env, table.DateInName, time.Now())
	return strings.Join(statements(c, c.Location(env.Location)), ";\n") + ";\n"
}

func statements(c Config, loc *time.Location) []string {
	list := []string{tableDDL(c)}
	if at := c.TimeColumn(); at != "" {
		list = append(list, fmt.Sprintf("create index if not exists %s on %s (%s)",
			quote(c.Table+"_"+at), quote(c.Table), quote(at)))
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
	shift, zone := dayShift(loc)
	by := []string{fmt.Sprintf("date(%s%s) as day", quote(at), shift)}
	group := []string{"1"}
	for _, col := range []struct{ name, as string }{{c.LevelColumn(), "level"}, {c.LoggerColumn(), "logger"}} {
		if col.name != "" {
			by = append(by, quote(col.name)+" as "+col.as)
			group = append(group, fmt.Sprint(len(by)))
		}
	}
	return fmt.Sprintf("create view if not exists %s as -- days in %s\nselect %s, count(*) as records from %s group by %s",
		quote(c.Table+"_daily"), zone, strings.Join(by, ", "), quote(c.Table), strings.Join(group, ", "))
}

// dayShift is the modifier that moves UTC to the zone's days. SQLite knows no
// zones: where the distance from UTC changes during the year, days are UTC's.
func dayShift(loc *time.Location) (modifier, zone string) {
	_, offset := time.Now().In(loc).Zone()
	for month := range 24 {
		if _, o := time.Now().AddDate(0, -month, 0).In(loc).Zone(); o != offset {
			return "", "UTC, as SQLite can't follow the clock changes of " + loc.String()
		}
	}
	if offset == 0 {
		return "", "UTC"
	}
	return fmt.Sprintf(", '%+d seconds'", offset), loc.String()
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// declared is how a type is declared. "TEXT" in a name gives the column the
// affinity of text: SQLite would make a number of JSON or a decimal otherwise.
func declared(t table.ColumnType) string {
	switch t.Type {
	case table.Int:
		return "INTEGER"
	case table.Float:
		return "REAL"
	case table.Decimal:
		return fmt.Sprintf("DECIMAL TEXT(%d,%d)", t.Precision, t.Scale)
	case table.Bool:
		return "BOOLEAN"
	case table.Timestamp:
		return "TIMESTAMP TEXT"
	case table.DateTime:
		return "DATETIME TEXT"
	case table.Date:
		return "DATE TEXT"
	case table.JSON:
		return "JSON TEXT"
	case table.Bytes:
		return "BLOB"
	}
	return "TEXT"
}

// typeOf reads a declaration: ours, and by SQLite's rules of affinity others'.
func typeOf(decl string) table.ColumnType {
	decl = strings.ToUpper(decl)
	word, _, _ := strings.Cut(decl, " ")
	if rest, ok := strings.CutPrefix(decl, "DECIMAL TEXT"); ok {
		if t, err := table.ParseType("decimal" + rest); err == nil {
			return t
		}
	}
	t := table.String
	switch {
	case word == "TIMESTAMP":
		t = table.Timestamp
	case word == "DATETIME":
		t = table.DateTime
	case word == "DATE":
		t = table.Date
	case word == "JSON":
		t = table.JSON
	case strings.Contains(decl, "BOOL"):
		t = table.Bool
	case strings.Contains(decl, "INT"):
		t = table.Int
	case strings.Contains(decl, "CHAR"), strings.Contains(decl, "CLOB"), strings.Contains(decl, "TEXT"):
	case strings.Contains(decl, "BLOB"):
		t = table.Bytes
	case strings.Contains(decl, "REAL"), strings.Contains(decl, "FLOA"), strings.Contains(decl, "DOUB"):
		t = table.Float
	}
	return table.ColumnType{Type: t}
}

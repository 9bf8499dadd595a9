package table

import (
	"slices"
	"strings"
	"time"

	"github.com/girok/girok/config"
)

// Config is the keys that all stores with columns share. Embed it in a store's
// own configuration, set DefaultConfig's values in its defaults, and call
// Validate from its Validate.
type Config struct {
	Table      string  `yaml:"table,required" doc:"the table that the rows go to. {service} in its name is the service, {date} the day of a record"`
	Schema     string  `yaml:"schema" enum:"logs" doc:"the columns of a table without columns of its own"`
	Columns    Columns `yaml:"columns" doc:"a map from columns to where they come from: level: levelname, or score: {from: attr.score, type: float}. Types: string, int, float, decimal(p,s), bool, timestamp, datetime, date, json, bytes"`
	Rest       string  `yaml:"rest" doc:"the JSON column that takes every attribute without a column of its own; drop loses them"`
	NewColumns string  `yaml:"new_columns" enum:"add|rest|reject" doc:"what becomes of an attribute without a column: add a column typed after its first value (values that don't fit it later go to rest), put it into rest, or reject the record"`
	Mismatch   string  `yaml:"mismatch" enum:"dead|null|rest" doc:"what becomes of a value that does not fit its column: the record goes to the dead letters, the column is NULL, or it is NULL and rest keeps the value"`
	TZ         string  `yaml:"tz" doc:"the zone of datetime and date columns and of days; the handler's timezone if absent"`
	Create     bool    `yaml:"create" doc:"make what is missing: the table, its index and its views"`

	location *time.Location // of TZ
}

// DefaultConfig is what a store's defaults begin with.
func DefaultConfig() Config {
	return Config{Schema: "logs", Rest: "attributes", NewColumns: "rest", Mismatch: "dead"}
}

// dropRest is what `rest` says to lose attributes.
const dropRest = "drop"

// Validate checks what the tags can't; it implements config.Validator.
func (c *Config) Validate(at *config.At) {
	c.validateTable(at)
	c.validateColumns(at)
	if c.TZ == "" {
		return
	}
	loc, err := time.LoadLocation(c.TZ)
	if err != nil {
		at.Problem("tz", "want a time zone, as Asia/Seoul or UTC, got %q", c.TZ)
	}
	c.location = loc
}

func (c *Config) validateTable(at *config.At) {
	if _, err := placeholders(c.Table); err != nil {
		at.Problem("table", "%v", err)
	}
	if !plainName(c.Table) {
		at.Problem("table", "a name can't hold control characters")
	}
}

func (c *Config) validateColumns(at *config.At) {
	if at.Node("columns").Kind() == config.Map && len(at.Node("columns").Keys()) == 0 {
		at.Problem("columns", "want at least one column; without the key columns it is the schema's")
	}
	if msg := nameProblem(c.Rest); msg != "" {
		at.Problem("rest", "%s", msg)
	}
	n := 0
	for _, col := range c.list() {
		if strings.EqualFold(col.Name, c.Rest) {
			n++
		}
	}
	if n > 1 {
		at.Problem("rest", "%q is a column already; name another one for the rest, or write drop", c.Rest)
	}
}

// list is the columns of the table, in order: those of the configuration or of
// the schema, with the rest column in its place.
func (c Config) list() []Column {
	if len(c.Columns) == 0 {
		cols := slices.Clone(logColumns)
		i := slices.IndexFunc(cols, func(col Column) bool { return col.source == fromRest })
		cols[i].Name = c.Rest
		if c.Rest == dropRest {
			cols = slices.Delete(cols, i, i+1)
		}
		return cols
	}
	cols := slices.Clone([]Column(c.Columns))
	if c.Rest != dropRest {
		cols = append(cols, Column{Name: c.Rest, Type: ColumnType{Type: JSON}, source: fromRest})
	}
	return cols
}

// List is the columns of the table as the configuration wants them, in order,
// the rest column included.
func (c Config) List() []Column { return c.list() }

// Location is the zone of days: tz, else that of the handler.
func (c Config) Location(handler *time.Location) *time.Location {
	if c.location == nil && c.TZ != "" {
		if loc, err := time.LoadLocation(c.TZ); err == nil {
			return loc
		}
	}
	if c.location != nil {
		return c.location
	}
	return handler
}

// TimeColumn, LevelColumn, LoggerColumn and IDColumn name the columns that hold the
// record's time, level, logger and id; "" if there is none.
func (c Config) TimeColumn() string   { return c.nameOf(fromTime, Timestamp) }
func (c Config) LevelColumn() string  { return c.nameOf(fromLevelName, String) }
func (c Config) LoggerColumn() string { return c.nameOf(fromLogger, String) }

func (c Config) IDColumn() string { return c.nameOf(fromRecordID, String) }

func (c Config) nameOf(o origin, t Type) string {
	for _, col := range c.list() {
		if col.source == o && col.Type.Type == t {
			return col.Name
		}
	}
	return ""
}

// NeedsCaller reports whether a column takes where the call stands in the code.
func (c Config) NeedsCaller() bool {
	return slices.ContainsFunc(c.Columns, func(col Column) bool { return col.source.needsCaller() })
}

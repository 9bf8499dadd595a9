// Package postgres writes records into a table of a PostgreSQL database.
//
// A batch is one transaction: the rows, by COPY, then as its last statement the
// move of the handler's position in girok_position, from where the batch begins
// and only for its owner. Either both are in or neither is, so a batch that is
// sent again, as after an answer to COMMIT that was lost, finds its position
// moved and adds nothing. Tables, columns and partitions are made in transactions
// of their own.
//
// A handler has one connection. Each transaction brings its own limits, so that
// PgBouncer in front of the server makes no difference, whether it gives out
// connections by session or by transaction: a lock is waited for 15 s, a transaction
// that its program left alone ends after 10 s, a statement or a whole batch after
// 5 min.
//
// # Types
//
// string text, int bigint, float double precision, decimal(p,s) numeric(p,s), bool
// boolean, timestamp timestamptz, datetime timestamp, date date, json jsonb, bytes
// bytea. A column that new_columns adds for whole numbers above 2^63 is a
// numeric(20,0). jsonb keeps the digits of a number, but neither the order of
// keys nor the earlier of two values for one key: declare the column as json for
// that.
//
// A table that was made by others may have other types. Where PostgreSQL reads
// the text of a value as the column's type, it does; a row with a value that it
// can't read is rejected.
package postgres

import (
	"fmt"
	"strings"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// Kind is the sink kind for PostgreSQL, to be given to girok.Open.
var Kind = sink.Define("postgres", "rows in a table of a PostgreSQL database", sink.Position, Config{
	Port:      5432,
	SSLMode:   "prefer",
	Config:    table.DefaultConfig(),
	Partition: Partition{Every: "day"},
	Batch:     sink.Limits{Records: 10_000, Bytes: 8 << 20, Age: config.Duration(time.Second)},
}, open)

// Config is the keys of a handler with `class: postgres`.
type Config struct {
	DSN      config.Secret `yaml:"dsn" doc:"the whole connection string, postgres://user:password@host/database?sslmode=verify-full or host=… dbname=…; in place of host, port, user, database and sslmode"`
	Host     string        `yaml:"host" doc:"the server's name or address, or the folder of its Unix socket"`
	Port     int           `yaml:"port" min:"1" max:"65535" doc:"the server's port"`
	User     string        `yaml:"user" doc:"who girok is there; absent: PGUSER, else the user of the system"`
	Password config.Secret `yaml:"password" doc:"the user's password, read again after a refusal; absent: what ~/.pgpass says"`
	Database string        `yaml:"database" doc:"the database"`
	SSLMode  string        `yaml:"sslmode" enum:"disable|allow|prefer|require|verify-ca|verify-full" doc:"TLS, as libpq has it: only verify-full knows that it speaks to the right server"`
	table.Config
	Partition Partition   `yaml:"partition" doc:"make the table a partitioned one"`
	Batch     sink.Limits `yaml:"batch" doc:"when a batch is cut"`
}

// Partition is how `create: true` cuts a table into partitions.
type Partition struct {
	By    string `yaml:"by" doc:"the column that decides, of type timestamp, datetime or date; absent: no partitions"`
	Every string `yaml:"every" enum:"day|month" doc:"what one partition holds, in the handler's zone. They are made a week or two months ahead; rows beyond go to the default partition"`
}

// maxName is the longest name that PostgreSQL keeps, in bytes. It cuts longer
// ones off without an error.
const maxName = 63

// Validate implements config.Validator.
func (c *Config) Validate(at *config.At) {
	c.Config.Validate(at)
	c.validatePlace(at)
	schema, name := split(c.Table)
	switch {
	case strings.Contains(schema, "{date}"):
		at.Problem("table", "{date} can't stand in the name of the schema, where %s is too", positionTable)
	case strings.HasPrefix(c.Table, ".") || strings.HasSuffix(c.Table, "."):
		at.Problem("table", "want table or schema.table, got %q", c.Table)
	case len(name) > maxName || len(schema) > maxName:
		at.Problem("table", "a name has at most %d bytes in PostgreSQL", maxName)
	case name == positionTable:
		at.Problem("table", "the name %q is taken", positionTable)
	}
	for _, col := range c.List() {
		if len(col.Name) > maxName {
			at.Problem("columns", "a name has at most %d bytes in PostgreSQL, %q has %d", maxName, col.Name, len(col.Name))
		}
	}
	if c.Partition.By == "" {
		return
	}
	if t := c.partitionType(); t == table.Null {
		at.Problem("partition.by", "there is no column %q", c.Partition.By)
	} else if t != table.Timestamp && t != table.DateTime && t != table.Date {
		at.Problem("partition.by", "want a column of type timestamp, datetime or date; %s is %s", c.Partition.By, t)
	}
}

func (c *Config) validatePlace(at *config.At) {
	if c.DSN.IsZero() {
		if c.Host == "" {
			at.Problem("host", "is missing: where is the server? (or dsn, a whole connection string)")
		}
		if c.Database == "" {
			at.Problem("database", "is missing")
		}
		return
	}
	for _, key := range []string{"host", "port", "user", "database", "sslmode"} {
		if !at.Node(key).IsZero() {
			at.Problem(key, "dsn says it already; write one of them")
		}
	}
}

// partitionType is the type of the column that partitions are made by; Null if
// there is none.
func (c *Config) partitionType() table.Type {
	for _, col := range c.List() {
		if col.Name == c.Partition.By {
			return col.Type.Type
		}
	}
	return table.Null
}

// Endpoint is host, port and database. Of a dsn that can't be read it is only
// that; such a handler is refused when it is opened.
func (c Config) Endpoint(sink.Env) string {
	cc, err := c.parsed()
	if err != nil {
		return "postgres, unknown"
	}
	host := fmt.Sprintf("%s:%d", cc.Host, cc.Port)
	for _, f := range cc.Fallbacks {
		if h := fmt.Sprintf("%s:%d", f.Host, f.Port); !strings.HasSuffix(","+host, ","+h) { // once with TLS, once without
			host += "," + h
		}
	}
	return host + "/" + cc.Database
}

// Target is the table.
func (c Config) Target() string { return c.Table }

// Limits is when batches are cut.
func (c Config) Limits() sink.Limits { return c.Batch }

// Guarantee says what is guaranteed.
func (c Config) Guarantee() string {
	return "exactly once: rows and position move in one transaction; a backup put back is noticed. With synchronous_commit off at the server its crash may take the last rows, unless durability is disk"
}

// split cuts schema.table.
func split(name string) (schema, table string) {
	if schema, table, ok := strings.Cut(name, "."); ok {
		return schema, table
	}
	return "", name
}

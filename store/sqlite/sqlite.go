// Package sqlite writes records into a table of an SQLite database.
//
// A batch is one IMMEDIATE transaction: the rows, then as its last statements
// the move of the handler's position in girok_position. Either both are in or
// neither is, so a batch that is sent again after a crash finds its position
// moved and adds nothing. The database is in WAL mode: others may read while
// girok writes.
//
// Types: string TEXT, int INTEGER, float REAL, decimal TEXT, bool 0 or 1,
// timestamp text as 2026-11-25T20:32:58.123456Z (UTC, sorts by time), datetime
// text without the zone, date text, json text, bytes BLOB. SQLite has no NaN: it
// is a mismatch. It keeps a negative zero as 0.
package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/internal/disk"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// Kind is the sink kind for SQLite, to be given to girok.Open.
var Kind = sink.Define("sqlite", "rows in a table of an SQLite database", sink.Position, Config{
	Config: table.DefaultConfig(),
	Batch:  sink.Limits{Records: 5000, Bytes: 4 << 20, Age: config.Duration(time.Second)},
}, open)

// Config is the keys of a handler with `class: sqlite`.
type Config struct {
	Path string `yaml:"path,required" doc:"the database file, relative to the configuration"`
	table.Config
	Batch sink.Limits `yaml:"batch" doc:"when a batch is cut"`
}

// Validate implements config.Validator.
func (c *Config) Validate(at *config.At) {
	c.Config.Validate(at)
	if c.Path == ":memory:" || strings.HasPrefix(c.Path, "file:") {
		at.Problem("path", "want the path of a file, got %q", c.Path)
	}
	if strings.HasPrefix(strings.ToLower(c.Table), "sqlite_") || strings.EqualFold(c.Table, positionTable) {
		at.Problem("table", "the name %q is taken", c.Table)
	}
}

// Endpoint is the absolute path of the file with symbolic links resolved.
func (c Config) Endpoint(env sink.Env) string { return disk.Canonical(env.Path(c.Path)) }

// Target is the table.
func (c Config) Target() string { return c.Table }

// Limits is when batches are cut.
func (c Config) Limits() sink.Limits { return c.Batch }

// Guarantee says what is guaranteed.
func (c Config) Guarantee() string {
	return "exactly once: rows and position move in one transaction; an older copy of the file put back is noticed"
}

// store is one handler's table, or those of its name. It has one connection, opened
// when it is needed and closed when the file is not what it was.
type store struct {
	*target // the table that is written to
	targets table.Set[*target]
	parts   *table.Parts
	env     sink.Env
	path    string
	owner   string

	db   *db
	file os.FileInfo // what db was opened on
}

// target is one table.
type target struct {
	config  Config // with its name
	mapper  *table.Mapper
	checked bool // it is there, and the position's
	rows    rows
}

func (t *target) forget() {
	t.checked = false
	t.rows.forget()
}

func open(ctx context.Context, env sink.Env, c Config) (sink.Sink, error) {
	s := &store{env: env, path: c.Endpoint(env), parts: c.NewParts(env, table.DateInName)}
	s.targets = table.Set[*target]{Drop: (*target).forget, New: func(name string) *target {
		t := &target{config: c}
		t.config.Table = name
		t.mapper = table.NewMapper(&t.config.Config, table.Options{Location: c.Location(env.Location), NoNaN: true})
		return t
	}}
	s.enter(s.parts.Now())
	if err := s.ready(ctx); err != nil {
		s.Close()
		return nil, s.failed(err)
	}
	return s, nil
}

// enter makes a table the one that is written to.
func (s *store) enter(name string) { s.target = s.targets.At(name) }

// Close closes the database.
func (s *store) Close() error {
	s.targets.Each((*target).forget)
	if s.db == nil {
		return nil
	}
	db := s.db
	s.db = nil
	return db.Close()
}

// ready opens the database if it is not open, and looks at the table if that was
// not done since the last error.
func (s *store) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.db != nil && !s.sameFile() {
		s.Close()
	}
	if s.db == nil {
		if err := s.connect(); err != nil {
			return err
		}
	}
	if s.checked {
		return nil
	}
	if err := s.checkTables(); err != nil {
		return err
	}
	s.checked = true
	return nil
}

// sameFile reports whether the path still leads to the file that is open: SQLite
// would go on writing into a file that was deleted or replaced.
func (s *store) sameFile() bool {
	now, err := os.Stat(s.path)
	return err == nil && os.SameFile(now, s.file)
}

func (s *store) connect() error {
	if s.config.Create {
		if err := os.MkdirAll(filepath.Dir(s.path), 0o777); err != nil {
			return &sink.Refused{Err: err, Remedy: "give girok the right to make the folder, or make it"}
		}
	} else if _, err := os.Stat(s.path); err != nil {
		return &sink.Refused{Err: err, Remedy: "create: true makes the file and its folder"}
	}
	db, err := openDB(s.path, s.config.Create, s.env.Durable)
	if err != nil {
		return err
	}
	if s.file, err = os.Stat(s.path); err != nil {
		db.Close()
		return err
	}
	s.db = db
	return nil
}

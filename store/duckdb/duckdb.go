// Package duckdb writes records into a table of a DuckDB database.
//
// A batch is one transaction: the rows, appended column by column in DuckDB's own
// vectors, then as its last statements the move of the handler's position in
// girok_position. Either both are in or neither is, so a batch that is sent again
// after a crash finds its position moved and adds nothing. DuckDB syncs its
// write-ahead log at each commit.
//
// # Who may open the file
//
// One process. DuckDB locks the file whole: while a program of girok delivers
// into it, another process can't open it, not even to read. A batch that finds
// the file held fails with a [*Held] in a *sink.Retry, which names the process.
// In one process all handlers, [Query], and database/sql with the driver of
// DuckDB share one open database.
//
// # Types
//
// string VARCHAR, int BIGINT, float DOUBLE, decimal(p,s) DECIMAL(p,s), bool
// BOOLEAN, timestamp TIMESTAMPTZ, datetime TIMESTAMP, date DATE, json JSON, bytes
// BLOB. A column that new_columns adds for whole numbers above 2^63 is a
// DECIMAL(20,0). A table that was made by others may have other types: DuckDB
// casts what it can, and a row with a value that it can't is rejected.
//
// # C
//
// DuckDB is a library in C++: the package needs cgo and a C++ compiler, on Linux and
// macOS with amd64 or arm64, or Windows with amd64. Elsewhere it compiles without
// it: [Built] is false, and a configuration with this class is a mistake that says
// why and what to do.
package duckdb

import (
	"net/url"
	"strings"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/internal/disk"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// Kind is the sink kind for DuckDB, to be given to girok.Open.
var Kind = sink.Define("duckdb", "rows in a table of a DuckDB database", sink.Position, Config{
	Config: table.DefaultConfig(),
	Memory: 1 << 30,
	Batch:  sink.Limits{Records: 100_000, Bytes: 32 << 20, Age: config.Duration(time.Second)},
}, open)

// Config is the keys of a handler with `class: duckdb`.
type Config struct {
	Path string `yaml:"path,required" doc:"the database file, relative to the configuration"`
	table.Config
	Memory config.Size `yaml:"memory" min:"64MiB" doc:"the most memory that DuckDB takes for the file; what needs more goes to a folder beside it. Of several handlers with one file the last to open it decides"`
	Batch  sink.Limits `yaml:"batch" doc:"when a batch is cut"`
}

// Validate implements config.Validator.
func (c *Config) Validate(at *config.At) {
	if !Built {
		at.ProblemHint("class", notBuiltRemedy, "DuckDB is not in this program: %s", notBuilt)
	}
	c.Config.Validate(at)
	if problem := pathProblem(c.Path); problem != "" {
		at.Problem("path", "%s, got %q", problem, c.Path)
	}
	if strings.EqualFold(c.Table, positionTable) {
		at.Problem("table", "the name %q is taken", c.Table)
	}
}

// What a program without DuckDB says.
const (
	notBuilt       = "it was built without cgo, or for a system that DuckDB's library is not made for"
	notBuiltRemedy = "install a C++ compiler (g++) and build with CGO_ENABLED=1, or use class: sqlite, which has the same keys"
)

// pathProblem says why DuckDB's driver can't open a path; "" if it can. It reads
// what follows a question mark as settings.
func pathProblem(path string) string {
	if _, err := url.Parse("/" + path); err != nil || strings.Contains(path, "?") || strings.HasPrefix(path, ":memory:") {
		return "want the path of a file, without ? and %"
	}
	return ""
}

// Endpoint is the absolute path of the file with symbolic links resolved.
func (c Config) Endpoint(env sink.Env) string { return disk.Canonical(env.Path(c.Path)) }

// Target is the table.
func (c Config) Target() string { return c.Table }

// Limits is when batches are cut.
func (c Config) Limits() sink.Limits { return c.Batch }

// Guarantee says what is guaranteed.
func (c Config) Guarantee() string {
	return "exactly once: rows and position move in one transaction, synced; an older copy of the file put back is noticed. While the program runs no other can open the file"
}

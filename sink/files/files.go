// Package files writes records as rows into files: a batch is one file, NDJSON or
// CSV, in a folder that stands for a table. What reads folders (DuckDB, Spark, a
// load job) reads them while girok writes: a file is there whole or not at all.
//
// # What is in a file
//
// Every row has all columns, in the order of the table; NULL is null in NDJSON, and
// in CSV a field with nothing in it, not even quotes. Types: string, timestamp
// (2026-11-25T20:32:58.123456Z), datetime (without the Z), date, decimal and bytes
// (base64) are texts; int, float and bool what NDJSON has for them; json a value of
// its own, in CSV its text. NDJSON has no NaN and no infinities: they are a
// mismatch; CSV has NaN, Infinity and -Infinity. The first line of a CSV file names
// the columns.
//
// # How a batch is recognised
//
// A file is named after the time of its first record and the batch. It is made under
// a name that begins with a dot, put on the disk, and renamed. So a batch that comes
// again finds its file, or makes it anew.
package files

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/internal/disk"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// Kind is the sink kind files, to be given to girok.Open.
//
// A batch is held in memory until it is in, so it is no larger than this by itself.
var Kind = sink.Define("files", "rows in files of a folder, NDJSON or CSV", sink.Name, Config{
	Config: table.DefaultConfig(),
	Format: "ndjson",
	Batch:  sink.Limits{Records: 250_000, Bytes: 32 << 20, Age: config.Duration(5 * time.Minute)},
}, open)

// Config is the keys of a handler with `class: files`.
type Config struct {
	Path string `yaml:"path,required" doc:"the folder that holds the tables, relative to the configuration; a table is a folder in it"`
	table.Config
	Format   string      `yaml:"format" enum:"ndjson|csv" doc:"what is in a file: a JSON object a line, or CSV as RFC 4180 has it, with a line of names"`
	Compress string      `yaml:"compress" enum:"gzip" doc:"gzip: files are compressed, and their names end in .gz"`
	Batch    sink.Limits `yaml:"batch" doc:"when a batch is cut, and so a file is whole"`
}

// Validate implements config.Validator.
func (c *Config) Validate(at *config.At) {
	c.Config.Validate(at)
	switch name := c.Table; {
	case name == "": // told already
	case strings.HasPrefix(name, "."), strings.ContainsAny(name, `/\`):
		at.Problem("table", "is the name of a folder in path: it can't begin with a dot, nor hold %q", `/\`)
	}
}

// Endpoint is the folder of the tables with symbolic links resolved.
func (c Config) Endpoint(env sink.Env) string { return disk.Canonical(env.Path(c.Path)) }

// Target is the table.
func (c Config) Target() string { return c.Table }

// Limits is when batches are cut.
func (c Config) Limits() sink.Limits { return c.Batch }

// Guarantee says what is guaranteed.
func (c Config) Guarantee() string {
	return "exactly once: a batch is one file, there whole or not at all, and on the disk; not if somebody takes the file away between a crash and the next start"
}

// extension is what the names of files end in.
func (c *Config) extension() string {
	ext := "." + c.Format
	if c.Compress == "gzip" {
		ext += ".gz"
	}
	return ext
}

// store is one handler's table: a folder.
type store struct {
	config Config
	env    sink.Env
	dir    string
	mapper *table.Mapper
	values []table.Value
	lines  []byte
	ready  bool // the folder was looked at

	name string // of the batch that was prepared
	made string // the file that was made for it; "" if there is nothing to do
	as   string // what it is to be called
}

func open(_ context.Context, env sink.Env, c Config) (sink.Sink, error) {
	s := &store{config: c, env: env, dir: filepath.Join(c.Endpoint(env), c.Table)}
	json := c.Format == "ndjson"
	s.mapper = table.NewMapper(&s.config.Config, table.Options{Location: c.Location(env.Location), NoNaN: json, NoInf: json})
	if err := s.look(); err != nil {
		return nil, failed(err)
	}
	return s, nil
}

// Close implements sink.Sink. What was made and not renamed is made anew by whoever
// has the journal.
func (s *store) Close() error {
	s.name, s.made = "", ""
	return nil
}

// Write implements sink.Sink: the file that was made gets its name.
func (s *store) Write(ctx context.Context, b *sink.Batch) error {
	if b.Name != s.name {
		return fmt.Errorf("batch %s was not prepared", b.Name)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.made == "" {
		return nil
	}
	made := s.made
	s.name, s.made = "", ""
	return failed(s.publish(made, s.as))
}

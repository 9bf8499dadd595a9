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
// A file is named after the time of the batch's first record and the batch. It is
// made under a name that begins with a dot, put on the disk, and renamed. So a batch
// that comes again finds its file, or makes it anew. With {date} in the name of the
// table a batch has a file of this name in the folder of each day.
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
	if c.Table == "" {
		return // told already
	}
	for name := range strings.SplitSeq(c.Table, "/") {
		if name == "" || strings.HasPrefix(name, ".") || strings.Contains(name, `\`) {
			at.Problem("table", `is the name of a folder in path, or of folders in it (logs/date={date}): none can be empty, begin with a dot or hold "\\"`)
			return
		}
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

// store is one handler's table, or those of its name: folders.
type store struct {
	config  Config
	path    string // the folder of the tables
	parts   *table.Parts
	folders table.Set[*folder]
	values  []table.Value
	lines   []byte

	name string // of the batch that was prepared
	made []made // the files of it that have no name yet
}

// folder is one table.
type folder struct {
	dir    string
	mapper *table.Mapper
	ready  bool // it was looked at
}

// made is a file that is whole, and what it is to be called.
type made struct{ path, as string }

func open(_ context.Context, env sink.Env, c Config) (sink.Sink, error) {
	s := &store{config: c, path: c.Endpoint(env), parts: c.NewParts(env, table.DateInFolder)}
	json := c.Format == "ndjson"
	s.folders.New = func(name string) *folder {
		return &folder{
			dir:    filepath.Join(s.path, filepath.FromSlash(name)),
			mapper: table.NewMapper(&s.config.Config, table.Options{Location: c.Location(env.Location), NoNaN: json, NoInf: json}),
		}
	}
	if err := s.look(s.folders.At(s.parts.Now())); err != nil {
		return nil, failed(err)
	}
	return s, nil
}

// Close implements sink.Sink. What was made and not renamed is made anew by whoever
// has the journal.
func (s *store) Close() error {
	s.name, s.made = "", nil
	return nil
}

// Write implements sink.Sink: the files that were made get their name.
func (s *store) Write(ctx context.Context, b *sink.Batch) error {
	if b.Name != s.name {
		return fmt.Errorf("batch %s was not prepared", b.Name)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	list := s.made
	s.name, s.made = "", nil
	for _, f := range list {
		if err := publish(f); err != nil {
			return failed(err)
		}
	}
	return nil
}

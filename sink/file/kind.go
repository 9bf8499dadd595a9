package file

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/format"
	"github.com/girok/girok/sink"
)

// Kind is the sink kind file: what the class file is with `spooled: true`. Every
// program has it.
var Kind = KindWith(nil)

// KindWith is Kind in a program that has zstd; nil: it does not.
func KindWith(zstd Zstd) sink.Kind {
	return sink.Define("file", "lines of a file, written from the spool once", sink.File, Config{
		Spooled: true,
		Batch:   sink.Limits{Records: 50_000, Bytes: 4 << 20, Age: config.Duration(time.Second)},
	}, func(_ context.Context, env sink.Env, c Config) (sink.Sink, error) { return openSpooled(zstd, env, c) })
}

// Config is the keys of a handler with `class: file` and `spooled: true`.
type Config struct {
	Filename  string       `yaml:"filename,required" doc:"file, relative to the working folder, as in Python"`
	Spooled   bool         `yaml:"spooled" doc:"written from the spool; without it in the call"`
	Formatter *config.Node `yaml:"formatter" doc:"name of a formatter"`
	Rotate    Rotate       `yaml:"rotate" doc:"when the file is put aside and a new one begun, between two batches; without bytes and every never. Names are app-2026-11-25T130501.log, with every: day app-2026-11-25.log, the next of one name app-2026-11-25.2.log"`
	Sync      bool         `yaml:"sync" doc:"put each batch on the disk before it counts as delivered; always so with spool.durability: disk"`
	Batch     sink.Limits  `yaml:"batch" doc:"when a batch is cut"`
}

// Rotate is when a file is put aside, and what becomes of it.
type Rotate struct {
	Bytes    config.Size `yaml:"bytes" doc:"before it becomes longer than this; one batch may be longer"`
	Every    string      `yaml:"every" enum:"hour|day" doc:"with the first batch of a new hour or day, by the clock of timezone"`
	Keep     int         `yaml:"keep" min:"0" doc:"how many files that were put aside stay, the newest; 0: all"`
	Compress string      `yaml:"compress" enum:"gzip|zstd" doc:"what was put aside is compressed, and its name ends in .gz or .zst; zstd with zstd.Packing, as in the program girok"`
}

// Validate checks what the tags can't.
func (c *Config) Validate(at *config.At) {
	if c.Rotate.Bytes == 0 && c.Rotate.Every == "" && (c.Rotate.Keep > 0 || c.Rotate.Compress != "") {
		at.Problem("rotate", "says what becomes of files that are put aside, but not when; want bytes, every or both")
	}
}

// Endpoint is the file, with the links of its folder, and its own, resolved.
func (c Config) Endpoint(env sink.Env) string {
	path := env.Path(c.Filename)
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(dir, filepath.Base(path))
	}
	return path
}

// Target is empty: there is one file.
func (c Config) Target() string { return "" }

// Limits is when batches are cut: at a quarter of a file that is small, so that
// it is well filled when it is put aside.
func (c Config) Limits() sink.Limits {
	l := c.Batch
	if c.Rotate.Bytes > 0 {
		l.Bytes = min(l.Bytes, max(c.Rotate.Bytes/4, 1))
	}
	return l
}

// Guarantee says what is guaranteed.
func (c Config) Guarantee() string {
	words := []string{"once: what a kill tears is completed, also after the file was renamed in its folder; not if somebody else writes, cuts, copies or compresses it in the middle of a batch"}
	if c.Sync {
		words = append(words, "each batch is on the disk")
	}
	return strings.Join(words, "; ")
}

// formatter makes the formatter that the keys name.
func (c Config) formatter(loc *time.Location) (format.Formatter, error) {
	var keys format.Keys
	if c.Formatter != nil && !c.Formatter.IsZero() {
		var ps config.Problems
		config.Decode(c.Formatter, &ps, &keys)
		if err := ps.Err(); err != nil {
			return nil, err
		}
	}
	return keys.New(loc)
}

//go:build !(cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64))

package duckdb

import (
	"context"
	"errors"
	"io"

	"github.com/girok/girok/sink"
)

// Built reports whether the program has DuckDB. Without it Kind is still there:
// it turns every configuration with `class: duckdb` down, with the reason.
const Built = false

var errNotBuilt = errors.New("DuckDB is not in this program: " + notBuilt + "; " + notBuiltRemedy)

func open(context.Context, sink.Env, Config) (sink.Sink, error) {
	return nil, &sink.Refused{Err: errNotBuilt}
}

// Rows is the answer to a query.
type Rows struct{ Columns []string }

// Query fails: the program has no DuckDB.
func Query(context.Context, string, string) (*Rows, error) { return nil, errNotBuilt }

// Next has nothing.
func (*Rows) Next(context.Context) ([]any, error) { return nil, io.EOF }

// Close does nothing.
func (*Rows) Close() error { return nil }

//go:build !(cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64))

package duckdb

import (
	"context"
	"errors"

	"github.com/girok/girok/sink"
)

// Built reports whether the program has DuckDB. Without it Kind is still there:
// it turns every configuration with `class: duckdb` down, with the reason.
const Built = false

var errNotBuilt = errors.New("DuckDB is not in this program: " + notBuilt + "; " + notBuiltRemedy)

func open(context.Context, sink.Env, Config) (sink.Sink, error) {
	return nil, &sink.Refused{Err: errNotBuilt}
}

// Query fails: the program has no DuckDB.
func Query(context.Context, string, string) (sink.Rows, error) { return nil, errNotBuilt }

package main

import (
	"context"
	"io"

	"github.com/girok/girok"
	"github.com/girok/girok/source/stdin"
	"github.com/girok/girok/store/sqlite"
)

// kinds are the sources and stores that this program has. A new one is a line
// here.
var kinds = []girok.Option{
	stdin.Kind,
	sqlite.Kind,
}

// answer is what a warehouse gives to a query.
type answer interface {
	// Next gives the next row: nil, int64, float64, string or []byte; io.EOF
	// after the last.
	Next(context.Context) ([]any, error)
	io.Closer
}

// warehouses are the embedded databases that `girok query` reads, by class.
var warehouses = map[string]func(ctx context.Context, path, sql string) (columns []string, a answer, err error){
	"sqlite": func(ctx context.Context, path, sql string) ([]string, answer, error) {
		rows, err := sqlite.Query(ctx, path, sql)
		if err != nil {
			return nil, nil, err
		}
		return rows.Columns, rows, nil
	},
}

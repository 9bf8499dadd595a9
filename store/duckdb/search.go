//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"errors"
	"slices"
	"sort"

	"github.com/girok/girok/sink"
)

const (
	// searched is the largest batch in which rows that DuckDB refuses are searched.
	// A larger one is split by delivery, which keeps the half that is good.
	searched = 4096
	// searchedRows is how many are searched in one batch.
	searchedRows = 16
)

// errTried ends a transaction that was only to see what DuckDB says.
var errTried = errors.New("tried")

// search names in reject the rows for which DuckDB refuses the batch as a whole:
// constraints, and casts to the columns of a table that was made by others. The
// shortest beginning of the batch that is refused ends with a bad row. Where there
// are too many it names none.
func (s *store) search(ctx context.Context, b *sink.Batch, reject *sink.Reject) error {
	var bad []sink.RowError
	for len(bad) <= searchedRows {
		why, failed := s.refuses(ctx, b, b.Len(), bad)
		if failed != nil {
			return failed
		}
		if why == "" {
			reject.Rows = bad
			slices.SortFunc(reject.Rows, func(a, b sink.RowError) int { return a.Index - b.Index })
			return nil
		}
		n := sort.Search(b.Len(), func(n int) bool {
			if failed != nil {
				return true
			}
			var w string
			if w, failed = s.refuses(ctx, b, n, bad); w != "" {
				why = w
			}
			return w != ""
		})
		if failed != nil {
			return failed
		}
		bad = append(bad, sink.RowError{Index: n - 1, Reason: why})
	}
	return nil
}

// refuses tells why DuckDB refuses the first n rows of the batch but those
// without; "" if it takes them.
func (s *store) refuses(ctx context.Context, b *sink.Batch, n int, without []sink.RowError) (why string, err error) {
	err = s.conn.transaction(func() error {
		a, required, err := s.appender()
		if err != nil {
			return err
		}
		if _, err := s.fill(ctx, a, b, n, without, required); err != nil {
			a.abort()
			return err
		}
		if err := a.flush(); err != nil {
			return err
		}
		return errTried
	})
	if errors.Is(err, errTried) {
		return "", nil
	}
	if kind, text := says(err); rejects(kind, text) {
		return withoutValues(text), nil
	}
	return "", err
}

//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// Fit implements sink.Cutter.
func (s *store) Fit(b *sink.Batch) int { return s.parts.Fit(b) }

// Write implements sink.Sink.
func (s *store) Write(ctx context.Context, b *sink.Batch) error {
	parts, err := s.parts.Cut(b)
	if err != nil {
		return err
	}
	s.targets.Trim()
	s.enter(s.parts.First(parts))
	at := 0
	err = s.do(ctx, func() error {
		for i := range parts {
			s.enter(parts[i].Table)
			if err := s.check(); err != nil {
				return err
			}
			if err := s.grow(parts[i].Batch); err != nil {
				return err
			}
		}
		return s.conn.transaction(func() error {
			if err := s.begins(b); err != nil {
				return err
			}
			for at = range parts {
				s.enter(parts[at].Table)
				if err := s.insert(ctx, parts[at].Batch); err != nil {
					return parts[at].Of(err)
				}
			}
			if err := s.move(b.Moves); err != nil {
				return err
			}
			return ctx.Err()
		})
	})
	if errors.Is(err, errIn) {
		return nil
	}
	var reject *sink.Reject
	if errors.As(err, &reject) && len(reject.Rows) == 0 && at < len(parts) && parts[at].Len() <= searched {
		if err := s.do(ctx, func() error { return s.search(ctx, parts[at].Batch, reject) }); err != nil {
			return parts[at].Of(err)
		}
	}
	return err
}

// insert appends the rows. If some are bad it looks at the rest too and names
// all of them in a *sink.Reject.
func (s *store) insert(ctx context.Context, b *sink.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	a, required, err := s.appender()
	if err != nil {
		return err
	}
	bad, err := s.fill(ctx, a, b, b.Len(), nil, required)
	if err == nil && len(bad) > 0 {
		err = &sink.Reject{Rows: bad}
	}
	if err != nil {
		a.abort()
		return err
	}
	return a.flush()
}

// appender begins to append to the columns that rows have, and tells which of
// them must not be NULL.
func (s *store) appender() (_ *appender, required []bool, err error) {
	if s.changed() {
		return nil, nil, errChanged
	}
	cols := s.mapper.Columns()
	names := make([]string, len(cols))
	required = make([]bool, len(cols))
	same := len(cols) == len(s.names)
	for i, c := range cols {
		n := s.named(c.Name)
		if n == nil {
			return nil, nil, errChanged
		}
		names[i], required[i] = n.name, n.required
		same = same && strings.EqualFold(s.names[i].name, c.Name)
	}
	if same {
		names = nil // all of the table's, in its order: DuckDB has less to do
	}
	a, err := newAppender(s.conn, s.config.Table, cols, names, &s.text)
	return a, required, err
}

// fill gives the first n rows but those without to an appender. Once a row is bad
// the others are only looked at.
func (s *store) fill(ctx context.Context, a *appender, b *sink.Batch, n int, without []sink.RowError, required []bool) (bad []sink.RowError, err error) {
	for i := range n {
		if slices.ContainsFunc(without, func(r sink.RowError) bool { return r.Index == i }) {
			continue
		}
		if i%vectorSize == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		s.mapper.Reset()
		s.values, err = s.mapper.Row(b, i, s.values[:0])
		if errors.Is(err, record.ErrEncoding) {
			return nil, err
		}
		if err == nil {
			err = missing(s, required)
		}
		if err != nil {
			bad = append(bad, sink.RowError{Index: i, Reason: err.Error()})
		}
		if len(bad) > 0 {
			continue
		}
		if err := a.add(s.values); err != nil {
			return nil, err
		}
	}
	return bad, nil
}

// missing tells of a row that lacks what its table demands: DuckDB would refuse
// the whole batch.
func missing(s *store, required []bool) error {
	for i := range s.values {
		if required[i] && s.values[i].Type == 0 {
			return errors.New("column " + s.mapper.Columns()[i].Name + " must not be NULL")
		}
	}
	return nil
}

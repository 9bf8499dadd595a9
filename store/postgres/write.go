package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// Fit implements sink.Cutter.
func (s *store) Fit(b *sink.Batch) int { return s.parts.Fit(b) }

// Write implements sink.Sink.
func (s *store) Write(ctx context.Context, b *sink.Batch) error {
	if b.Len() == 0 && len(b.Moves) == 0 {
		return ctx.Err()
	}
	parts, err := s.parts.Cut(b)
	if err != nil {
		return err
	}
	s.targets.Trim()
	s.enter(s.parts.First(parts))
	err = s.do(ctx, func(ctx context.Context) error {
		if err := s.prepare(ctx, parts); err != nil {
			return err
		}
		at, err := s.write(ctx, b, parts)
		var bad *badRow
		if errors.As(err, &bad) {
			err = s.search(ctx, parts[at].Batch, bad)
		}
		if at < len(parts) {
			err = parts[at].Of(err)
		}
		return err
	})
	if errors.Is(err, errIn) {
		return nil
	}
	return err
}

// prepare makes ready what the parts of a batch need, before its transaction.
func (s *store) prepare(ctx context.Context, parts []table.Part) error {
	home := s.tables.position
	for _, p := range parts {
		s.enter(p.Table)
		if err := s.check(ctx); err != nil {
			return err
		}
		if s.tables.position != home {
			return &sink.Refused{
				Err:    fmt.Errorf("the table %s stands in another schema than others of the handler, with another %s", s.tables.table, positionTable),
				Remedy: "write table: schema.table",
			}
		}
		if err := s.grow(ctx, p.Batch); err != nil {
			return err
		}
		if err := s.partitions(ctx, p.Batch); err != nil {
			return err
		}
	}
	return nil
}

// write is the transaction of a batch: rows, then position. Four round trips, and
// one for each further part. After an error it tells in which part that was.
func (s *store) write(ctx context.Context, b *sink.Batch, parts []table.Part) (at int, err error) {
	err = s.transaction(ctx, func(r []*pgconn.Result) error {
		if err := s.begins(b, r[0]); err != nil {
			return err
		}
		for at = range parts {
			s.enter(parts[at].Table)
			if err := s.insert(ctx, parts[at].Batch, nil); err != nil {
				return err
			}
		}
		return s.move(ctx, b, parts)
	}, s.positions(textArray(b.Moves, func(m sink.Move) string { return m.Run.String() })))
	return at, err
}

// insert copies the rows but those without, which are indexes in ascending order.
// If some can't be made it looks at the rest too and names all of them in a
// *sink.Reject. If the server refuses one it is a *badRow.
func (s *store) insert(ctx context.Context, b *sink.Batch, without []sink.RowError) error {
	if b.Len() == 0 {
		return nil
	}
	rows := newRows(ctx, s.tables, b, without, s.room)
	_, err := s.conn.CopyFrom(ctx, rows, s.tables.copy)
	s.room = rows.end()
	if rows.failed != nil { // what the server says of it is of no use
		return rows.failed
	}
	if len(rows.bad) > 0 {
		return &sink.Reject{Rows: rows.bad}
	}
	var e *pgconn.PgError
	if errors.As(err, &e) && rejects(e) {
		if i, ok := rows.line(e.Where); ok {
			return &badRow{e, i}
		}
	}
	return err
}

// badRow is a row that the server refuses.
type badRow struct {
	*pgconn.PgError
	row int // in the batch
}

func (b *badRow) Unwrap() error { return b.PgError }

// searched is how many rows are named that the server refuses. If there are more,
// delivery splits the batch, and finds out whether it refuses all.
const searched = 16

// search names all rows that the server refuses; it tells of one at a time. So
// the batch is tried without those that are known until it would go in, and taken
// back each time.
func (s *store) search(ctx context.Context, b *sink.Batch, first *badRow) error {
	var bad []sink.RowError
	err := s.transaction(ctx, func([]*pgconn.Result) error {
		for next := first; next != nil; {
			if len(bad) == searched {
				bad = nil
				return errTried
			}
			bad = insertSorted(bad, sink.RowError{Index: next.row, Reason: reason(next.PgError)})
			next = nil
			if len(bad) == b.Len() {
				break
			}
			if _, err := run(ctx, s.conn, stmt{sql: "savepoint girok"}); err != nil {
				return err
			}
			err := s.insert(ctx, b, bad)
			if err != nil && !errors.As(err, &next) {
				return err
			}
			if _, err := run(ctx, s.conn, stmt{sql: "rollback to savepoint girok"}); err != nil {
				return err
			}
		}
		return errTried
	})
	if !errors.Is(err, errTried) {
		return err
	}
	return &sink.Reject{Err: errors.New(reason(first.PgError)), Rows: bad}
}

// errTried ends a transaction that was only to see what the server says.
var errTried = errors.New("tried")

func insertSorted(list []sink.RowError, r sink.RowError) []sink.RowError {
	i := len(list)
	for i > 0 && list[i-1].Index > r.Index {
		i--
	}
	list = append(list, sink.RowError{})
	copy(list[i+1:], list[i:])
	list[i] = r
	return list
}

package sqlite

import (
	"context"
	"errors"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
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
	err = s.ready(ctx)
	for i := 0; i < len(parts) && err == nil; i++ {
		s.enter(parts[i].Table)
		if err = s.ready(ctx); err == nil {
			err = s.grow(parts[i].Batch)
		}
	}
	if err == nil {
		err = s.write(ctx, b, parts)
	}
	if errors.Is(err, errIn) {
		return nil
	}
	return s.failed(err)
}

func (s *store) write(ctx context.Context, b *sink.Batch, parts []table.Part) error {
	return s.db.immediate(func() error {
		if err := s.begins(b); err != nil {
			return err
		}
		for i := range parts {
			s.enter(parts[i].Table)
			if err := s.insert(ctx, parts[i].Batch); err != nil {
				return parts[i].Of(err)
			}
		}
		if err := s.move(b.Moves); err != nil {
			return err
		}
		return ctx.Err()
	})
}

// insert writes the rows. If some are bad it looks at the rest too and names
// all of them in a *sink.Reject.
func (s *store) insert(ctx context.Context, b *sink.Batch) error {
	if err := s.rows.prepare(s.db, s.config.Table, s.mapper.Columns()); err != nil {
		return err
	}
	var bad []sink.RowError
	s.begin()
	for i := range b.Len() {
		if err := s.rows.add(s.mapper, b, i); err != nil {
			if errors.Is(err, record.ErrEncoding) {
				return err
			}
			bad = append(bad, sink.RowError{Index: i, Reason: err.Error()})
		}
		if !s.rows.full() && i < b.Len()-1 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		worse, err := s.rows.flush()
		if err != nil {
			return err
		}
		bad = append(bad, worse...)
		s.begin()
	}
	if len(bad) > 0 {
		return &sink.Reject{Rows: bad}
	}
	return nil
}

// begin makes room for the rows of the next statement.
func (s *store) begin() {
	s.mapper.Reset()
	s.rows.reset()
}

//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// standing is what a position's row says.
type standing struct {
	next  record.Place
	owner string
}

// row names the row of one run.
func (s *store) row(run record.RunID) string {
	return "service = " + literal(s.env.Service) + " and run = " + literal(run.String()) + " and handler = " + literal(s.env.Handler)
}

// position reads one run's row; nil if there is none.
func (s *store) position(run record.RunID) (*standing, error) {
	found, err := s.conn.texts("select next::varchar, idx::varchar, owner from " + positionTable + " where " + s.row(run))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	next, err1 := strconv.ParseUint(found[0][0], 10, 64)
	idx, err2 := strconv.ParseUint(found[0][1], 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("the row of run %s in %s: %w", run, positionTable, err)
	}
	return &standing{record.Place{Position: next, Index: uint32(idx)}, found[0][2]}, nil
}

// Claim implements sink.Positioned.
func (s *store) Claim(ctx context.Context, owner string, runs []sink.Claim) ([]record.Place, error) {
	places := make([]record.Place, len(runs))
	err := s.do(ctx, func() error {
		return s.conn.transaction(func() error {
			for i, c := range runs {
				var err error
				if places[i], err = s.claim(owner, c); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	})
	if err != nil {
		return nil, err
	}
	s.owner = owner
	return places, nil
}

func (s *store) claim(owner string, c sink.Claim) (record.Place, error) {
	at, err := s.position(c.Run)
	switch {
	case err != nil:
		return record.Place{}, err
	case at == nil && c.Known:
		return record.Place{}, lost(c.Run)
	case at == nil:
		_, err = s.conn.exec(fmt.Sprintf("insert into %s (service, run, handler, next, idx, owner, moved_at) values (%s, %s, %s, %d, %d, %s, now())",
			positionTable, literal(s.env.Service), literal(c.Run.String()), literal(s.env.Handler), c.Start.Position, c.Start.Index, literal(owner)))
		return c.Start, err
	}
	_, err = s.conn.exec("update " + positionTable + " set owner = " + literal(owner) + ", moved_at = now() where " + s.row(c.Run))
	return at.next, err
}

// Forget implements sink.Positioned.
func (s *store) Forget(ctx context.Context, runs []record.RunID) error {
	return s.do(ctx, func() error {
		return s.conn.transaction(func() error {
			for _, run := range runs {
				if _, err := s.conn.exec("delete from " + positionTable + " where " + s.row(run)); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	})
}

// lost says that the database does not know a run that it should know.
func lost(run record.RunID) error {
	return &sink.Refused{
		Err: fmt.Errorf("%s has no row for run %s: the database was replaced, or an older copy was put back", positionTable, run),
		Remedy: "put the database back that has it; or, while nobody delivers, remove this handler's state (`girok spool ls --json` has its path as state_files), " +
			"so that all records that are still there are written again",
	}
}

// errIn says that the batch is in already.
var errIn = errors.New("the batch is in")

// begins checks, before rows are written, that each position stands where the
// batch begins. errIn: all stand where it ends.
func (s *store) begins(b *sink.Batch) error {
	in, begin := 0, 0
	moved := b.Len() == 0
	for _, m := range b.Moves {
		moved = moved || m.From != m.To
		at, err := s.position(m.Run)
		if err != nil {
			return err
		}
		switch {
		case at == nil:
			return lost(m.Run)
		case at.owner != s.owner:
			return &sink.Fenced{Run: m.Run, Owner: at.owner, Next: at.next}
		case at.next == m.From:
			begin++
		case at.next == m.To:
			in++
		default:
			return &sink.Fenced{Run: m.Run, Owner: at.owner, Next: at.next}
		}
		if begin > 0 && in > 0 {
			return &sink.Fenced{Run: m.Run, Owner: at.owner, Next: at.next}
		}
	}
	switch {
	case in > 0:
		return errIn
	case !moved:
		return errors.New("duckdb: a batch with records moves no position: it could not be told from itself when it comes again")
	}
	return nil
}

// move moves the positions: the last statements of a batch's transaction. It and
// claim both set moved_at, so that of two at the same time one fails: DuckDB lets
// transactions change different columns of one row.
func (s *store) move(moves []sink.Move) error {
	for _, m := range moves {
		n, err := s.conn.exec(fmt.Sprintf("update %s set next = %d, idx = %d, moved_at = now() where %s and next = %d and idx = %d and owner = %s",
			positionTable, m.To.Position, m.To.Index, s.row(m.Run), m.From.Position, m.From.Index, literal(s.owner)))
		if err != nil {
			return err
		}
		if n != 1 {
			return &sink.Fenced{Run: m.Run, Owner: s.owner, Next: m.From}
		}
	}
	return nil
}

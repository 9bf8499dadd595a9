package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// standing is what a position's row says.
type standing struct {
	next  record.Place
	owner string
}

// position reads one run's row; nil if there is none.
func (s *store) position(run record.RunID) (*standing, error) {
	found, err := s.db.query("select next, idx, owner from "+positionTable+" where service = ? and run = ? and handler = ?",
		s.env.Service, run.String(), s.env.Handler)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	next, ok1 := found[0][0].(int64)
	idx, ok2 := found[0][1].(int64)
	owner, ok3 := found[0][2].(string)
	if !ok1 || !ok2 || !ok3 {
		return nil, fmt.Errorf("the row of run %s in %s holds values of other types", run, positionTable)
	}
	return &standing{record.Place{Position: uint64(next), Index: uint32(idx)}, owner}, nil
}

// Claim implements sink.Positioned.
func (s *store) Claim(ctx context.Context, owner string, runs []sink.Claim) ([]record.Place, error) {
	if err := s.ready(ctx); err != nil {
		return nil, s.failed(err)
	}
	places := make([]record.Place, len(runs))
	err := s.db.immediate(func() error {
		for i, c := range runs {
			var err error
			if places[i], err = s.claim(owner, c); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, s.failed(err)
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
		_, err = s.db.exec("insert into "+positionTable+" (service, run, handler, next, idx, owner, moved_at) values (?, ?, ?, ?, ?, ?, ?)",
			s.env.Service, c.Run.String(), s.env.Handler, int64(c.Start.Position), int64(c.Start.Index), owner, now())
		return c.Start, err
	}
	_, err = s.db.exec("update "+positionTable+" set owner = ?, moved_at = ? where service = ? and run = ? and handler = ?",
		owner, now(), s.env.Service, c.Run.String(), s.env.Handler)
	return at.next, err
}

// Forget implements sink.Positioned.
func (s *store) Forget(ctx context.Context, runs []record.RunID) error {
	if err := s.ready(ctx); err != nil {
		return s.failed(err)
	}
	return s.failed(s.db.immediate(func() error {
		for _, run := range runs {
			if _, err := s.db.exec("delete from "+positionTable+" where service = ? and run = ? and handler = ?",
				s.env.Service, run.String(), s.env.Handler); err != nil {
				return err
			}
		}
		return ctx.Err()
	}))
}

// Sweep implements sink.Sweeper.
func (s *store) Sweep(ctx context.Context, living []record.RunID, age time.Duration) (gone int, err error) {
	if err := s.ready(ctx); err != nil {
		return 0, s.failed(err)
	}
	err = s.db.immediate(func() error {
		for _, run := range living {
			if _, err := s.db.exec("update "+positionTable+" set moved_at = ? where service = ? and run = ? and handler = ?",
				now(), s.env.Service, run.String(), s.env.Handler); err != nil {
				return err
			}
		}
		before := table.AppendTimestamp(nil, time.Now().Add(-age).UnixMicro())
		n, err := s.db.exec("delete from "+positionTable+" where service = ? and handler = ? and moved_at < ?",
			s.env.Service, s.env.Handler, string(before))
		gone = int(n)
		return errors.Join(err, ctx.Err())
	})
	return gone, s.failed(err)
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
		return errors.New("sqlite: a batch with records moves no position: it could not be told from itself when it comes again")
	}
	return nil
}

// move moves the positions: the last statements of a batch's transaction.
func (s *store) move(moves []sink.Move) error {
	for _, m := range moves {
		n, err := s.db.exec("update "+positionTable+" set next = ?, idx = ?, moved_at = ?"+
			" where service = ? and run = ? and handler = ? and next = ? and idx = ? and owner = ?",
			int64(m.To.Position), int64(m.To.Index), now(),
			s.env.Service, m.Run.String(), s.env.Handler, int64(m.From.Position), int64(m.From.Index), s.owner)
		if err != nil {
			return err
		}
		if n != 1 {
			return &sink.Fenced{Run: m.Run, Owner: s.owner, Next: m.From}
		}
	}
	return nil
}

func now() string { return string(table.AppendTimestamp(nil, time.Now().UnixMicro())) }

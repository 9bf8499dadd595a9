package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// standing is what a position's row says.
type standing struct {
	next  record.Place
	owner string
}

// standings reads rows of (run, next, idx, owner), by run.
func standings(r *pgconn.Result) (map[string]standing, error) {
	all := make(map[string]standing, len(r.Rows))
	for _, row := range r.Rows {
		next, err1 := strconv.ParseUint(string(row[1]), 10, 64)
		idx, err2 := strconv.ParseUint(string(row[2]), 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("the row of run %s in %s: %w", row[0], positionTable, err)
		}
		all[string(row[0])] = standing{record.Place{Position: next, Index: uint32(idx)}, string(row[3])}
	}
	return all, nil
}

// positions is the statement that reads the rows of runs.
func (s *store) positions(runs string) stmt {
	return stmt{"select run, next, idx, owner from " + s.tables.position + " where service = $1 and handler = $2 and run = any($3::text[])",
		[]string{s.env.Service, s.env.Handler, runs}}
}

func number[T uint64 | uint32](n T) string { return strconv.FormatUint(uint64(n), 10) }

// Claim implements sink.Positioned. It sets the owner whatever the rows say: a
// commit of the owner before, that is under way, goes first, for it has the row's
// lock; and what the statement returns is what stands after it.
func (s *store) Claim(ctx context.Context, owner string, runs []sink.Claim) ([]record.Place, error) {
	var places []record.Place
	err := s.do(ctx, func(ctx context.Context) error {
		places = make([]record.Place, len(runs))
		take := stmt{"update " + s.tables.position + " set owner = $4, moved_at = now() where service = $1 and handler = $2 and run = any($3::text[]) returning run, next, idx, owner",
			[]string{s.env.Service, s.env.Handler, textArray(runs, func(c sink.Claim) string { return c.Run.String() }), owner}}
		return s.transaction(ctx, func(r []*pgconn.Result) error {
			at, err := standings(r[0])
			if err != nil {
				return err
			}
			for i, c := range runs {
				if places[i], err = s.claim(ctx, owner, c, at); err != nil {
					return err
				}
			}
			return nil
		}, take)
	})
	if err != nil {
		return nil, err
	}
	s.owner = owner
	return places, nil
}

// claim is one of the runs of a claim.
func (s *store) claim(ctx context.Context, owner string, c sink.Claim, at map[string]standing) (record.Place, error) {
	if had, ok := at[c.Run.String()]; ok {
		return had.next, nil
	}
	if c.Known {
		return record.Place{}, lost(c.Run)
	}
	r, err := run(ctx, s.conn, stmt{"insert into " + s.tables.position + " (service, handler, run, next, idx, owner, moved_at)" +
		" values ($1, $2, $3, $4, $5, $6, now()) on conflict do nothing",
		[]string{s.env.Service, s.env.Handler, c.Run.String(), number(c.Start.Position), number(c.Start.Index), owner}})
	if err == nil && r[0].CommandTag.RowsAffected() == 0 {
		err = fmt.Errorf("another process took run %s at this moment", c.Run)
	}
	return c.Start, err
}

// Forget implements sink.Positioned.
func (s *store) Forget(ctx context.Context, runs []record.RunID) error {
	return s.do(ctx, func(ctx context.Context) error {
		return s.transaction(ctx, func([]*pgconn.Result) error { return nil },
			stmt{"delete from " + s.tables.position + " where service = $1 and handler = $2 and run = any($3::text[])",
				[]string{s.env.Service, s.env.Handler, textArray(runs, record.RunID.String)}})
	})
}

// Sweep implements sink.Sweeper.
func (s *store) Sweep(ctx context.Context, living []record.RunID, age time.Duration) (gone int, err error) {
	err = s.do(ctx, func(ctx context.Context) error {
		mine := " where service = $1 and handler = $2 and "
		return s.transaction(ctx, func(r []*pgconn.Result) error {
			gone = int(r[1].CommandTag.RowsAffected())
			return nil
		}, stmt{"update " + s.tables.position + " set moved_at = now()" + mine + "run = any($3::text[])",
			[]string{s.env.Service, s.env.Handler, textArray(living, record.RunID.String)}},
			stmt{"delete from " + s.tables.position + mine + "moved_at < now() - make_interval(secs => $3::text::float8)",
				[]string{s.env.Service, s.env.Handler, strconv.FormatFloat(age.Seconds(), 'f', -1, 64)}})
	})
	return gone, err
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

// begins checks that each position stands where the batch begins. errIn: all
// stand where it ends.
func (s *store) begins(b *sink.Batch, r *pgconn.Result) error {
	all, err := standings(r)
	if err != nil {
		return err
	}
	in, begin := 0, 0
	for _, m := range b.Moves {
		at, ok := all[m.Run.String()]
		fenced := &sink.Fenced{Run: m.Run, Owner: at.owner, Next: at.next}
		switch {
		case !ok:
			return lost(m.Run)
		case s.again && at.next.Compare(m.From) < 0:
			// No owner ever moves a position back: the database did, while there
			// was no connection to it.
			return &sink.Refused{
				Err:    fmt.Errorf("%s stands before what it had for run %s: an older copy of the database was put back", positionTable, m.Run),
				Remedy: "nothing is to be done: at its next try girok goes back as far as the spool still has records",
			}
		case at.owner != s.owner:
			return fenced
		case at.next == m.From:
			begin++
		case at.next == m.To:
			in++
		default:
			return fenced
		}
		if begin > 0 && in > 0 {
			return fenced
		}
	}
	switch {
	case in > 0:
		return errIn
	case b.Len() > 0 && !slices.ContainsFunc(b.Moves, func(m sink.Move) bool { return m.From != m.To }):
		return errors.New("postgres: a batch with records moves no position: it could not be told from itself when it comes again")
	}
	return nil
}

// move moves the positions: the last statement of a batch's transaction. In the
// same round trip it looks whether the tables are still what the rows were made for:
// from COPY on their locks are held.
func (s *store) move(ctx context.Context, b *sink.Batch, parts []table.Part) error {
	of := func(f func(sink.Move) string) string { return textArray(b.Moves, f) }
	runs := of(func(m sink.Move) string { return m.Run.String() })
	var list []stmt
	for _, p := range parts {
		list = append(list, s.targets.At(p.Table).tables.columnsNow())
	}
	r, err := run(ctx, s.conn, append(list, stmt{"update " + s.tables.position + ` p set next = m.next, idx = m.idx, moved_at = now()
from unnest($4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[]) as m (run, lo, lo_idx, next, idx)
where p.service = $1 and p.handler = $2 and p.owner = $3 and p.run = m.run and p.next = m.lo and p.idx = m.lo_idx`,
		[]string{s.env.Service, s.env.Handler, s.owner, runs,
			of(func(m sink.Move) string { return number(m.From.Position) }), of(func(m sink.Move) string { return number(m.From.Index) }),
			of(func(m sink.Move) string { return number(m.To.Position) }), of(func(m sink.Move) string { return number(m.To.Index) })}})...)
	if err != nil {
		return err
	}
	for i, p := range parts {
		if fingerprint(r[i]) != s.targets.At(p.Table).tables.print {
			return errChanged
		}
	}
	if int(r[len(parts)].CommandTag.RowsAffected()) == len(b.Moves) {
		return nil
	}
	// Something moved them since the beginning: this owner's own transaction, whose
	// answer was lost and which ended only now, or another owner.
	r, err = run(ctx, s.conn, s.positions(runs))
	if err == nil {
		err = s.begins(b, r[0])
	}
	if err == nil {
		err = errors.New("postgres: positions moved and moved back")
	}
	return err
}

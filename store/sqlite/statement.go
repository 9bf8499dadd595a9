package sqlite

import (
	"bytes"
	"database/sql/driver"
	"strconv"
	"strings"

	"github.com/girok/girok/sink/table"
)

// statement is a prepared insert of so many rows.
type statement struct {
	stmt interface {
		driver.Stmt
		driver.StmtExecContext
	}
	args   []driver.NamedValue // all of the first row, then what each row has of its own
	shared columnSet           // the columns that have one value for all rows
	own    []int               // the others
}

// columnSet is a set of the first 64 columns.
type columnSet uint64

const everyColumn = ^columnSet(0)

func (c columnSet) has(i int) bool { return i < 64 && c>>i&1 != 0 }

// close frees the statement; closing one that is not there does nothing.
func (s *statement) close() {
	if s.stmt != nil {
		s.stmt.Close()
	}
	*s = statement{}
}

// prepare makes an insert of n rows in which all take the value that the first
// one has in the shared columns: an argument costs more than the insert of its
// value does.
func (s *statement) prepare(r *rows, n int, shared columnSet) error {
	s.shared = shared
	more := make([]string, r.columns)
	for i := range more {
		more[i] = "?"
		if shared.has(i) {
			more[i] += strconv.Itoa(i + 1)
		} else {
			s.own = append(s.own, i)
		}
	}
	first := "(?" + strings.Repeat(", ?", r.columns-1) + ")"
	stmt, err := r.db.conn.Prepare(r.into + first + strings.Repeat(", ("+strings.Join(more, ", ")+")", n-1))
	if err != nil {
		return err
	}
	s.stmt = stmt.(interface {
		driver.Stmt
		driver.StmtExecContext
	})
	s.args = named(make([]any, r.columns+(n-1)*len(s.own)))
	return nil
}

// patience is after how many statements it is asked again which columns are
// alike: making a statement costs as much as using it does.
const patience = 16

// widest is the statement for as many rows as were collected: the one with
// shared columns if all rows agree in them.
func (r *rows) widest() (*statement, error) {
	same := r.sameInAll()
	r.seen &= same
	if r.since++; r.since >= patience {
		if r.seen != r.alike.shared {
			r.alike.close()
			if r.seen != 0 {
				if err := r.alike.prepare(r, r.perStatement(), r.seen); err != nil {
					return nil, err
				}
			}
		}
		r.seen, r.since = everyColumn, 0
	}
	if r.alike.stmt != nil && r.alike.shared&^same == 0 {
		return &r.alike, nil
	}
	return &r.many, nil
}

// sameInAll is the columns that have one value in all rows collected.
func (r *rows) sameInAll() (same columnSet) {
	for c := range min(r.columns, 64) {
		first := &r.values[c]
		at := c + r.columns
		for at < len(r.values) && equal(first, &r.values[at]) {
			at += r.columns
		}
		if at >= len(r.values) {
			same |= 1 << c
		}
	}
	return same
}

func equal(a, b *table.Value) bool {
	return a.Type == b.Type && a.Num == b.Num && bytes.Equal(a.Raw, b.Raw)
}

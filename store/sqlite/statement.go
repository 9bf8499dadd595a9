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
	alike alikeness
	first []int // the columns of the first row that are arguments
	more  []int // of each other row
	args  []driver.NamedValue
	texts []string       // those of args that are text
	boxes []driver.Value // which hold texts
}

// alikeness is in which of the first 64 columns rows agree. A bit is a column.
type alikeness struct {
	value uint64 // one value for all rows
	null  uint64 // and that is NULL
}

// all is the alikeness of no rows.
var all = alikeness{^uint64(0), ^uint64(0)}

func (a alikeness) and(b alikeness) alikeness { return alikeness{a.value & b.value, a.null & b.null} }

// has reports whether rows that are a may be said to be b.
func (a alikeness) has(b alikeness) bool { return a.and(b) == b }

// close frees the statement; closing one that is not there does nothing.
func (s *statement) close() {
	if s.stmt != nil {
		s.stmt.Close()
	}
	*s = statement{}
}

// prepare makes an insert of n rows that are alike: what all have stands in it
// once. An argument costs more than the insert of its value does.
func (s *statement) prepare(r *rows, n int, a alikeness) error {
	first, more := make([]string, r.columns), make([]string, r.columns)
	for c := range r.columns {
		bit := uint64(1) << c // none from column 64 on
		if a.null&bit != 0 {
			first[c], more[c] = "NULL", "NULL"
			continue
		}
		s.first = append(s.first, c)
		first[c], more[c] = "?", "?"
		if a.value&bit != 0 {
			more[c] = "?" + strconv.Itoa(len(s.first))
		} else {
			s.more = append(s.more, c)
		}
	}
	stmt, err := r.db.conn.Prepare(r.into + "(" + strings.Join(first, ", ") + ")" + strings.Repeat(", ("+strings.Join(more, ", ")+")", n-1))
	if err != nil {
		return err
	}
	s.stmt = stmt.(interface {
		driver.Stmt
		driver.StmtExecContext
	})
	count := len(s.first) + (n-1)*len(s.more)
	s.alike, s.args = a, named(make([]any, count))
	s.texts, s.boxes = make([]string, count), make([]driver.Value, count)
	for i := range s.boxes {
		s.boxes[i] = box(&s.texts[i])
	}
	return nil
}

// patience is after how many statements it is asked again how rows are alike:
// making a statement costs as much as using it does.
const patience = 16

// widest is the statement for as many rows as were collected: the one for rows
// that are alike if they are.
func (r *rows) widest() (*statement, error) {
	now := r.alikeness()
	r.seen = r.seen.and(now)
	if r.since++; r.since >= patience {
		if r.seen != r.alike.alike {
			r.alike.close()
			if r.seen.value != 0 {
				if err := r.alike.prepare(r, r.perStatement(), r.seen); err != nil {
					return nil, err
				}
			}
		}
		r.seen, r.since = all, 0
	}
	if r.alike.stmt != nil && now.has(r.alike.alike) {
		return &r.alike, nil
	}
	return &r.many, nil
}

// alikeness is in which columns the rows agree that were collected.
func (r *rows) alikeness() (a alikeness) {
	for c := range min(r.columns, 64) {
		first := &r.values[c]
		at := c + r.columns
		for at < len(r.values) && equal(first, &r.values[at]) {
			at += r.columns
		}
		if at < len(r.values) {
			continue
		}
		a.value |= 1 << c
		if first.Type == table.Null {
			a.null |= 1 << c
		}
	}
	return a
}

func equal(a, b *table.Value) bool {
	return a.Type == b.Type && a.Num == b.Num && bytes.Equal(a.Raw, b.Raw)
}

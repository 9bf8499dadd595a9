package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/girok/girok/sink"
)

// answer is the rows of a query, on a connection of their own.
type answer struct {
	db      *db
	rows    driver.Rows
	columns []sink.Column
	values  []driver.Value
	ctx     context.Context // of the whole answer
	tidy    func()
}

// Query asks the database while the sink writes it, on a connection of its own.
func (s *store) Query(ctx context.Context, sql string) (sink.Rows, error) {
	return Query(ctx, s.path, sql)
}

// Query asks the database at path, which is opened for reading only: girok may
// be writing it at the same time. The rows end with ctx. Close them.
//
// Reading a database in WAL mode takes the files -wal and -shm beside it. Those
// that Query had to make are gone after Close; where it may not make them, in a
// folder that can't be written, it reads the file alone if nothing lies in -wal,
// and says what to do if something does.
func Query(ctx context.Context, path, sql string) (sink.Rows, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	wal := hasWAL(path)
	rows, err := query(ctx, path, sql, url.Values{})
	switch {
	case err == nil && !wal:
		rows.tidy = func() { tidy(path) }
	case err != nil && !wal:
		tidy(path)
	}
	if cannotShare(err) {
		if walBytes(path) > 0 {
			return nil, &sink.Refused{
				Err: err,
				Remedy: fmt.Sprintf("a part of what was written lies in %s-wal, and reading it takes %s-shm, which can't be made here: ask as a user who may write the folder, or copy %s and %s-wal to a folder where you may",
					path, path, path, path),
			}
		}
		// Nobody writes it: a writer would have a -wal.
		rows, err = query(ctx, path, sql, url.Values{"immutable": {"1"}})
	}
	if err != nil {
		return nil, err
	}
	return rows, nil
}

func query(ctx context.Context, path, sql string, q url.Values) (*answer, error) {
	q.Set("mode", "ro")
	q.Set("_query_only", "1")
	q.Set("_busy_timeout", busyTimeout)
	d, err := connect(path, q)
	if err != nil {
		return nil, err
	}
	r, err := d.conn.QueryContext(ctx, sql, nil)
	if err != nil {
		d.Close()
		return nil, err
	}
	a := &answer{db: d, rows: r, ctx: ctx, tidy: func() {}}
	declared, _ := r.(driver.RowsColumnTypeDatabaseTypeName)
	for i, name := range r.Columns() {
		c := sink.Column{Name: name}
		if declared != nil {
			word, _, _ := strings.Cut(strings.ToUpper(declared.ColumnTypeDatabaseTypeName(i)), " ")
			c.JSON = word == "JSON" || word == "JSONB"
		}
		a.columns = append(a.columns, c)
	}
	a.values = make([]driver.Value, len(a.columns))
	return a, nil
}

// Columns are those of each row.
func (a *answer) Columns() []sink.Column { return a.columns }

// Next gives the next row. It heeds the contexts between rows.
func (a *answer) Next(ctx context.Context) ([]any, error) {
	if err := errors.Join(a.ctx.Err(), ctx.Err()); err != nil {
		return nil, err
	}
	if err := a.rows.Next(a.values); err != nil {
		return nil, err
	}
	row := make([]any, len(a.values))
	for i, v := range a.values {
		row[i] = v
	}
	return row, nil
}

// Close ends the query.
func (a *answer) Close() error {
	if a.db == nil {
		return nil
	}
	a.rows.Close()
	err := a.db.Close()
	a.db = nil
	a.tidy()
	return err
}

// cannotShare reports whether a database could not be opened because the files
// beside it can't be made.
func cannotShare(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() {
	case lib.SQLITE_READONLY_DIRECTORY, lib.SQLITE_READONLY_CANTINIT, lib.SQLITE_READONLY_RECOVERY:
		return true // and not READONLY alone: that is a statement that writes
	}
	return code(err) == lib.SQLITE_CANTOPEN
}

func hasWAL(path string) bool {
	_, err := os.Stat(path + "-wal")
	return !errors.Is(err, fs.ErrNotExist)
}

func walBytes(path string) int64 {
	st, err := os.Stat(path + "-wal")
	if err != nil {
		return 0
	}
	return st.Size()
}

// tidy removes the files that a reader had to make. A reader may not; a
// connection that may write does so when it closes as the last one, under
// SQLite's own locks.
func tidy(path string) {
	if !hasWAL(path) {
		return
	}
	d, err := connect(path, url.Values{"mode": {"rw"}})
	if err != nil {
		return // they stay, and harm nobody
	}
	_, _ = d.query("select count(*) from sqlite_schema")
	_ = d.Close()
}

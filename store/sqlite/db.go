package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net/url"

	"modernc.org/sqlite"

	"github.com/girok/girok/internal/crash"
)

// db is one connection, used at the driver's level: database/sql converts and
// copies every argument, and makes a goroutine for every statement whose context
// can be cancelled. It is not safe for concurrent use.
type db struct {
	conn interface {
		driver.Conn
		driver.ExecerContext
		driver.QueryerContext
	}
}

// busyTimeout is how long a statement waits for another writer, in ms. Delivery
// tries again after it.
const busyTimeout = "2000"

// openDB opens a database for writing.
func openDB(path string, create, durable bool) (*db, error) {
	return connect(path, settings(create, durable))
}

// settings are how a database is opened for writing. In WAL mode NORMAL loses
// nothing to a kill, and FULL nothing to a power cut. A checkpoint each 16 MiB
// instead of 4 writes pages that many batches change fewer times. The cache holds
// what a batch changes; a larger one is slower, for rows are added at the end and
// pages not looked at again push out of the processor what is needed.
func settings(create, durable bool) url.Values {
	q := url.Values{
		"mode": {"rw"}, "_busy_timeout": {busyTimeout}, "_journal_mode": {"WAL"}, "_synchronous": {"NORMAL"},
		"_pragma": {"wal_autocheckpoint(4096)", "cache_size(-4096)"},
	}
	if create {
		q.Set("mode", "rwc")
	}
	if durable {
		q.Set("_synchronous", "FULL")
	}
	return q
}

func connect(path string, q url.Values) (*db, error) {
	q.Set("_error_rc", "1")
	q.Set("_dqs", "0")
	connector, err := sqlite.NewConnector("file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode())
	if err != nil {
		return nil, err
	}
	conn, err := connector.Connect(context.Background())
	if err != nil {
		return nil, err
	}
	d := &db{}
	var ok bool
	if d.conn, ok = conn.(interface {
		driver.Conn
		driver.ExecerContext
		driver.QueryerContext
	}); !ok {
		return nil, errors.Join(errors.New("sqlite: the driver lacks what is needed"), conn.Close())
	}
	return d, nil
}

// Close closes the connection; what was not committed is gone.
func (d *db) Close() error { return d.conn.Close() }

func named(args []any) []driver.NamedValue {
	list := make([]driver.NamedValue, len(args))
	for i, a := range args {
		list[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return list
}

// exec runs a statement and returns the number of rows that it changed.
func (d *db) exec(sql string, args ...any) (int64, error) {
	r, err := d.conn.ExecContext(context.Background(), sql, named(args))
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// query returns all rows of a statement.
func (d *db) query(sql string, args ...any) ([][]driver.Value, error) {
	r, err := d.conn.QueryContext(context.Background(), sql, named(args))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var all [][]driver.Value
	for {
		row := make([]driver.Value, len(r.Columns()))
		switch err := r.Next(row); {
		case err == io.EOF:
			return all, nil
		case err != nil:
			return nil, err
		}
		all = append(all, row)
	}
}

// immediate runs f in a transaction that has the write lock from its beginning.
// After an error nothing of it is in.
func (d *db) immediate(f func() error) error {
	if _, err := d.exec("begin immediate"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		crash.At(crash.Sent)
		_, err = d.exec("commit")
	}
	if err != nil {
		d.exec("rollback") // fails where SQLite has rolled back by itself
	}
	return err
}

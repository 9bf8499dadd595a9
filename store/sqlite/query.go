package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"net/url"
	"os"
)

// Rows is the answer to a query. It is not safe for concurrent use.
type Rows struct {
	Columns []string
	db      *db
	rows    driver.Rows
	values  []driver.Value
}

// Query asks the database at path, which is opened for reading only: girok may
// be writing it at the same time. Close the rows.
func Query(ctx context.Context, path, query string) (*Rows, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	d, err := connect(path, url.Values{"mode": {"ro"}, "_query_only": {"1"}, "_busy_timeout": {busyTimeout}})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r, err := d.conn.QueryContext(ctx, query, nil)
	if err != nil {
		d.Close()
		return nil, err
	}
	return &Rows{Columns: r.Columns(), db: d, rows: r, values: make([]driver.Value, len(r.Columns()))}, nil
}

// Next gives the next row: nil, int64, float64, string and []byte; io.EOF after
// the last.
func (r *Rows) Next(ctx context.Context) ([]any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := r.rows.Next(r.values); err != nil {
		return nil, err
	}
	row := make([]any, len(r.values))
	for i, v := range r.values {
		row[i] = v
	}
	return row, nil
}

// Close ends the query.
func (r *Rows) Close() error {
	r.rows.Close()
	return r.db.Close()
}

//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"strings"
	"time"

	duck "github.com/duckdb/duckdb-go/v2"
)

// Rows is the answer to a query. It is not safe for concurrent use.
type Rows struct {
	Columns []string
	types   []duck.Type
	rows    driver.Rows
	values  []driver.Value
	close   []func() // from last to first
}

// Query asks the database at path with one statement, a SELECT or what DuckDB
// makes one of (SHOW, DESCRIBE, SUMMARIZE, FROM …), or an EXPLAIN. It runs on a
// connection of its own, in a transaction that only reads.
//
// Where this process has the file open, as one that delivers into it has, the
// answer is of that open database, as of one moment, while rows are written. Else
// the file is opened for reading only. A *Held says that another process has it:
// that one can be asked.
//
// Close the rows: they keep the file open. Query may be called on any goroutine.
func Query(ctx context.Context, path, query string) (*Rows, error) {
	r := &Rows{}
	if err := r.begin(ctx, canonical(path), query); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (r *Rows) begin(ctx context.Context, path, query string) error {
	conn, err := r.connect(ctx, path)
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "begin transaction read only", nil); err != nil {
		return err
	}
	stmt, err := prepare(conn, query)
	if err != nil {
		return err
	}
	query, explains, err := r.describe(stmt, query)
	if err == nil && !explains {
		stmt.Close()
		stmt, err = prepare(conn, query)
	}
	if stmt != nil {
		r.close = append(r.close, func() { stmt.Close() })
	}
	if err != nil {
		return err
	}
	r.rows, err = stmt.QueryContext(ctx, nil)
	return err
}

// connect gives a connection to the database that this process has open, or to
// one that is opened for reading.
func (r *Rows) connect(ctx context.Context, path string) (*duck.Conn, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	if problem := pathProblem(path); problem != "" {
		return nil, fmt.Errorf("%s: %s", path, problem)
	}
	files.Lock()
	defer files.Unlock()
	dsn := path + "?access_mode=read_only"
	if d := files.open[path]; d != nil {
		dsn = path
		user := &conn{database: d, reads: true}
		d.users[user] = true
		r.close = append(r.close, func() {
			files.Lock()
			defer files.Unlock()
			d.leave(user)
		})
	}
	c, err := duck.NewConnector(dsn, nil)
	if err != nil {
		_, text := says(err)
		return nil, openError(path, text)
	}
	r.close = append(r.close, func() { c.Close() })
	conn, err := c.Connect(ctx)
	if err != nil {
		return nil, err
	}
	r.close = append(r.close, func() { conn.Close() })
	return conn.(*duck.Conn), nil
}

// prepare prepares one statement. Several, of which the first could end the
// transaction, are an error.
func prepare(conn *duck.Conn, query string) (*duck.Stmt, error) {
	stmt, err := conn.Prepare(query)
	if err != nil {
		return nil, err
	}
	return stmt.(*duck.Stmt), nil
}

// describe takes the columns of a statement, and gives the statement that has
// them in types that Next can give: the driver makes maps of JSON, and of its
// numbers floats.
func (r *Rows) describe(stmt *duck.Stmt, query string) (_ string, explains bool, err error) {
	kind, err := stmt.StatementType()
	if err != nil {
		return "", false, err
	}
	if kind != duck.STATEMENT_TYPE_SELECT && kind != duck.STATEMENT_TYPE_EXPLAIN {
		return "", false, errors.New("want a SELECT, SHOW, DESCRIBE or EXPLAIN: a query only reads")
	}
	n, err := stmt.ColumnCount()
	if err != nil {
		return "", false, err
	}
	r.types, r.values = make([]duck.Type, n), make([]driver.Value, n)
	names, columns := make([]string, n), make([]string, n)
	for i := range n {
		name, err1 := stmt.ColumnName(i)
		typ, err2 := stmt.ColumnType(i)
		if err := errors.Join(err1, err2); err != nil {
			return "", false, err
		}
		r.Columns, r.types[i] = append(r.Columns, name), typ
		names[i] = fmt.Sprint("c", i)
		columns[i] = given(names[i], typ)
	}
	query = strings.TrimRight(strings.TrimSpace(query), "; \t\r\n")
	return fmt.Sprintf("select %s from (%s\n) as t(%s)", strings.Join(columns, ", "), query, strings.Join(names, ", ")),
		kind == duck.STATEMENT_TYPE_EXPLAIN, nil
}

// given is a column as one of the types that value knows.
func given(column string, t duck.Type) string {
	switch t {
	case duck.TYPE_BOOLEAN, duck.TYPE_TINYINT, duck.TYPE_SMALLINT, duck.TYPE_INTEGER, duck.TYPE_BIGINT,
		duck.TYPE_UTINYINT, duck.TYPE_USMALLINT, duck.TYPE_UINTEGER, duck.TYPE_UBIGINT, duck.TYPE_HUGEINT, duck.TYPE_UHUGEINT,
		duck.TYPE_FLOAT, duck.TYPE_DOUBLE, duck.TYPE_TIMESTAMP, duck.TYPE_TIMESTAMP_TZ, duck.TYPE_DATE, duck.TYPE_BLOB, duck.TYPE_SQLNULL:
		return column
	case duck.TYPE_LIST, duck.TYPE_STRUCT, duck.TYPE_MAP, duck.TYPE_ARRAY, duck.TYPE_UNION:
		return "to_json(" + column + ")::varchar"
	}
	return column + "::varchar"
}

// Next gives the next row: nil, bool, int64, float64, json.Number (a DECIMAL, or
// an integer that is no int64), string and []byte; io.EOF after the last. Times
// are text, TIMESTAMPTZ in UTC; lists and the like are JSON.
func (r *Rows) Next(ctx context.Context) ([]any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := r.rows.Next(r.values); err != nil {
		return nil, err
	}
	row := make([]any, len(r.values))
	for i, v := range r.values {
		row[i] = value(v, r.types[i])
	}
	return row, nil
}

func value(v driver.Value, t duck.Type) any {
	switch v := v.(type) {
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case uint8:
		return int64(v)
	case uint16:
		return int64(v)
	case uint32:
		return int64(v)
	case uint64:
		return whole(new(big.Int).SetUint64(v))
	case *big.Int:
		return whole(v)
	case float32:
		return float64(v)
	case string:
		if t == duck.TYPE_DECIMAL {
			return json.Number(v)
		}
	case time.Time:
		switch t {
		case duck.TYPE_DATE:
			return v.Format(time.DateOnly)
		case duck.TYPE_TIMESTAMP_TZ:
			return v.UTC().Format("2006-01-02T15:04:05.000000Z")
		}
		return v.Format("2006-01-02T15:04:05.000000")
	}
	return v
}

func whole(n *big.Int) any {
	if n.IsInt64() {
		return n.Int64()
	}
	return json.Number(n.String())
}

// Close ends the query.
func (r *Rows) Close() error {
	if r.rows != nil {
		r.rows.Close()
		r.rows = nil
	}
	for i := len(r.close) - 1; i >= 0; i-- {
		r.close[i]()
	}
	r.close = nil
	return nil
}

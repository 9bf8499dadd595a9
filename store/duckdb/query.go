//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"strings"
	"sync"
	"time"

	duck "github.com/duckdb/duckdb-go/v2"

	"github.com/girok/girok/internal/disk"
	"github.com/girok/girok/sink"
)

// Query asks the database at path with one statement, a SELECT or what DuckDB
// makes one of (SHOW, DESCRIBE, SUMMARIZE, FROM …), or an EXPLAIN. It runs on a
// connection of its own, in a transaction that only reads. The rows end with ctx.
//
// Where this process has the file open, as one that delivers into it has, the
// answer is of that open database, as of one moment, while rows are written. Else
// the file is opened for reading only. A *Held says that another process has it:
// that one can be asked.
//
// Close the rows: they keep the file open. Query may be called on any goroutine.
func Query(ctx context.Context, path, sql string) (sink.Rows, error) {
	a := &answer{}
	a.ctx, a.cancel = context.WithCancel(ctx)
	return a.of(disk.Canonical(path), sql)
}

// Query implements sink.Queryer.
func (s *store) Query(ctx context.Context, sql string) (sink.Rows, error) {
	s.asked.Lock()
	if s.asked.closed {
		s.asked.Unlock()
		return nil, errors.New("the handler is closed")
	}
	ctx, cancel := context.WithCancel(ctx)
	a := &answer{ctx: ctx, cancel: cancel}
	if s.asked.answers == nil {
		s.asked.answers = map[*answer]bool{}
	}
	s.asked.answers[a] = true
	s.asked.Unlock()
	a.gone = func() {
		s.asked.Lock()
		defer s.asked.Unlock()
		delete(s.asked.answers, a)
	}
	return a.of(s.path, sql)
}

// asked is the answers that are read of a store. Close ends them.
type asked struct {
	sync.Mutex
	closed  bool
	answers map[*answer]bool
}

// open takes questions again, of a sink that was closed and is used all the same.
func (q *asked) open() {
	q.Lock()
	defer q.Unlock()
	q.closed = false
}

// end ends all answers: what DuckDB is doing for them is interrupted.
func (q *asked) end() {
	q.Lock()
	q.closed = true
	var all []*answer
	for a := range q.answers {
		a.cancel()
		all = append(all, a)
	}
	q.Unlock()
	for _, a := range all {
		a.Close()
	}
}

// answer is the rows of a query, on a connection of their own.
type answer struct {
	ctx    context.Context // of the whole answer
	cancel func()
	gone   func() // tells the store; nil without one

	mu      sync.Mutex // rows are read by one goroutine, and ended by another
	ended   bool
	columns []sink.Column
	rows    driver.Rows
	values  []driver.Value
	close   []func() // from last to first
}

// late is a context whose end is not looked at before a statement runs, and
// interrupts it then. The driver looks between two of DuckDB's calls, and a
// statement that is given up there goes on for ever on DuckDB's own threads, and
// keeps the file open.
type late struct{ context.Context }

func (late) Err() error { return nil }

// of begins the answer, or ends it.
func (a *answer) of(path, sql string) (sink.Rows, error) {
	if err := a.begin(path, sql); err != nil {
		if ended := a.ctx.Err(); ended != nil {
			err = fmt.Errorf("%w: %w", ended, err)
		}
		a.Close()
		return nil, err
	}
	return a, nil
}

// begin runs the statement.
func (a *answer) begin(path, sql string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.ctx.Err(); err != nil { // as after Close
		return err
	}
	conn, err := a.connect(path)
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(late{a.ctx}, "begin transaction read only", nil); err != nil {
		return err
	}
	stmt, err := prepare(conn, sql)
	if err != nil {
		return err
	}
	defer func() { a.close = append(a.close, func() { stmt.Close() }) }()
	sql, err = a.describe(conn, stmt, sql)
	if err != nil {
		return err
	}
	if sql != "" {
		readable, err := prepare(conn, sql)
		if err != nil {
			return err
		}
		stmt.Close()
		stmt = readable
	}
	a.rows, err = stmt.QueryContext(late{a.ctx}, nil)
	return err
}

// connect gives a connection to the database that this process has open, or to
// one that is opened for reading.
func (a *answer) connect(path string) (*duck.Conn, error) {
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
		a.close = append(a.close, func() {
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
	a.close = append(a.close, func() { c.Close() })
	conn, err := c.Connect(late{a.ctx})
	if err != nil {
		return nil, err
	}
	a.close = append(a.close, func() { conn.Close() })
	return conn.(*duck.Conn), nil
}

// prepare prepares one statement. Several, of which the first could end the
// transaction, are an error.
func prepare(conn *duck.Conn, sql string) (*duck.Stmt, error) {
	stmt, err := conn.Prepare(sql)
	if err != nil {
		return nil, err
	}
	return stmt.(*duck.Stmt), nil
}

// describe takes the columns of a statement, and gives the statement that has
// them in types that Next can give; "" if it has. The driver would make maps of
// JSON, and of its numbers floats.
func (a *answer) describe(conn *duck.Conn, stmt *duck.Stmt, sql string) (string, error) {
	kind, err := stmt.StatementType()
	if err != nil {
		return "", err
	}
	if kind != duck.STATEMENT_TYPE_SELECT && kind != duck.STATEMENT_TYPE_EXPLAIN {
		return "", errors.New("want a SELECT, SHOW, DESCRIBE or EXPLAIN: a query only reads")
	}
	n, err := stmt.ColumnCount()
	if err != nil {
		return "", err
	}
	a.columns, a.values = make([]sink.Column, n), make([]driver.Value, n)
	for i := range n {
		if a.columns[i].Name, err = stmt.ColumnName(i); err != nil {
			return "", err
		}
	}
	if kind == duck.STATEMENT_TYPE_EXPLAIN {
		return "", nil
	}
	sql = strings.TrimRight(strings.TrimSpace(sql), "; \t\r\n")
	types, err := a.types(conn, "describe from (\n"+sql+"\n)")
	if err != nil {
		return "", err
	}
	names, given := make([]string, n), make([]string, n)
	for i := range n {
		names[i] = fmt.Sprint("c", i)
		given[i], a.columns[i].JSON = readable(names[i], types[i])
	}
	return fmt.Sprintf("select %s from (\n%s\n) as t(%s)", strings.Join(given, ", "), sql, strings.Join(names, ", ")), nil
}

// types is what a DESCRIBE says of the columns' types.
func (a *answer) types(conn *duck.Conn, describe string) ([]string, error) {
	rows, err := conn.QueryContext(late{a.ctx}, describe, nil)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var types []string
	for row := make([]driver.Value, len(rows.Columns())); ; {
		switch err := rows.Next(row); {
		case err == io.EOF && len(types) == len(a.columns):
			return types, nil
		case err == io.EOF:
			return nil, fmt.Errorf("DuckDB describes %d columns of %d", len(types), len(a.columns))
		case err != nil:
			return nil, err
		}
		types = append(types, fmt.Sprint(row[1])) // beside the name
	}
}

// readable is a column as one of the types that value knows.
func readable(column, decl string) (sql string, isJSON bool) {
	switch decl {
	case "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT", "UHUGEINT",
		"FLOAT", "DOUBLE", "TIMESTAMP WITH TIME ZONE", "BLOB":
		return column, false
	case "JSON":
		return column + "::varchar", true
	}
	if strings.HasSuffix(decl, "]") || strings.HasPrefix(decl, "STRUCT(") || strings.HasPrefix(decl, "MAP(") || strings.HasPrefix(decl, "UNION(") {
		return "to_json(" + column + ")::varchar", true
	}
	return column + "::varchar", false
}

// Columns are those of each row.
func (a *answer) Columns() []sink.Column { return a.columns }

// Next gives the next row.
func (a *answer) Next(ctx context.Context) ([]any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := errors.Join(a.ctx.Err(), ctx.Err()); err != nil {
		return nil, err
	}
	if err := a.rows.Next(a.values); err != nil {
		return nil, err
	}
	row := make([]any, len(a.values))
	for i, v := range a.values {
		row[i] = value(v)
	}
	return row, nil
}

// value is a value of the driver's as sink.Rows gives it.
func value(v driver.Value) any {
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
	case time.Time:
		return v.UTC()
	}
	return v
}

func whole(n *big.Int) any {
	if n.IsInt64() {
		return n.Int64()
	}
	return n.String()
}

// Close ends the query.
func (a *answer) Close() error {
	a.cancel()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return nil
	}
	a.ended = true
	if a.rows != nil {
		a.rows.Close()
	}
	for i := len(a.close) - 1; i >= 0; i-- {
		a.close[i]()
	}
	if a.gone != nil {
		a.gone()
	}
	return nil
}

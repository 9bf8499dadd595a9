package postgres

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"github.com/girok/girok/sink"
)

// Query implements sink.Queryer, on a connection of its own and in a transaction
// that only reads.
func (s *store) Query(ctx context.Context, sql string) (sink.Rows, error) {
	s.asked.Lock()
	if s.asked.closed {
		s.asked.Unlock()
		return nil, errors.New("the handler is closed")
	}
	a := &answer{}
	a.ctx, a.cancel = context.WithCancel(ctx)
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
	if err := a.begin(s.config, s.name()+" query", sql); err != nil {
		if ended := a.ctx.Err(); ended != nil {
			err = fmt.Errorf("%w: %w", ended, err)
		}
		a.Close()
		return nil, err
	}
	return a, nil
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

// end ends all answers.
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

// answer is the rows of a query.
type answer struct {
	ctx    context.Context // of the whole answer
	cancel func()
	gone   func() // tells the store

	mu      sync.Mutex // rows are read by one goroutine, and ended by another
	ended   bool
	conn    *pgconn.PgConn
	rows    *pgconn.ResultReader
	columns []sink.Column
	types   []uint32
}

func (a *answer) begin(c Config, name, sql string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	cc, err := c.connConfig(name)
	if err != nil {
		return err
	}
	// A statement that nobody waits for is ended at the server too.
	cc.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: time.Second}
	}
	if a.conn, err = pgconn.ConnectConfig(a.ctx, cc); err != nil {
		return plain(err)
	}
	if _, err := run(a.ctx, a.conn, stmt{sql: "begin read only"}); err != nil {
		return err
	}
	// The extended protocol takes one statement: none can follow one that ends the
	// transaction.
	d, err := a.conn.Prepare(a.ctx, "", sql, nil)
	if err != nil {
		return err
	}
	if d, err = a.describe(sql, d); err != nil {
		return err
	}
	a.rows = a.conn.ExecStatement(a.ctx, d, nil, nil, nil)
	return nil
}

// describe takes the columns of a statement. Where some are lists or rows, it
// gives one that has them as JSON.
func (a *answer) describe(sql string, d *pgconn.StatementDescription) (*pgconn.StatementDescription, error) {
	var others []uint32
	for _, f := range d.Fields {
		a.columns = append(a.columns, sink.Column{Name: f.Name, JSON: f.DataTypeOID == oidJSON || f.DataTypeOID == oidJSONB})
		a.types = append(a.types, f.DataTypeOID)
		if !scalar[f.DataTypeOID] {
			others = append(others, f.DataTypeOID)
		}
	}
	if len(others) == 0 {
		return d, nil
	}
	r, err := run(a.ctx, a.conn, stmt{"select oid::text from pg_type where oid = any($1::oid[]) and (typcategory in ('A', 'C') or typname = 'record')",
		[]string{textArray(others, number[uint32])}})
	if err != nil || len(r[0].Rows) == 0 {
		return d, err
	}
	nested := map[string]bool{}
	for _, row := range r[0].Rows {
		nested[string(row[0])] = true
	}
	names, given := make([]string, len(a.types)), make([]string, len(a.types))
	for i, oid := range a.types {
		names[i] = fmt.Sprint("c", i)
		given[i] = names[i]
		if nested[number(oid)] {
			given[i] = "to_json(" + names[i] + ")"
			a.columns[i].JSON = true
		}
	}
	return a.conn.Prepare(a.ctx, "", fmt.Sprintf("select %s from (\n%s\n) as t(%s)",
		strings.Join(given, ", "), strings.TrimRight(sql, "; \t\r\n"), strings.Join(names, ", ")), nil)
}

// scalar are types that are no lists, and need no question.
var scalar = map[uint32]bool{oidBool: true, oidBytea: true, oidInt8: true, oidInt2: true, oidInt4: true, oidText: true, oidJSON: true, oidFloat4: true, oidFloat8: true,
	oidBPChar: true, oidVarchar: true, oidDate: true, oidTimestamp: true, oidTimestamptz: true, oidNumeric: true, oidJSONB: true}

// Columns are those of each row.
func (a *answer) Columns() []sink.Column { return a.columns }

// Next gives the next row.
func (a *answer) Next(ctx context.Context) ([]any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := errors.Join(a.ctx.Err(), ctx.Err()); err != nil {
		return nil, err
	}
	if !a.rows.NextRow() {
		if _, err := a.rows.Close(); err != nil {
			return nil, errors.Join(a.ctx.Err(), err)
		}
		return nil, io.EOF
	}
	row := make([]any, len(a.types))
	for i, text := range a.rows.Values() {
		if text != nil {
			row[i] = value(a.types[i], text)
		}
	}
	return row, nil
}

// value is the text of a value as sink.Rows gives it.
func value(oid uint32, text []byte) any {
	s := string(text)
	switch oid {
	case oidBool:
		return s == "t"
	case oidInt2, oidInt4, oidInt8:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n
		}
	case oidFloat4, oidFloat8:
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return f
		}
	case oidTimestamptz:
		if t, err := time.Parse("2006-01-02 15:04:05.999999-07", s); err == nil { // not "infinity", nor a year BC
			return t.UTC()
		}
	case oidBytea:
		if b, err := hex.DecodeString(strings.TrimPrefix(s, `\x`)); err == nil {
			return b
		}
	}
	return s
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
		_, _ = a.rows.Close()
	}
	if a.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = a.conn.Close(ctx)
	}
	a.gone()
	return nil
}

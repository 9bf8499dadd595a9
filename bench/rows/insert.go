//go:build linux

package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"modernc.org/sqlite"
)

// What girok does too, so that only the way differs.
const (
	pragmas            = "?_busy_timeout=2000&_journal_mode=WAL&_synchronous=NORMAL"
	rowsPerTransaction = 5000
	rowsPerStatement   = 25
)

// inserter inserts rows.
type inserter interface {
	// transaction inserts rows, of which there is a whole number of statements,
	// and commits.
	transaction(rows [][]any) error
	close() error
}

// insert copies the rows of out.db, in their order, into a new database with the
// same tables, and times the transactions only: the values are there before.
func insert(dir, way string, n int) error {
	source, err := sql.Open("sqlite", filepath.Join(dir, "out.db"))
	if err != nil {
		return err
	}
	defer source.Close()
	path := filepath.Join(dir, way+".db")
	columns, err := createAlike(source, path)
	if err != nil {
		return err
	}
	var in inserter
	if way == "driver" {
		in, err = byDriver(path, columns)
	} else {
		in, err = bySQL(path, columns)
	}
	if err != nil {
		return err
	}
	defer in.close()
	var t took
	for at := 0; at < n; at += rowsPerTransaction {
		rows, err := read(source, at, columns)
		if err != nil {
			return err
		}
		runtime.GC() // what reading left is not the insert's to collect
		cpu, from := processCPU(), time.Now()
		if err := in.transaction(rows); err != nil {
			return err
		}
		t.CPU += processCPU() - cpu
		t.Wall += time.Since(from)
	}
	return t.tell()
}

// createAlike makes a database with the tables, indexes and views of source and
// returns the columns of logs.
func createAlike(source *sql.DB, path string) (columns []string, err error) {
	db, err := sql.Open("sqlite", "file:"+path+pragmas)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	statements, err := texts(source, "select sql from sqlite_master where sql is not null order by rowid")
	if err != nil {
		return nil, err
	}
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			return nil, err
		}
	}
	return texts(source, "select name from pragma_table_info('logs') order by cid")
}

func texts(db *sql.DB, query string) (all []string, err error) {
	r, err := db.Query(query)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for r.Next() {
		var s string
		if err := r.Scan(&s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, r.Err()
}

// read reads the rows of one transaction.
func read(source *sql.DB, after int, columns []string) (rows [][]any, err error) {
	r, err := source.Query("select "+strings.Join(columns, ", ")+" from logs order by rowid limit ? offset ?", rowsPerTransaction, after)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for r.Next() {
		row := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := r.Scan(into...); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	if len(rows)%rowsPerStatement != 0 || len(rows) == 0 {
		return nil, fmt.Errorf("%d rows after %d: no whole number of statements", len(rows), after)
	}
	return rows, r.Err()
}

func statement(columns []string) string {
	row := ", (?" + strings.Repeat(", ?", len(columns)-1) + ")"
	return "insert into logs (" + strings.Join(columns, ", ") + ") values " + strings.Repeat(row, rowsPerStatement)[2:]
}

// sqlInserter is what a Go program does that inserts many rows.
type sqlInserter struct {
	db   *sql.DB
	stmt *sql.Stmt
	args []any
}

func bySQL(path string, columns []string) (*sqlInserter, error) {
	db, err := sql.Open("sqlite", "file:"+path+pragmas+"&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	stmt, err := db.Prepare(statement(columns))
	return &sqlInserter{db: db, stmt: stmt}, err
}

func (in *sqlInserter) transaction(rows [][]any) error {
	tx, err := in.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	stmt := tx.Stmt(in.stmt)
	for len(rows) > 0 {
		in.args = in.args[:0]
		for _, r := range rows[:rowsPerStatement] {
			in.args = append(in.args, r...)
		}
		if _, err := stmt.Exec(in.args...); err != nil {
			return err
		}
		rows = rows[rowsPerStatement:]
	}
	return tx.Commit()
}

func (in *sqlInserter) close() error { return in.db.Close() }

// driverInserter goes around database/sql, which converts and copies every
// argument: the least that an insert through this driver can cost.
type driverInserter struct {
	conn driver.Conn
	stmt driver.StmtExecContext
	args []driver.NamedValue
}

func byDriver(path string, columns []string) (*driverInserter, error) {
	connector, err := sqlite.NewConnector("file:" + path + pragmas)
	if err != nil {
		return nil, err
	}
	conn, err := connector.Connect(context.Background())
	if err != nil {
		return nil, err
	}
	stmt, err := conn.Prepare(statement(columns))
	if err != nil {
		return nil, err
	}
	in := &driverInserter{conn: conn, stmt: stmt.(driver.StmtExecContext), args: make([]driver.NamedValue, rowsPerStatement*len(columns))}
	for i := range in.args {
		in.args[i].Ordinal = i + 1
	}
	return in, nil
}

func (in *driverInserter) transaction(rows [][]any) error {
	if err := in.exec("begin immediate"); err != nil {
		return err
	}
	for len(rows) > 0 {
		i := 0
		for _, r := range rows[:rowsPerStatement] {
			for _, v := range r {
				in.args[i].Value = v
				i++
			}
		}
		if _, err := in.stmt.ExecContext(context.Background(), in.args); err != nil {
			return err
		}
		rows = rows[rowsPerStatement:]
	}
	return in.exec("commit")
}

func (in *driverInserter) exec(sql string) error {
	_, err := in.conn.(driver.ExecerContext).ExecContext(context.Background(), sql, nil)
	return err
}

func (in *driverInserter) close() error { return in.conn.Close() }

// same fails unless two databases have the same n rows, each once.
func same(a, b string, n int) error {
	db, err := sql.Open("sqlite", a)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("attach ? as b", b); err != nil {
		return err
	}
	for _, c := range []struct {
		query string
		want  int
	}{
		{"select count(*) from main.logs", n},
		{"select count(*) from b.logs", n},
		{"select count(distinct record_id) from main.logs", n},
		{"select count(distinct json_extract(attributes, '$.order')) from main.logs", n},
		{"select count(*) from (select * from main.logs except select * from b.logs)", 0},
		{"select count(*) from (select * from b.logs except select * from main.logs)", 0},
	} {
		var got int
		if err := db.QueryRow(c.query).Scan(&got); err != nil {
			return err
		}
		if got != c.want {
			return fmt.Errorf("%s: got %d, want %d", c.query, got, c.want)
		}
	}
	return took{}.tell()
}

//go:build linux && cgo

package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

const rowsPerTransaction = 100_000

// appendRows copies the rows of out.duckdb, in their order, into a new database
// with the same tables, and times the transactions only: the values are there
// before.
func appendRows(dir, way string, n int) error {
	source, err := sql.Open("duckdb", filepath.Join(dir, "out.duckdb")+"?access_mode=read_only")
	if err != nil {
		return err
	}
	defer source.Close()
	connector, err := duckdb.NewConnector(filepath.Join(dir, way+".duckdb"), nil)
	if err != nil {
		return err
	}
	defer connector.Close()
	opened, err := connector.Connect(context.Background())
	if err != nil {
		return err
	}
	conn := opened.(*duckdb.Conn)
	defer conn.Close()
	if err := createAlike(source, conn, way == "text"); err != nil {
		return err
	}
	var t took
	for at := 0; at < n; at += rowsPerTransaction {
		rows, err := read(source, at, way == "text")
		if err != nil {
			return err
		}
		runtime.GC() // what reading left is not the append's to collect
		cpu, from := processCPU(), time.Now()
		if err := transaction(conn, rows); err != nil {
			return err
		}
		t.CPU += processCPU() - cpu
		t.Wall += time.Since(from)
	}
	return t.tell()
}

// createAlike makes the tables and views of source.
func createAlike(source *sql.DB, conn *duckdb.Conn, text bool) error {
	r, err := source.Query("select sql from duckdb_tables() union all select sql from duckdb_views() where not internal")
	if err != nil {
		return err
	}
	defer r.Close()
	for r.Next() {
		var s string
		if err := r.Scan(&s); err != nil {
			return err
		}
		if text {
			s = strings.ReplaceAll(s, " JSON", " VARCHAR")
		}
		if _, err := conn.ExecContext(context.Background(), s, nil); err != nil {
			return err
		}
	}
	return r.Err()
}

// read reads the rows of one transaction as what the Appender takes: JSON as a
// json.RawMessage, or as text.
func read(source *sql.DB, after int, text bool) (rows [][]driver.Value, err error) {
	r, err := source.Query("select * replace (attributes::varchar as attributes) from logs order by rowid limit ? offset ?", rowsPerTransaction, after)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	columns, err := r.Columns()
	if err != nil {
		return nil, err
	}
	for r.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := r.Scan(into...); err != nil {
			return nil, err
		}
		row := make([]driver.Value, len(columns))
		for i, name := range columns {
			row[i] = values[i]
			if s, ok := row[i].(string); ok && name == "attributes" && !text {
				row[i] = json.RawMessage(s)
			}
		}
		rows = append(rows, row)
	}
	return rows, r.Err()
}

// transaction is what a Go program does that appends many rows.
func transaction(conn *duckdb.Conn, rows [][]driver.Value) error {
	tx, err := conn.BeginTx(context.Background(), driver.TxOptions{})
	if err != nil {
		return err
	}
	a, err := duckdb.NewAppenderFromConn(conn, "", "logs")
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := a.AppendRow(r...); err != nil {
			return err
		}
	}
	if err := a.Close(); err != nil {
		return err
	}
	return tx.Commit()
}

// same fails unless two databases have the same n rows, each once.
func same(a, b string, n int) error {
	db, err := sql.Open("duckdb", a+"?access_mode=read_only")
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("attach '" + b + "' as b (read_only)"); err != nil {
		return err
	}
	const ours, theirs = "select * replace (attributes::varchar as attributes) from out.logs", "select * replace (attributes::varchar as attributes) from b.logs"
	for _, c := range []struct {
		query string
		want  int
	}{
		{"select count(*) from out.logs", n},
		{"select count(*) from b.logs", n},
		{"select count(distinct record_id) from out.logs", n},
		{"select count(distinct attributes->'order') from out.logs", n},
		{"select count(*) from (" + ours + " except " + theirs + ")", 0},
		{"select count(*) from (" + theirs + " except " + ours + ")", 0},
	} {
		var got int
		if err := db.QueryRow(c.query).Scan(&got); err != nil {
			return fmt.Errorf("%s: %w", c.query, err)
		}
		if got != c.want {
			return fmt.Errorf("%s: got %d, want %d", c.query, got, c.want)
		}
	}
	return took{}.tell()
}

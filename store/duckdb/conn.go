//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"errors"
	"sync"
	"unsafe"

	driver "github.com/duckdb/duckdb-go/v2"
	"github.com/duckdb/duckdb-go/v2/mapping"

	"github.com/girok/girok/internal/crash"
)

// conn is one connection. It is used below the driver for database/sql, which
// has no way to fill a vector but value by value.
type conn struct {
	*database
	reads bool // it is a query's: it keeps the file open as long as somebody reads the answer

	mu sync.Mutex // held by whoever uses c
	c  mapping.Connection
}

// errClosed says that the file was retired since the connection was made.
var errClosed = errors.New("the connection to DuckDB was closed, as the file was replaced or DuckDB gave it up; it is opened anew")

// use runs f, which has the connection for itself.
func (c *conn) use(f func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.c.Ptr == nil {
		return errClosed
	}
	return f()
}

// ended reports whether the connection was closed, by its user or by another who
// found that the file is gone.
func (c *conn) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.c.Ptr == nil
}

// close ends the connection; what was not committed is gone.
func (c *conn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.c.Ptr == nil {
		return
	}
	mapping.Disconnect(&c.c)
	files.Lock()
	defer files.Unlock()
	c.leave(c)
}

// abandon ends the connection to a file that is not at its path any more: closing
// it must not touch the log of the file that is there now.
func (c *conn) abandon() {
	_ = c.use(func() error {
		_, err := c.exec("pragma disable_checkpoint_on_shutdown")
		return err
	})
	c.close()
}

// exec runs a statement and returns the number of rows that it changed.
func (c *conn) exec(sql string) (int64, error) {
	var r mapping.Result
	defer mapping.DestroyResult(&r)
	if mapping.Query(c.c, sql, &r) == mapping.StateError {
		return 0, resultError(&r)
	}
	return int64(mapping.RowsChanged(&r)), nil
}

func resultError(r *mapping.Result) error {
	return &driver.Error{Type: driver.ErrorType(mapping.ResultErrorType(r)), Msg: mapping.ResultError(r)}
}

// texts returns all rows of a statement whose columns are VARCHAR; NULL is "".
func (c *conn) texts(sql string) ([][]string, error) {
	var r mapping.Result
	defer mapping.DestroyResult(&r)
	if mapping.Query(c.c, sql, &r) == mapping.StateError {
		return nil, resultError(&r)
	}
	columns := int(mapping.ColumnCount(&r))
	for i := range columns {
		if mapping.ColumnType(&r, mapping.IdxT(i)) != mapping.TypeVarchar {
			return nil, errors.New("duckdb: a column is no VARCHAR in: " + sql)
		}
	}
	var all [][]string
	for {
		chunk := mapping.FetchChunk(r)
		if chunk.Ptr == nil {
			return all, nil
		}
		all = appendTexts(all, chunk, columns)
		mapping.DestroyDataChunk(&chunk)
	}
}

func appendTexts(all [][]string, chunk mapping.DataChunk, columns int) [][]string {
	n := int(mapping.DataChunkGetSize(chunk))
	first := len(all)
	for range n {
		all = append(all, make([]string, columns))
	}
	for col := range columns {
		v := mapping.DataChunkGetVector(chunk, mapping.IdxT(col))
		data := unsafe.Slice((*mapping.StringT)(mapping.VectorGetData(v)), n)
		valid := mapping.VectorGetValidity(v)
		for row := range n {
			if valid == nil || mapping.ValidityMaskValueIsValid(valid, mapping.IdxT(row)) {
				all[first+row][col] = mapping.StringTData(&data[row])
			}
		}
	}
	return all
}

// transaction runs f in a transaction. After an error nothing of it is in.
func (c *conn) transaction(f func() error) error {
	if _, err := c.exec("begin transaction"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		crash.At(crash.Sent)
		_, err = c.exec("commit")
	}
	if err != nil {
		_, _ = c.exec("rollback") // fails where DuckDB has rolled back by itself
	}
	return err
}

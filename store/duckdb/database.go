//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"fmt"
	"os"
	"sync"

	driver "github.com/duckdb/duckdb-go/v2"
	"github.com/duckdb/duckdb-go/v2/mapping"
)

// Built reports whether the program has DuckDB. Without it Kind is still there:
// it turns every configuration with `class: duckdb` down, with the reason.
const Built = true

// database is one open file. The locks by which DuckDB keeps others out hold
// between processes only, so a process must open a file once: all connections
// share it.
type database struct {
	path  string
	file  os.FileInfo // what was opened
	db    mapping.Database
	users map[*conn]bool
	gone  bool // the file was replaced, or DuckDB has given up: nobody new may have it
}

// files are the databases that this process has open, by path.
var files = struct {
	sync.Mutex
	open map[string]*database
}{open: map[string]*database{}}

// connect gives a connection to the file at path, which it opens if this process
// has not, and makes if create says so.
func connect(path string, create bool) (*conn, error) {
	files.Lock()
	defer files.Unlock()
	d := files.open[path]
	if d != nil && d.gone {
		return nil, fmt.Errorf("%s was replaced, and something in this process still reads what it was", path)
	}
	if d == nil {
		var err error
		if d, err = openFile(path, create); err != nil {
			return nil, err
		}
		files.open[path] = d
	}
	c := &conn{database: d}
	if mapping.Connect(d.db, &c.c) == mapping.StateError {
		d.leave(c)
		return nil, fmt.Errorf("%s: DuckDB gives no connection", path)
	}
	d.users[c] = true
	return c, nil
}

// openFile opens a file. It goes through the cache of Go's driver, and with the
// driver's settings, so that a program that opens the file with database/sql has
// the same database and not a second one on the same bytes.
func openFile(path string, create bool) (*database, error) {
	if !create {
		if _, err := os.Stat(path); err != nil {
			return nil, err
		}
	}
	var config mapping.Config
	if mapping.CreateConfig(&config) == mapping.StateError {
		return nil, fmt.Errorf("%s: DuckDB makes no configuration", path)
	}
	defer mapping.DestroyConfig(&config)
	if mapping.SetConfig(config, "duckdb_api", "go") == mapping.StateError {
		return nil, fmt.Errorf("%s: DuckDB takes no configuration", path)
	}
	d := &database{path: path, users: map[*conn]bool{}}
	var message string
	if mapping.GetOrCreateFromCache(driver.GetInstanceCache(), path, &d.db, config, &message) == mapping.StateError {
		mapping.Close(&d.db)
		return nil, openError(path, message)
	}
	var err error
	if d.file, err = os.Stat(path); err != nil {
		mapping.Close(&d.db)
		return nil, err
	}
	return d, nil
}

// leave takes a user off and closes the file after the last. It is called with
// files locked.
func (d *database) leave(c *conn) {
	delete(d.users, c)
	if len(d.users) > 0 {
		return
	}
	mapping.Close(&d.db)
	if files.open[d.path] == d {
		delete(files.open, d.path)
	}
}

// sameFile reports whether the path still leads to the file that is open: DuckDB
// would go on writing into a file that was deleted or replaced.
func (d *database) sameFile() bool {
	now, err := os.Stat(d.path)
	return err == nil && os.SameFile(now, d.file)
}

// retire closes the connections of all that write to the file: it was replaced,
// or DuckDB has given it up. Each opens it anew at its next call. The caller
// holds no connection.
func (d *database) retire() {
	files.Lock()
	d.gone = true
	var writers []*conn
	for c := range d.users {
		if !c.reads {
			writers = append(writers, c)
		}
	}
	files.Unlock()
	for _, c := range writers {
		c.abandon()
	}
}

//go:build unix && cgo && (linux || darwin) && (amd64 || arm64)

package killtest

import (
	"database/sql"

	_ "github.com/duckdb/duckdb-go/v2"
)

// duckdbRows asks DuckDB through database/sql, in a process that never wrote.
func duckdbRows(path, query string) (rows [][]string, err error) {
	db, err := sql.Open("duckdb", path+"?access_mode=read_only")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	r, err := db.Query(query)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	names, err := r.Columns()
	if err != nil {
		return nil, err
	}
	for r.Next() {
		row, into := make([]string, len(names)), make([]any, len(names))
		for i := range row {
			into[i] = &row[i]
		}
		if err := r.Scan(into...); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, r.Err()
}

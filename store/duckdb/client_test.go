//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	driver "github.com/duckdb/duckdb-go/v2"

	"github.com/girok/girok/sink/sinktest"
	"github.com/girok/girok/sink/table"
)

// client runs SQL through database/sql, another way than the sink's. In one
// process it shares the sink's open database; TestAnotherProcess and the kill
// test read from without.
func client(path, query string) ([]map[string]any, error) {
	db, err := sql.Open("duckdb", path)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	r, err := db.Query(query)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	rows := []map[string]any{}
	names, _ := r.Columns()
	for r.Next() {
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := r.Scan(into...); err != nil {
			return nil, err
		}
		row := map[string]any{}
		for i, n := range names {
			row[n] = plain(values[i])
		}
		rows = append(rows, row)
	}
	return rows, r.Err()
}

// plain shows a decimal as its digits.
func plain(v any) any {
	d, ok := v.(driver.Decimal)
	if !ok {
		return v
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(d.Scale)), nil)
	return new(big.Rat).SetFrac(d.Value, unit).FloatString(int(d.Scale))
}

func run(t testing.TB, path, query string) []map[string]any {
	t.Helper()
	rows, err := client(path, query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return rows
}

// readTable reads all rows of a table, JSON as the text that it is; nil if the
// table is not there.
func readTable(t testing.TB, path, name string) []map[string]any {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	cols := run(t, path, "select column_name, data_type from duckdb_columns() where table_name = '"+name+"' order by column_index")
	if len(cols) == 0 {
		return nil
	}
	var list []string
	for _, c := range cols {
		col := quote(fmt.Sprint(c["column_name"]))
		if c["data_type"] == "JSON" {
			col += "::varchar as " + col
		}
		list = append(list, col)
	}
	rows := run(t, path, "select "+strings.Join(list, ", ")+" from "+quote(name))
	for _, row := range rows {
		for k, v := range row {
			if f, ok := v.(float64); ok && f != f {
				row[k] = json.Number("NaN")
			}
		}
	}
	return rows
}

func newPlace(t *testing.T) sinktest.Place {
	path := filepath.Join(t.TempDir(), "new", "girok 한#.duckdb")
	do := func(query string) func(testing.TB) {
		return func(t testing.TB) { run(t, path, query) }
	}
	return sinktest.Place{
		Config: "path: '" + path + "'\ntable: logs\ncreate: true\n",
		Rows:   func(t testing.TB) []map[string]any { return readTable(t, path, "logs") },
		Tables: &sinktest.Tables{Name: "logs_{service}_{date}", Rows: func(t testing.TB, day time.Time) []map[string]any {
			return readTable(t, path, "logs_sinktest_"+day.Format(table.DateInName))
		}},
		DropTable:     do("drop view logs_daily; drop table logs"),
		DropPositions: do("delete from girok_position"),
		DropColumn:    func(t testing.TB, name string) { run(t, path, "alter table logs drop column "+quote(name)) },
		AddRequired: func(t testing.TB, name string) {
			run(t, path, "alter table logs add column "+quote(name)+" VARCHAR; alter table logs alter column "+quote(name)+" set not null")
		},
	}
}

func TestConformance(t *testing.T) {
	sinktest.Run(t, sinktest.Subject{Kind: Kind, Columns: true, Tables: true, New: newPlace})
}

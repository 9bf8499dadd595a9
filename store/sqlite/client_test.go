package sqlite

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/sink/sinktest"
	"github.com/girok/girok/sink/table"
)

// client runs SQL with the sqlite3 program, another client than the sink's; where
// it is not installed, with a connection of its own.
func client(t testing.TB, path, query string) ([]map[string]any, error) {
	t.Helper()
	program, err := exec.LookPath("sqlite3")
	if err != nil {
		return connection(path, query)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(program, "-json", "-bail", "-cmd", ".timeout 5000", path, query)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, stderr.Bytes())
	}
	if len(bytes.TrimSpace(out)) == 0 {
		return []map[string]any{}, nil
	}
	d := json.NewDecoder(bytes.NewReader(out))
	d.UseNumber()
	var rows []map[string]any
	return rows, d.Decode(&rows)
}

func connection(path, query string) ([]map[string]any, error) {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_busy_timeout=5000")
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
			row[n] = values[i]
		}
		rows = append(rows, row)
	}
	return rows, r.Err()
}

func run(t testing.TB, path, query string) []map[string]any {
	t.Helper()
	rows, err := client(t, path, query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return rows
}

// readTable reads all rows of a table, blobs as hex; nil if it is not there.
func readTable(t testing.TB, path, name string) []map[string]any {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	cols := run(t, path, "select name, type from pragma_table_info('"+name+"')")
	if len(cols) == 0 {
		return nil
	}
	var list []string
	for _, c := range cols {
		col := quote(fmt.Sprint(c["name"]))
		if c["type"] == "BLOB" {
			col = "case when " + col + " is not null then hex(" + col + ") end as " + col
		}
		list = append(list, col)
	}
	return run(t, path, "select "+strings.Join(list, ", ")+" from "+quote(name))
}

func newPlace(t *testing.T) sinktest.Place {
	path := filepath.Join(t.TempDir(), "new", "girok ?#%.db")
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
		AgePositions:  do("update girok_position set moved_at = strftime('%Y-%m-%dT%H:%M:%fZ', moved_at, '-31 days')"),
		DropColumn:    func(t testing.TB, name string) { run(t, path, "alter table logs drop column "+quote(name)) },
		AddRequired: func(t testing.TB, name string) {
			run(t, path, "alter table logs add column "+quote(name)+" TEXT not null")
		},
	}
}

func TestConformance(t *testing.T) {
	sinktest.Run(t, sinktest.Subject{Kind: Kind, Columns: true, Tables: true, New: newPlace})
}

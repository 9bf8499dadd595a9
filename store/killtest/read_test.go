//go:build unix

package killtest

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// stores are the stores, and how their rows are read: by another process and
// another client than those that wrote them.
var stores = map[string]func(db, query string) ([][]string, error){
	"sqlite":   sqlite3,
	"duckdb":   duckdbRows,
	"postgres": pg.rows,
	"bigquery": bq.rows,

	"bigquery-load":     bq.rows,
	"bigquery-emulator": bq.ask,
	"file":              fileRows,
	"files":             filesRows,
}

// ask asks the database of the lives.
func (a *arena) ask(query string) [][]string {
	rows, err := stores[*store](filepath.Join(a.dir, "kill.db"), query)
	if err != nil {
		a.t.Fatalf("%s: %v", query, err)
	}
	return rows
}

func (a *arena) readTable() (rows []row) {
	query := "select life, g, n, record_id from "
	tables := []string{"kills"}
	if *days && *store == "sqlite" {
		tables = nil
		for _, f := range a.ask("select name from sqlite_schema where type = 'table' and name like 'kills%'") {
			tables = append(tables, f[0])
		}
	}
	for _, f := range a.ask(query + strings.Join(tables, " union all "+query)) {
		r := row{ID: f[3]}
		if _, err := fmt.Sscan(strings.Join(f[:3], " "), &r.Life, &r.G, &r.N); err != nil {
			a.t.Fatalf("row %q: %v", f, err)
		}
		rows = append(rows, r)
	}
	return rows
}

// sqlite3 asks the program sqlite3.
func sqlite3(db, query string) (rows [][]string, err error) {
	path, err := exec.LookPath("sqlite3")
	if err != nil {
		return nil, errors.New("the program sqlite3 is needed to read the rows as another client: install the package sqlite3")
	}
	var out, errs bytes.Buffer
	cmd := exec.Command(path, "-separator", "|", "-cmd", ".timeout 20000", db, query)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("sqlite3: %w: %s", err, errs.Bytes())
	}
	for line := range strings.Lines(out.String()) {
		rows = append(rows, strings.Split(strings.TrimSpace(line), "|"))
	}
	return rows, nil
}

// fileRows reads the lines of all files, with what Python makes of them.
func fileRows(db, _ string) (rows [][]string, err error) {
	return python(`
import glob, gzip, json, os, sys
for name in glob.glob(os.path.join(sys.argv[1], "kill*.jsonl*")):
    with (gzip.open if name.endswith(".gz") else open)(name, "rb") as f:
        for line in f:
            r = json.loads(line)
            assert line.endswith(b"\n"), "torn"
            if "life" in r:
                print(r["life"], r["g"], str(r["n"]).removeprefix("bad "), "", sep="|")
`, filepath.Dir(db))
}

// filesRows reads the rows of all files of the table, each of which is whole.
func filesRows(folder, _ string) (rows [][]string, err error) {
	return python(`
import glob, json, os, sys
for name in glob.glob(os.path.join(sys.argv[1], "kills", "**", "*.ndjson"), recursive=True):
    with open(name, "rb") as f:
        lines = f.readlines()
    assert lines and lines[-1].endswith(b"\n"), name + " is torn"
    for r in map(json.loads, lines):
        print(r["life"], r["g"], r["n"], r["record_id"], sep="|")
`, folder)
}

// python runs a script that prints rows.
func python(script, arg string) (rows [][]string, err error) {
	path, err := exec.LookPath("python3")
	if err != nil {
		return nil, errors.New("python3 is needed to read the files with another program")
	}
	var out, errs bytes.Buffer
	cmd := exec.Command(path, "-c", script, arg)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("python3: %w: %s", err, errs.Bytes())
	}
	for line := range strings.Lines(out.String()) {
		rows = append(rows, strings.Split(strings.TrimSpace(line), "|"))
	}
	return rows, nil
}

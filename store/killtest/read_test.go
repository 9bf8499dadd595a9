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
	"sqlite": sqlite3,
	"duckdb": duckdbRows,
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
	for _, f := range a.ask("select life, g, n, record_id from kills") {
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
	cmd := exec.Command(path, "-separator", "|", db, query)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("sqlite3: %w: %s", err, errs.Bytes())
	}
	for line := range strings.Lines(out.String()) {
		rows = append(rows, strings.Split(strings.TrimSpace(line), "|"))
	}
	return rows, nil
}

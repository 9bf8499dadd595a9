//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
)

// TestLook looks at files of many kinds, and changes none.
func TestLook(t *testing.T) {
	position := "create table girok_position (service text);"
	columns := "columns: {created_at: time, level: levelname, n: {from: attr.n, type: int}, s: attr.s}\n"
	for _, c := range []struct {
		name, sql, yaml string
		want            []string
		not             string
	}{
		{"no file", "", "", []string{"wrong ! there is no file"}, ""},
		{"a file to be made", "", "create: true", []string{"note there is no file"}, "wrong"},
		{"no table", "create table x (y int)", "", []string{"fine", "wrong ! there is no table logs"}, ""},
		{"right", "create table logs (created_at timestamptz, LEVEL text, n bigint, s text, attributes json);" + position, columns, []string{"fine table logs has the 5 columns"}, "wrong"},
		{"other types", "create table logs (created_at timestamp, level text, n integer, s bigint, attributes text);" + position, columns,
			[]string{"note column created_at is TIMESTAMP", "note column n is INTEGER", "note column s is BIGINT"}, "wrong"},
		{"types that take nothing", "create table logs (created_at boolean, level integer, n blob, s text, attributes date);" + position, columns,
			[]string{"wrong ! column created_at", "wrong ! column level", "wrong ! column n is BLOB", "wrong ! column attributes"}, "column s"},
		{"no positions", "create table logs (created_at timestamptz, level text, n bigint, s text, attributes json)", columns, []string{"wrong ! there is no table girok_position"}, ""},
		{"columns missing", "create table logs (level text);" + position, columns, []string{"wrong ! table logs lacks columns: created_at"}, ""},
		{"columns to be added", "create table logs (level text);" + position, columns + "new_columns: add", []string{"note table logs lacks columns"}, "wrong"},
		{"a column that nothing fills", "create table logs (created_at timestamptz, level text, n bigint, s text, attributes json, tenant text not null, x text not null default '');" + position, columns,
			[]string{"wrong ! column tenant"}, "column x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "a.duckdb")
			if c.sql != "" {
				made(t, path, c.sql)
			}
			before := listed(t, dir)
			got := look(t, "path: "+path+"\ntable: logs\n"+c.yaml)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("got\n%swant %s", got, want)
				}
			}
			if c.not != "" && strings.Contains(got, c.not) {
				t.Errorf("got\n%swant nothing of %s", got, c.not)
			}
			if after := listed(t, dir); after != before {
				t.Errorf("a look left %s where %s was", after, before)
			}
		})
	}
}

// TestLookWhileItWrites looks at what a sink of this process has open.
func TestLookWhileItWrites(t *testing.T) {
	s, _, path := opened(t, "")
	if got := look(t, "path: "+path+"\ntable: logs\n"); strings.Contains(got, "wrong") || !strings.Contains(got, "fine table logs has the 13 columns") {
		t.Errorf("got %s", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

var _ sink.Looker = Config{}

func look(t testing.TB, yaml string) string {
	t.Helper()
	found, err := sinktest.Decode(t, Kind, yaml).(Config).Look(t.Context(), testEnv(t.TempDir()))
	if err != nil {
		found = append(found, sink.CouldNotLook(err))
	}
	var b strings.Builder
	for _, f := range found {
		do := ""
		if f.Remedy != "" {
			do = " !"
		}
		fmt.Fprintf(&b, "%s%s %s\n", f.Grade, do, f.Text)
	}
	return b.String()
}

func made(t testing.TB, path, sql string) {
	t.Helper()
	c, err := connect(path, true)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for s := range strings.SplitSeq(sql, ";") {
		if _, err := c.exec(s); s != "" && err != nil {
			t.Fatal(err)
		}
	}
}

// listed is what a folder holds: names, sizes and times.
func listed(t testing.TB, dir string) (all string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		st, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		all += fmt.Sprintln(e.Name(), st.Size(), st.ModTime().UnixNano())
	}
	return all
}

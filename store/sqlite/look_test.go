//go:build unix

package sqlite

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
	columns := "columns: {created_at: time, level: levelname, n: {from: attr.n, type: int}}\n"
	for _, c := range []struct {
		name, sql, yaml string
		want            []string
		not             string
	}{
		{"no file", "", "", []string{"wrong ! there is no file"}, ""},
		{"a file to be made", "", "create: true", []string{"note there is no file"}, "wrong"},
		{"no table", "create table x (y)", "", []string{"fine", "wrong ! there is no table logs"}, ""},
		{"right", "create table logs (created_at text, LEVEL text, n integer, attributes text);" + position, columns, []string{"fine table logs has the 4 columns"}, "wrong"},
		{"any type", "create table logs (created_at int, level blob, n text, attributes);" + position, columns, []string{"fine table logs"}, "wrong"},
		{"no positions", "create table logs (created_at text, level text, n integer, attributes text)", columns, []string{"wrong ! there is no table girok_position"}, ""},
		{"columns missing", "create table logs (level text);" + position, columns, []string{"wrong ! table logs lacks columns: created_at TIMESTAMP TEXT, n INTEGER, attributes JSON TEXT"}, ""},
		{"columns to be added", "create table logs (level text);" + position, columns + "new_columns: add", []string{"note table logs lacks columns"}, "wrong"},
		{"strict", "create table logs (created_at integer, level text, n real, attributes blob) strict;" + position, columns,
			[]string{"wrong ! column created_at is INTEGER, and takes no timestamp", "note column n is REAL", "wrong ! column attributes is BLOB"}, "level"},
		{"a column that nothing fills", "create table logs (id integer primary key not null, created_at text, level text, n integer, attributes text, tenant text not null, x text not null default '');" + position, columns,
			[]string{"wrong ! column tenant"}, "column id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "a.db")
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

func TestLookAtWhatIsNoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := look(t, "path: "+path+"\ntable: logs\n"); !strings.Contains(got, "wrong ! ") || !strings.Contains(got, "not a database") {
		t.Errorf("got %s", got)
	}
	if got := look(t, "path: "+filepath.Dir(path)+"\ntable: logs\n"); !strings.Contains(got, "is no file") {
		t.Errorf("got %s", got)
	}
}

// TestLookWhileItWrites looks at what a sink has open.
func TestLookWhileItWrites(t *testing.T) {
	s, _, _ := opened(t, "")
	if got := look(t, "path: "+s.path+"\ntable: logs\n"); strings.Contains(got, "wrong") || !strings.Contains(got, "fine table logs has the 13 columns") {
		t.Errorf("got %s", got)
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
	d, err := openDB(path, true, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.exec(sql); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
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

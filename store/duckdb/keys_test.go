package duckdb

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// What is here holds with and without DuckDB in the program.

// decode reads keys. Without DuckDB in the program each has one problem more.
func decode(t *testing.T, yaml string) (Config, config.Problems) {
	t.Helper()
	doc, err := config.Parse("a.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	var ps config.Problems
	return Kind.Decode(doc.Root, &ps, &sink.Common{}).(Config), ps
}

func TestBuilt(t *testing.T) {
	_, ps := decode(t, "class: duckdb\npath: a\ntable: logs\n")
	err := ps.Err()
	if Built != (err == nil) {
		t.Errorf("built %v: %v", Built, err)
	}
	if !Built && (!strings.HasPrefix(err.Error(), "a.yaml:1:8: class: DuckDB is not in this program") || !strings.Contains(err.Error(), "class: sqlite")) {
		t.Errorf("got %v", err)
	}
}

func TestBatchLimits(t *testing.T) {
	c, _ := decode(t, "path: a\ntable: logs\n")
	if got, want := c.Limits(), (sink.Limits{Records: 100_000, Bytes: 32 << 20, Age: config.Duration(time.Second)}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	c, _ = decode(t, "path: a\ntable: logs\nbatch: {records: 7, age: 2m}\n")
	if got, want := c.Limits(), (sink.Limits{Records: 7, Bytes: 32 << 20, Age: config.Duration(2 * time.Minute)}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEndpointIsOneForOneFile(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Skip(err)
	}
	want := filepath.Join(dir, "x", "a.duckdb")
	for _, p := range []string{"x/a.duckdb", "./x/../x/a.duckdb", link + "/x/a.duckdb", want} {
		c, _ := decode(t, "path: '"+p+"'\ntable: logs\n")
		if got := c.Endpoint(sink.Env{Dir: dir, Log: slog.New(slog.DiscardHandler)}); got != want {
			t.Errorf("endpoint of %s is %s, want %s", p, got, want)
		}
	}
}

func TestMistakesHavePlaces(t *testing.T) {
	for yaml, want := range map[string]string{
		"table: logs\n":                             "path: is missing",
		"path: a\n":                                 "table: is missing",
		"path: ':memory:'\ntable: logs\n":           "a.yaml:1:7: path: want the path of a file",
		"path: 'a?b'\ntable: logs\n":                "a.yaml:1:7: path: want the path of a file, without ? and %",
		"path: 'a%'\ntable: logs\n":                 "a.yaml:1:7: path: want the path of a file, without ? and %",
		"path: a\ntable: girok_position\n":          "a.yaml:2:8: table: the name \"girok_position\" is taken",
		"path: a\ntable: logs_{host}\n":             "a.yaml:2:8: table: there is no placeholder {host}",
		"path: a\ntable: logs\nmemory: 1MiB\n":      "a.yaml:3:9: memory: want",
		"path: a\ntable: logs\nbatch: {age: 1}":     "a.yaml:3:14: batch.age: want a duration",
		"path: a\ntable: logs\nbatch: {records: 0}": "batch.records: want",
	} {
		_, ps := decode(t, yaml)
		if err := ps.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want %s", yaml, err, want)
		}
	}
}

// TestTypesAreReadBack: what is declared is understood again.
func TestTypesAreReadBack(t *testing.T) {
	for typ := table.String; typ <= table.Bytes; typ++ {
		want := table.ColumnType{Type: typ}
		if typ == table.Decimal {
			want.Precision, want.Scale = 12, 3
		}
		decl := declared(want)
		if decl == "TIMESTAMPTZ" {
			decl = "TIMESTAMP WITH TIME ZONE" // as DuckDB spells it
		}
		if got := typeOf(decl); got != want {
			t.Errorf("%s is read as %s, want %s", decl, got, want)
		}
	}
	for decl, want := range map[string]string{"UBIGINT": "decimal(20,0)", "HUGEINT": "decimal(38,0)", "UUID": "string", "INTEGER": "int", "FLOAT": "float"} {
		if got := typeOf(decl).String(); got != want {
			t.Errorf("%s is read as %s, want %s", decl, got, want)
		}
	}
}

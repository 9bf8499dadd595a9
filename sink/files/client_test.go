package files

import (
	"bytes"
	"compress/gzip"
	stdcsv "encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/sink/sinktest"
	"github.com/girok/girok/sink/table"
)

// jsonString is a string that stood as such in a line: the suite tells it from text
// that is JSON.
type jsonString string

func marked(v any) any {
	switch v := v.(type) {
	case string:
		return jsonString(v)
	case map[string]any:
		for k := range v {
			v[k] = marked(v[k])
		}
	case []any:
		for i := range v {
			v[i] = marked(v[i])
		}
	}
	return v
}

// filesOf lists the files of a table that a reader of the folder sees.
func filesOf(t testing.TB, dir string) (paths []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths
}

// readAll reads the rows of all files of a table; nil if there is no folder.
func readAll(t testing.TB, dir string) []map[string]any {
	t.Helper()
	if _, err := os.Stat(dir); err != nil {
		return nil
	}
	rows := []map[string]any{}
	for _, name := range filesOf(t, dir) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".gz") {
			z, err := gzip.NewReader(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if text, err = io.ReadAll(z); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if strings.Contains(name, ".csv") {
			rows = append(rows, readCSV(t, name, text)...)
			continue
		}
		for line := range bytes.Lines(text) {
			d := json.NewDecoder(bytes.NewReader(line))
			d.UseNumber()
			var row map[string]any
			if err := d.Decode(&row); err != nil || !bytes.HasSuffix(line, []byte("}\n")) {
				t.Errorf("%s: %v: %.200q", name, err, line)
				continue
			}
			rows = append(rows, marked(row).(map[string]any))
		}
	}
	return rows
}

// readCSV knows NULL from an empty text, as databases do, which encoding/csv does
// not; but for that the two must agree.
func readCSV(t testing.TB, name string, text []byte) (rows []map[string]any) {
	t.Helper()
	var records [][]any
	var record []any
	for rest := string(text); rest != ""; {
		var field any
		if inner, ok := strings.CutPrefix(rest, `"`); ok {
			value := ""
			for {
				part, after, _ := strings.Cut(inner, `"`)
				value += part
				if inner, ok = strings.CutPrefix(after, `"`); !ok {
					rest = after
					break
				}
				value += `"`
			}
			field = value
		} else if end := strings.IndexAny(rest, ",\n"); end > 0 {
			field, rest = rest[:end], rest[end:]
		}
		record = append(record, field)
		if rest == "" {
			t.Fatalf("%s ends in the middle of a line", name)
		}
		if rest[0] == '\n' {
			records, record = append(records, record), nil
		}
		rest = rest[1:]
	}
	std, err := stdcsv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil || len(std) != len(records) {
		t.Fatalf("%s: %d records, encoding/csv finds %d (%v)", name, len(records), len(std), err)
	}
	for i, rec := range records {
		plain := make([]string, len(rec))
		for k, v := range rec {
			if v != nil {
				plain[k] = strings.ReplaceAll(v.(string), "\r\n", "\n")
			}
		}
		if !slices.Equal(plain, std[i]) {
			t.Errorf("%s: record %d is %.200q, encoding/csv finds %.200q", name, i, plain, std[i])
		}
		if i == 0 {
			continue
		}
		row := map[string]any{}
		for k, v := range rec {
			row[fmt.Sprint(records[0][k])] = v
		}
		rows = append(rows, row)
	}
	return rows
}

// place is an empty folder for a configuration with more keys.
func place(more string) func(t *testing.T) sinktest.Place {
	return func(t *testing.T) sinktest.Place {
		path := filepath.Join(t.TempDir(), "new", "lake ?#%")
		dir := filepath.Join(path, "logs")
		return sinktest.Place{
			Config: fmt.Sprintf("path: %q\ntable: logs\ncreate: true\n%s", path, more),
			Rows:   func(t testing.TB) []map[string]any { return readAll(t, dir) },
			Tables: &sinktest.Tables{Name: "logs/service={service}/date={date}", Rows: func(t testing.TB, day time.Time) []map[string]any {
				return readAll(t, filepath.Join(dir, "service=sinktest", "date="+day.Format(table.DateInFolder)))
			}},
			DropTable: func(t testing.TB) {
				if err := os.RemoveAll(path); err != nil {
					t.Fatal(err)
				}
			},
		}
	}
}

func TestConformance(t *testing.T) {
	for name, more := range map[string]string{
		"ndjson": "", "csv": "format: csv\n", "ndjson.gz": "compress: gzip\n", "csv.gz": "format: csv\ncompress: gzip\n",
	} {
		t.Run(name, func(t *testing.T) {
			sinktest.Run(t, sinktest.Subject{Kind: Kind, Columns: true, Tables: true, New: place(more)})
		})
	}
}

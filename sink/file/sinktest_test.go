package file

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/girok/girok/sink/sinktest"
)

// linesOf reads the lines of a file and of those that were put aside, oldest
// first.
func linesOf(t testing.TB, path string) (lines []string) {
	t.Helper()
	list, err := asides(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range list {
		names = append(names, a.path)
	}
	for _, name := range append(names, path) {
		b, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			lines = append(lines, line)
		}
	}
	return lines
}

func place(more string) func(t *testing.T) sinktest.Place {
	return func(t *testing.T) sinktest.Place {
		path := filepath.Join(t.TempDir(), "logs", "out.jsonl")
		if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		return sinktest.Place{
			Config: fmt.Sprintf("filename: %q\nformatter: {class: json}\n%s", path, more),
			Rows: func(t testing.TB) (rows []map[string]any) {
				for _, line := range linesOf(t, path) {
					var row map[string]any
					if err := json.Unmarshal([]byte(line), &row); err != nil && strings.HasSuffix(line, "\n") {
						t.Errorf("%v: %q", err, line)
					} else if err == nil {
						row["message"] = row["msg"]
						rows = append(rows, row)
					}
				}
				return rows
			},
			Tear: func(t testing.TB, n int) {
				st, err := os.Stat(path)
				if err == nil {
					err = os.Truncate(path, max(0, st.Size()-int64(n)))
				}
				if err != nil {
					t.Fatal(err)
				}
			},
		}
	}
}

func TestConformance(t *testing.T) {
	sinktest.Run(t, sinktest.Subject{Kind: Kind, NUL: true, New: place("")})
}

func TestConformanceRotating(t *testing.T) {
	sinktest.Run(t, sinktest.Subject{Kind: Kind, NUL: true, New: place("rotate: {bytes: 4KiB, every: hour}\n")})
}

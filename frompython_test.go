package girok

import (
	"strings"
	"testing"

	"github.com/girok/girok/sink/python"
)

// TestFromPythonPage: docs/from-python.md names each key of each class of Python's,
// and each difference that is tested.
func TestFromPythonPage(t *testing.T) {
	page := readText(t, "docs/from-python.md")
	rows := map[string]string{} // by what stands first in a row
	for line := range strings.Lines(page) {
		if cells := strings.SplitN(line, "|", 3); len(cells) == 3 && cells[0] == "" {
			rows[strings.TrimSpace(cells[1])] += cells[2]
		}
	}
	common := "`class` `()` `level` `formatter` `filters` `accepts`"
	for _, s := range Reference(python.Kinds) {
		class, ok := strings.CutPrefix(s.Title, "handlers.<name>, class: ")
		switch {
		case class == "console":
			class = "logging.StreamHandler"
		case class == "file":
			class = "logging.FileHandler"
		case s.Title == "formatters.<name>":
			for _, k := range s.Keys {
				if !strings.Contains(page, "`"+k.Key+"`") {
					t.Errorf("the key %s of formatters is missing", k.Key)
				}
			}
		}
		if !ok || !strings.HasPrefix(class, "logging.") {
			continue
		}
		row, ok := rows["`"+class+"`"]
		if !ok {
			t.Errorf("the class %s is missing", class)
			continue
		}
		if row == rows["`logging.handlers.DatagramHandler`"] {
			row += rows["`logging.handlers.SocketHandler`"]
		}
		for _, k := range s.Keys {
			if strings.Contains(k.Key, ".") && k.Key != "." || strings.Contains(common, "`"+k.Key+"`") {
				continue
			}
			if !strings.Contains(row, "`"+k.Key+"`") && !strings.Contains(row, "`"+k.Key+":") {
				t.Errorf("%s: the key %s is missing", class, k.Key)
			}
		}
	}
	for _, d := range differences {
		if !strings.Contains(page, "- "+d.why+"\n") {
			t.Errorf("a difference is missing: %s", d.why)
		}
	}
}

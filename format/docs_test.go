package format

import (
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
)

// The lines in docs/formats.md are those of the formatters beside them.
func TestDocumentedLines(t *testing.T) {
	doc, err := os.ReadFile("../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	v := viewOf(t, record.Header{Level: record.Info, Time: time.Unix(1709646306, 123000000), Logger: "shop.orders", Message: "order placed"},
		slog.String("user", "kim"), slog.Int("items", 3))
	seen := 0
	for line := range strings.Lines(string(doc)) {
		cells := strings.Split(strings.ReplaceAll(line, `\|`, "\x00"), "|")
		if len(cells) != 4 || !strings.Contains(cells[1], ": ") || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		text := func(cell string) string { return strings.Trim(strings.ReplaceAll(cell, "\x00", "|"), " `") }
		n, err := config.Parse("docs", []byte("{"+text(cells[1])+"}"))
		if err != nil {
			t.Fatal(err)
		}
		var k Keys
		var ps config.Problems
		config.Decode(n.Root, &ps, &k)
		f, err := k.New(time.FixedZone("KST", 9*60*60))
		if err != nil || len(ps) > 0 {
			t.Fatalf("%s: %v %v", line, err, ps)
		}
		if got := string(f.Append(nil, v)); got != text(cells[2]) {
			t.Errorf("%s\n got %s\nwant %s", text(cells[1]), got, text(cells[2]))
		}
		seen++
	}
	if seen < 5 {
		t.Errorf("only %d lines were looked at", seen)
	}
}

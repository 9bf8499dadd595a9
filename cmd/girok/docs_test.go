package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/girok/girok"
	"github.com/girok/girok/config"
)

//go:generate go test -run TestConfigReference -update .

var update = flag.Bool("update", false, "write the golden files and docs/config.md anew")

const configDoc = "../../docs/config.md"

// TestConfigReference compares docs/config.md with the structs that config.yaml
// is decoded into; with -update it writes it.
func TestConfigReference(t *testing.T) {
	got := configReference()
	if *update {
		if err := os.WriteFile(configDoc, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(configDoc)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is stale: run `go generate` in cmd/girok", configDoc)
	}
}

func configReference() string {
	var b strings.Builder
	b.WriteString(`# config.yaml

Every key that ` + "`girok`" + ` knows, made from the program's structs by ` + "`go generate`" + ` in cmd/girok; don't edit it here.
A key that is not known is a mistake, told with line and column. Texts may hold ${VARIABLE}, ${VARIABLE:-default} and
${file:/path}; durations carry units (5s, 1m), sizes too (64KiB, 1GiB). ` + "`extends: base.yaml`" + ` at the top lays the file
over another one.
`)
	for _, s := range girok.Reference(kinds...) {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", inTable(s.Title), s.Doc)
		if len(s.Keys) == 0 {
			continue
		}
		b.WriteString("| key | value | if absent | meaning |\n|---|---|---|---|\n")
		for _, k := range s.Keys {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Key, inTable(k.Type), inTable(absent(k)), inTable(k.Doc))
		}
	}
	return b.String()
}

func absent(k config.Option) string {
	switch {
	case k.Required:
		return "a mistake"
	case k.Default == "" || k.Default == "0": // 0 stands for a value that is found out
		return ""
	}
	return "`" + k.Default + "`"
}

// inTable makes a text a cell of a Markdown table.
func inTable(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(s)
}

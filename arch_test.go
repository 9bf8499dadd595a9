package girok

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/girok/girok"

// The road: a package imports only packages that stand above it here, nearer to
// the record than itself. What is on one line never imports each other.
var road = []struct {
	packages string
	why      string
}{
	{"internal/pgtest", "a real PostgreSQL for tests; nothing but tests imports it"},
	{"internal/bqtest", "an emulator of BigQuery for tests, and TLS before one; nothing but tests imports it"},
	{"internal/pydiff", "a real CPython for tests, and what to ask it"},
	{"internal/crash internal/disk internal/pattern internal/peer internal/random internal/rights", "names of windows for the kill test, which compile to nothing; what puts a file on the disk; regular expressions that are compiled late; whether the other side of a connection is there; whose the files of a spool are; random numbers"},
	{"record config", "what everything else speaks of: whoever imports these links nothing else of ours"},
	{"format filter", "views of a record and questions about it"},
	{"tree", "routes records; declares what it calls, so the spool and the handlers are wired in from above"},
	{"spool", "keeps frames; knows nothing of where they go"},
	{"sink", "the contract of destinations"},
	{"sink/table sink/console sink/file sink/null sink/memory sink/queue sink/syslog sink/http sink/smtp sink/socket", "what needs no client library; they don't know each other"},
	{"sink/files", "rows in files: has the columns of sink/table, as the stores do"},
	{"sink/python", "the list of Python's handlers that write to a network: apart, so that only who asks for them links TLS"},
	{"encodings zstd", "encodings of files that need tables, and a way to compress: apart, so that only who asks for them links those"},
	{"internal/control", "lets another process ask a running program; knows answers, not where they come from"},
	{"deliver", "spool to sink; knows the contract and no sink"},
	{"source", "the contract of sources"},
	{"source/stdin", "brings records in; sources don't know each other"},
	{".", "the roof: builds things; nothing below imports it"},
	{"metrics admin", "the roof's numbers and levels over HTTP: apart, so that only who shows them links net/http"},
	{"giroktest", "records for tests of applications: apart, so that no program links package testing"},
	{"collector", "wires sources to the roof, for the program"},
}

// Outside of the order: the conformance suite, which tests of sinks import.
var outside = []string{"sink/sinktest"}

// The library's own dependencies: applications that log link these and no more.
var allowedModules = map[string]string{
	"golang.org/x/sys":   "mappings and locks",
	"go.yaml.in/yaml/v4": "YAML with positions",
	"golang.org/x/text":  "tables of encodings, in the package encodings alone",

	"github.com/klauspost/compress": "zstd, in the package zstd alone",
}

func rank(pkg string) int {
	return slices.IndexFunc(road, func(r struct{ packages, why string }) bool {
		return slices.Contains(strings.Fields(r.packages), pkg)
	})
}

func TestImportsFollowTheRoad(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}: {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		pkg, imports, _ := strings.Cut(line, ":")
		pkg = local(pkg)
		if slices.Contains(outside, pkg) || strings.HasPrefix(pkg, "examples/") {
			continue
		}
		mine := rank(pkg)
		if mine < 0 {
			t.Errorf("package %s has no place on the road: give it one in arch_test.go", pkg)
			continue
		}
		for _, imp := range strings.Fields(imports) {
			if !strings.HasPrefix(imp, module) {
				checkForeign(t, pkg, imp)
				continue
			}
			if theirs := rank(local(imp)); theirs < 0 || theirs >= mine {
				t.Errorf("%s imports %s, which is not nearer to the record; %s: %s", pkg, local(imp), pkg, road[mine].why)
			}
		}
	}
}

// checkForeign wants client libraries under store/ only.
func checkForeign(t *testing.T, pkg, imp string) {
	if !strings.Contains(strings.Split(imp, "/")[0], ".") {
		return // the standard library
	}
	for m := range allowedModules {
		if imp == m || strings.HasPrefix(imp, m+"/") {
			return
		}
	}
	t.Errorf("%s imports %s: client libraries live under store/", pkg, imp)
}

func local(pkg string) string {
	if pkg == module {
		return "."
	}
	return strings.TrimPrefix(pkg, module+"/")
}

// TestModules: each go.mod requires the others by v0.0.0 and a replace, so that
// it builds without go.work.
func TestModules(t *testing.T) {
	mods, _ := filepath.Glob("*/go.mod")
	more, _ := filepath.Glob("cmd/*/go.mod")
	for _, mod := range append(mods, more...) {
		b, err := os.ReadFile(mod)
		if err != nil {
			t.Fatal(err)
		}
		for _, dep := range []string{module + " v0.0.0", "replace " + module + " => "} {
			if !strings.Contains(string(b), dep) && !strings.Contains(string(b), "\t"+strings.TrimPrefix(dep, "replace ")) {
				t.Errorf("%s: want %q", mod, dep)
			}
		}
	}
}

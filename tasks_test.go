package girok_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/girok/girok"
	"github.com/girok/girok/giroktest"
)

// Five things that a program's author wants of a logger, each in ten lines at most:
// TestTasksAreShort counts.

// Nothing configured: WARNING and above on standard error, as in Python.
func Example_default() {
	defer stderrIsStdout()() // for the example
	logs, err := girok.Open("")
	if err != nil {
		panic(err)
	}
	defer logs.Close()
	slog.SetDefault(logs.Logger("shop"))
	slog.Warn("the cart is full", "items", 99)
	// Output: the cart is full
}

// JSON in a file that is put aside at 10 MB, five times, compressed.
func Example_jsonFile() {
	logs, _ := girok.OpenBytes("", []byte(`
version: 1
formatters: {json: {class: json}}
handlers: {file: {class: logging.handlers.RotatingFileHandler, filename: app.log, maxBytes: 10_000_000, backupCount: 5, compress: gzip, formatter: json}}
root: {level: INFO, handlers: [file]}`))
	logs.Logger("shop").Info("order placed", "user", "kim", "items", 3)
	logs.Close()
	show("app.log")
	// Output: {"time":"…","level":"INFO","logger":"shop","msg":"order placed","user":"kim","items":3}
}

// DEBUG for one package.
func Example_debugOnePackage() {
	logs, _ := girok.OpenBytes("", []byte(`
version: 1
handlers: {out: {class: logging.StreamHandler, stream: ext://sys.stdout}}
loggers: {shop.cart: {level: DEBUG}}
root: {level: INFO, handlers: [out]}`))
	logs.Logger("shop.cart.items").Debug("shown")
	logs.Logger("shop.pay").Debug("not shown")
	logs.Close()
	// Output: shown
}

// Two destinations: all of it as JSON into a file, errors to the terminal.
func Example_twoDestinations() {
	logs, _ := girok.OpenBytes("", []byte(`
version: 1
formatters: {json: {class: json}, short: {format: "%(levelname)s %(message)s"}}
handlers: {out: {class: console, stream: ext://sys.stdout, level: ERROR, formatter: short}, file: {class: file, filename: app.log, mode: w, formatter: json}}
root: {level: DEBUG, handlers: [out, file]}`))
	logs.Logger("shop").Debug("order placed")
	logs.Logger("shop").Error("payment failed")
	logs.Close()
	show("app.log")
	// Output:
	// ERROR payment failed
	// {"time":"…","level":"DEBUG","logger":"shop","msg":"order placed"}
	// {"time":"…","level":"ERROR","logger":"shop","msg":"payment failed"}
}

// An assertion in a test.
func TestTaskAssertion(t *testing.T) {
	logs, records := giroktest.Open(t)
	logs.Logger("shop").Error("no seat", "user", "kim")
	if !records.Has(slog.LevelError, "no seat", "user", "kim") {
		t.Errorf("not logged; there is\n%s", records)
	}
}

// stderrIsStdout shows in an example's output what goes to standard error; what it
// returns puts that, and slog's default, back.
func stderrIsStdout() (back func()) {
	stderr, def := os.Stderr, slog.Default()
	os.Stderr = os.Stdout
	return func() {
		os.Stderr = stderr
		slog.SetDefault(def)
		log.SetOutput(stderr) // SetDefault has led log's functions to slog
	}
}

// show prints a file, without times, and removes it.
func show(name string) {
	b, err := os.ReadFile(name)
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(b)) {
		if i := strings.Index(line, `","level"`); i > 0 {
			line = `{"time":"…` + line[i:]
		}
		fmt.Print(line)
	}
	if err := os.Remove(name); err != nil {
		panic(err)
	}
}

func TestTasksAreShort(t *testing.T) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "tasks_test.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || !strings.HasPrefix(f.Name.Name, "Example_") && f.Name.Name != "TestTaskAssertion" {
			continue
		}
		seen++
		last := f.Body.List[len(f.Body.List)-1]
		if n := set.Position(last.End()).Line - set.Position(f.Body.Pos()).Line; n > 10 {
			t.Errorf("%s has %d lines", f.Name.Name, n)
		}
	}
	if seen != 5 {
		t.Errorf("%d tasks", seen)
	}
}

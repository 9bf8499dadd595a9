package config_test

import (
	"fmt"

	"github.com/girok/girok/config"
)

// Table is what a handler can be told; the literal below holds its defaults.
type Table struct {
	Table string `yaml:"table,required" doc:"where rows go"`
	Batch Batch  `yaml:"batch"`
}

// Batch says when a batch is cut.
type Batch struct {
	Records int             `yaml:"records" min:"1" max:"10000" doc:"rows in a batch"`
	Bytes   config.Size     `yaml:"bytes" doc:"bytes in a batch"`
	Age     config.Duration `yaml:"age" doc:"how old a batch may get"`
}

func defaults() *Table {
	return &Table{Batch: Batch{Records: 5000, Bytes: 4 << 20}}
}

// All mistakes are found at once.
func ExampleDecode() {
	doc, err := config.Parse("bad.yaml", []byte(`
tabel: events
batch:
  records: many
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	var ps config.Problems
	config.Decode(doc.Root, &ps, defaults())
	fmt.Println(ps.Err())
	// Output:
	// bad.yaml:2:1: tabel: unknown key; did you mean "table"? known: batch, table
	// bad.yaml:4:12: batch.records: want a whole number from 1 to 10,000, got "many"
}

// The documentation comes from the struct.
func ExampleReference() {
	for _, o := range config.Reference("handlers.<name>", defaults()) {
		fmt.Printf("%s: %s (default %q)\n", o.Key, o.Type, o.Default)
	}
	// Output:
	// handlers.<name>.table: text (default "")
	// handlers.<name>.batch: a map (default "")
	// handlers.<name>.batch.records: a whole number from 1 to 10,000 (default "5000")
	// handlers.<name>.batch.bytes: a size, as 512KiB, 4MiB, 1GiB or 10MB (default "4MiB")
	// handlers.<name>.batch.age: a duration, as 5s, 10m, 1h30m or 7d (default "0")
}

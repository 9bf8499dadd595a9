// Command girok logs one line through girok, without a store: its binary is
// weighed.
package main

import (
	"fmt"
	"os"

	"github.com/girok/girok"
)

const config = `version: 1
handlers:
  console: {class: console, stream: ext://sys.stdout}
root: {level: INFO, handlers: [console]}
`

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	f, err := os.CreateTemp("", "config-*.yaml")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.WriteString(config); err != nil {
		return err
	}
	logs, err := girok.Open(f.Name())
	if err != nil {
		return err
	}
	logs.Logger("hello").Info("hello world", "score", 0.93)
	return logs.Close()
}

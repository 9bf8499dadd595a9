//go:build linux

package rivals

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/girok/girok"
)

const spooledYAML = `version: 1
service: bench
spool: {dir: %q, max_bytes: 1GiB, require: true}
formatters:
  json: {class: json}
handlers:
  out: {class: file, spooled: true, filename: %q, formatter: json}
root: {level: INFO, handlers: [out]}
`

const directYAML = `version: 1
formatters:
  json: {class: json}
handlers:
  out: {class: file, filename: %q, formatter: json}
root: {level: INFO, handlers: [out]}
`

func openLogs(dir, yaml string, args ...any) (*girok.Logs, error) {
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, yaml, args...), 0o600); err != nil {
		return nil, err
	}
	return girok.Open(path)
}

func openSpooledLogs(dir string) (*girok.Logs, error) {
	return openLogs(dir, spooledYAML, filepath.Join(dir, "spool"), filepath.Join(dir, File))
}

func openSpooled(dir string) (*Rival, error) {
	logs, err := openSpooledLogs(dir)
	if err != nil {
		return nil, err
	}
	r := &Rival{Log: logWith(logs.Logger("shop.orders")), Close: logs.Close}
	r.Flush = func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		return logs.Flush(ctx)
	}
	return onFile(dir, r), nil
}

func openDirect(dir string) (*Rival, error) {
	logs, err := openLogs(dir, directYAML, filepath.Join(dir, File))
	if err != nil {
		return nil, err
	}
	return onFile(dir, &Rival{Log: logWith(logs.Logger("shop.orders")), Flush: nothing, Close: logs.Close}), nil
}

// spooledNumbers starts girok in the folder again, waits until it has delivered
// what the killed program left, and reads the file.
func spooledNumbers(dir string) (map[int]int, error) {
	logs, err := openSpooledLogs(dir)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		// A folder without config is no run.
		runs, err := filepath.Glob(filepath.Join(dir, "spool", "bench", "runs", "*", "config"))
		if err != nil {
			return nil, err
		}
		if len(runs) <= 1 {
			break
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("the killed program's run is left after two minutes: %+v", logs.Stats())
		}
	}
	if err := logs.Close(); err != nil {
		return nil, err
	}
	return fileNumbers(dir)
}

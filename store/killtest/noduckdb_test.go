//go:build unix && !(cgo && (linux || darwin) && (amd64 || arm64))

package killtest

import "errors"

func duckdbRows(string, string) ([][]string, error) {
	return nil, errors.New("DuckDB is not in this test: it was built without cgo")
}

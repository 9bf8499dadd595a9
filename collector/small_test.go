package collector

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok"
)

// A batch that may grow for long does not hold back a spool that is small: it ends
// when it has an eighth of it, and no record goes to make room.
func TestBatchIsSmallWhereTheSpoolIs(t *testing.T) {
	for _, beside := range []bool{false, true} {
		t.Run(fmt.Sprintf("beside=%v", beside), func(t *testing.T) {
			dir := t.TempDir()
			file, spool := filepath.Join(dir, "out.log"), filepath.Join(dir, "spool")
			options, done := []girok.Option{}, make(chan error, 1)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if beside {
				options = append(options, girok.WriteOnly())
				go func() {
					_, err := Run(ctx, Options{Spool: spool, Stderr: &told{}})
					done <- err
				}()
			}
			logs, err := girok.OpenBytes("c.yaml", fmt.Appendf(nil, `version: 1
service: small
spool: {dir: %q, max_bytes: 8MiB}
handlers:
  lines: {class: file, spooled: true, filename: %q, batch: {records: 1_000_000, bytes: 1GiB, age: 1h}}
root: {level: INFO, handlers: [lines]}
`, spool, file), options...)
			if err != nil {
				t.Fatal(err)
			}
			log, text := logs.Logger("x"), strings.Repeat("x", 1000)
			lines := func() int {
				b, _ := os.ReadFile(file)
				return bytes.Count(b, []byte("\n"))
			}
			const turn, all = 500, 20_000
			for n := turn; n <= all; n += turn {
				for range turn {
					log.Info(text)
				}
				for end := time.Now().Add(30 * time.Second); lines() < n-3*turn; time.Sleep(5 * time.Millisecond) {
					if time.Now().After(end) {
						t.Fatalf("of %d lines %d are there", n, lines())
					}
				}
			}
			if beside {
				if err := logs.Flush(context.Background(), "lines"); err != nil {
					t.Error(err)
				}
			}
			if err := logs.Close(); err != nil {
				t.Error(err)
			}
			if lost := logs.Lost(); lost > 0 || lines() != all {
				t.Errorf("%d lines, lost %d", lines(), lost)
			}
			cancel()
			if beside {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
		})
	}
}

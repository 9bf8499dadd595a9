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

// What two services write to a spool, one of them later, is delivered by their
// own configurations.
func TestRunSpool(t *testing.T) {
	dir := t.TempDir()
	write := func(service string) *girok.Logs {
		logs, err := girok.OpenBytes(service, fmt.Appendf(nil, `version: 1
service: %s
spool: {dir: %q, deliver: never}
handlers: {f: {class: file, spooled: true, filename: %q, batch: {age: 10ms}}}
root: {level: INFO, handlers: [f]}
`, service, filepath.Join(dir, "spool"), filepath.Join(dir, service+".log")))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 50 {
			logs.Logger("x").Info(fmt.Sprint("line ", i))
		}
		return logs
	}
	write("first").Close()
	ctx, cancel := context.WithCancel(context.Background())
	var said bytes.Buffer
	done := make(chan error, 1)
	go func() {
		_, err := Run(ctx, Options{Spool: filepath.Join(dir, "spool"), Stderr: &said})
		done <- err
	}()
	second := write("second")
	lines := func(service string) int {
		b, _ := os.ReadFile(filepath.Join(dir, service+".log"))
		return bytes.Count(b, []byte("\n"))
	}
	for end := time.Now().Add(20 * time.Second); lines("first") < 50 || lines("second") < 50; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d and %d lines", lines("first"), lines("second"))
		}
	}
	second.Close()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if lines("first") != 50 || lines("second") != 50 || !strings.Contains(said.String(), "service second") {
		t.Errorf("%d and %d lines; said %s", lines("first"), lines("second"), said.String())
	}
	if _, err := Run(ctx, Options{Spool: filepath.Join(dir, "nothing"), Stderr: &said}); err == nil {
		t.Error("a spool that there is not")
	}
}

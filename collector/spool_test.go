package collector

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
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
spool: {dir: %q, deliver: never, max_bytes: 48MiB}
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
	said := &told{}
	done := make(chan error, 1)
	go func() {
		_, err := Run(ctx, Options{Spool: filepath.Join(dir, "spool"), Stderr: said, Metrics: "0"})
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
	for _, service := range []string{"first", "second"} { // counted when the answer is there, after the lines
		want := fmt.Sprintf("girok_handler_records_total{service=%q,handler=\"f\",target=\"\"} 50\n", service)
		for end := time.Now().Add(20 * time.Second); !strings.Contains(fetch(t, said.String()), want); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("want %sin %s", want, fetch(t, said.String()))
			}
		}
	}
	numbers := fetch(t, said.String())
	for _, want := range []string{`girok_spool_runs{service="first"} 0`, `girok_spool_runs{service="second"} 1`, `girok_spool_limit_bytes{service="second"} 5.0331648e+07`} {
		if !strings.Contains(numbers, want+"\n") {
			t.Errorf("want %s in %s", want, numbers)
		}
	}
	for _, unknown := range []string{"appended", "lost_records", "evicted", "refused_appends", `limit_bytes{service="first"}`} {
		if strings.Contains(numbers, "girok_spool_"+unknown) {
			t.Errorf("%s is told, which nobody knows there: %s", unknown, numbers)
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
	if _, err := Run(ctx, Options{Spool: filepath.Join(dir, "first.log"), Stderr: said}); err == nil {
		t.Error("a spool that is a file")
	}
	if _, err := Run(ctx, Options{Spool: filepath.Join(dir, "spool", "first"), Stderr: said}); err == nil || !strings.Contains(err.Error(), "--spool "+filepath.Join(dir, "spool")+" --service first") {
		t.Errorf("the folder of a service: %v", err)
	}
}

// A program that only writes takes a class as it is, a misspelt one too. Who delivers says
// where it stands, and what waits is delivered once it is mended there.
func TestRunSpoolOfAMistake(t *testing.T) {
	dir := t.TempDir()
	spool, file := filepath.Join(dir, "spool"), filepath.Join(dir, "out.log")
	logs, err := girok.OpenBytes("config.yaml", fmt.Appendf(nil, `version: 1
service: svc
spool: {dir: %q}
handlers: {f: {class: flie, spooled: true, filename: %q}}
root: {level: INFO, handlers: [f]}
`, spool, file), girok.WriteOnly())
	if err != nil {
		t.Fatal(err)
	}
	logs.Logger("x").Info("m")
	if err := logs.Close(); err != nil {
		t.Fatal(err)
	}
	stored, err := filepath.Glob(filepath.Join(spool, "svc", "runs", "*", "config"))
	if err != nil || len(stored) != 1 {
		t.Fatal(stored, err)
	}
	said := &told{}
	run := func(until func() bool) *Summary {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		done := make(chan *Summary, 1)
		go func() {
			s, err := Run(ctx, Options{Spool: spool, Stderr: said})
			if err != nil {
				t.Error(err)
			}
			done <- s
		}()
		for end := time.Now().Add(20 * time.Second); !until(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("it did not come to that")
			}
		}
		cancel()
		return <-done
	}
	s := run(func() bool { return strings.Contains(said.String(), "service svc") })
	if len(s.Left) != 1 || !strings.Contains(Left(s.Left[0]), `class "flie" is not in this program); they are safe in the spool: deliver with a program that has it, or mend a mistake of the handler where it stands, in `+stored[0]) {
		t.Fatalf("left: %+v", s.Left)
	}
	b, err := os.ReadFile(stored[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stored[0], bytes.ReplaceAll(b, []byte(`"flie"`), []byte(`"file"`)), 0o600); err != nil {
		t.Fatal(err)
	}
	s = run(func() bool { b, _ := os.ReadFile(file); return bytes.Count(b, []byte("\n")) == 1 })
	if len(s.Left) != 0 {
		t.Errorf("left: %+v", s.Left)
	}
}

// A delivery that begins before its spool is there waits for it, and says so once; one
// of a service that is not there says which ones are.
func TestRunSpoolTooEarly(t *testing.T) {
	dir := t.TempDir()
	spool := filepath.Join(dir, "spool")
	ctx, cancel := context.WithCancel(context.Background())
	var said [2]told
	done := make(chan error, 2)
	for i, service := range []string{"", "other"} {
		go func() {
			_, err := Run(ctx, Options{Spool: spool, Service: service, Stderr: &said[i]})
			done <- err
		}()
	}
	await := func(what string, seen func() bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !seen(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("it does not come to that: %s\n%s\n%s", what, said[0].String(), said[1].String())
			}
		}
	}
	for i := range said {
		await("waiting", func() bool {
			return strings.Contains(said[i].String(), "waiting for "+spool+": a program that logs makes it\n")
		})
	}
	if self, err := os.FindProcess(os.Getpid()); err == nil && self.Signal(syscall.SIGHUP) == nil { // Windows has none
		await("an answer to SIGHUP", func() bool {
			return strings.Contains(said[0].String(), "there is no configuration to read again")
		})
	}
	if _, err := os.Stat(spool); err == nil {
		t.Error("delivery has made the folder")
	}
	logs, err := girok.OpenBytes("late", fmt.Appendf(nil, `version: 1
service: late
spool: {dir: %q, deliver: never}
handlers: {f: {class: file, spooled: true, filename: %q, batch: {age: 10ms}}}
root: {level: INFO, handlers: [f]}
`, spool, filepath.Join(dir, "late.log")))
	if err != nil {
		t.Fatal(err)
	}
	logs.Logger("x").Info("line")
	await("the line", func() bool {
		b, _ := os.ReadFile(filepath.Join(dir, "late.log"))
		return len(b) > 0
	})
	await("what is there", func() bool {
		return strings.Contains(said[1].String(), "waiting for the service other; in "+spool+" there is late\n")
	})
	logs.Close()
	cancel()
	for range said {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := strings.Count(said[0].String(), "waiting for"); n != 1 {
		t.Errorf("it is said %d times", n)
	}
}

// told is what is told, while it is read.
type told struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *told) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(b)
}

func (t *told) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

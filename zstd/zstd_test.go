package zstd_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/girok/girok"
	packing "github.com/girok/girok/zstd"
)

const yaml = `version: 1
service: packed
spool: {dir: %q}
handlers:
  direct: {class: logging.handlers.RotatingFileHandler, filename: %q, maxBytes: 20000, backupCount: 100, compress: zstd}
  spooled: {class: file, spooled: true, filename: %q, formatter: bare, rotate: {bytes: 20000B, compress: zstd}, batch: {records: 100}}
formatters: {bare: {format: "%%(message)s"}}
root: {level: INFO, handlers: [direct, spooled]}
`

func configuration(dir string) []byte {
	return fmt.Appendf(nil, yaml, filepath.Join(dir, "spool"), filepath.Join(dir, "direct.log"), filepath.Join(dir, "spooled.log"))
}

// Both kinds of files that are put aside become frames of zstd, and all lines are in
// them, or in what is not put aside yet, once.
func TestPacking(t *testing.T) {
	dir := t.TempDir()
	logs, err := girok.OpenBytes("config.yaml", configuration(dir), packing.Packing)
	if err != nil {
		t.Fatal(err)
	}
	const lines = 5000
	for i := range lines {
		logs.Logger("x").Info(fmt.Sprintf("line %03000d", i)[:100] + fmt.Sprint(i))
	}
	if err := logs.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"direct", "spooled"} {
		var read map[string]int
		var packed int
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			var plain int
			if read, plain, packed = all(t, dir, name); plain == 1 && packed > 5 && len(read) == lines {
				break // else the last one is still being compressed
			}
			if time.Now().After(end) {
				t.Fatalf("%s: %d lines in %d files and %d compressed ones", name, len(read), plain, packed)
			}
		}
		for line, n := range read {
			if n != 1 {
				t.Errorf("%s: %q is there %d times", name, line, n)
			}
		}
	}
	if err := logs.Close(); err != nil {
		t.Error(err)
	}
}

// all reads the lines of the files of a name.
func all(t *testing.T, dir, name string) (lines map[string]int, plain, packed int) {
	paths, err := filepath.Glob(filepath.Join(dir, name+"*"))
	if err != nil {
		t.Fatal(err)
	}
	lines = map[string]int{}
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			continue // it has another name by now
		}
		s := bufio.NewScanner(f)
		if filepath.Ext(path) == ".zst" {
			packed++
			z, err := zstd.NewReader(f)
			if err != nil {
				t.Fatal(path, err)
			}
			defer z.Close()
			s = bufio.NewScanner(z)
		} else {
			plain++
		}
		for s.Scan() {
			lines[s.Text()]++
		}
		if s.Err() != nil {
			t.Fatal(path, s.Err())
		}
		f.Close()
	}
	return lines, plain, packed
}

// Without the option both places are told, and nothing is opened.
func TestWithout(t *testing.T) {
	dir := t.TempDir()
	_, err := girok.OpenBytes("config.yaml", configuration(dir))
	for _, want := range []string{"config.yaml:5:", "handlers.direct.compress", "config.yaml:6:", "handlers.spooled.rotate.compress", "give zstd.Packing of github.com/girok/girok/zstd to girok.Open, or use gzip"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %v", want, err)
		}
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) > 0 {
		t.Errorf("made %q", names)
	}
}

// The program zstd, where there is one, reads what was made.
func TestOtherReader(t *testing.T) {
	program, err := exec.LookPath("zstd")
	if err != nil {
		t.Skip("NOT TESTED, needs the program zstd: that it reads our frames")
	}
	path := filepath.Join(t.TempDir(), "a.zst")
	text := strings.Repeat("a line\n", 1000)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := packing.Packing(f, int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if out, err := exec.Command(program, "-dc", path).Output(); err != nil || string(out) != text {
		t.Errorf("%v: %d bytes, want %d", err, len(out), len(text))
	}
}

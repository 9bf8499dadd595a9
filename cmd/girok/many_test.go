//go:build unix

package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/store/sqlite"
)

var starts = flag.Int("starts", 100, "how often TestManyStarts starts a program; 1000 by hand")

const manyConfig = `
version: 1
service: many
handlers:
  table: {class: sqlite, path: x.db, table: logs, create: true, columns: {n: {from: attr.n, type: int}}}
root: {level: INFO, handlers: [table]}
spool: {dir: spool}
`

// A program that starts again and again, and a destination that refuses: what
// waits takes little room, starts stay quick, and once the destination is
// mended all of it is delivered, each record once, and nothing stays behind.
func TestManyStarts(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte(manyConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "x.db"), 0o700); err != nil {
		t.Fatal(err)
	}
	quiet(t) // each start tells that the destination refuses
	const each = 10
	begun := time.Now()
	for i := range *starts {
		logs, err := girok.Open(path, sqlite.Kind)
		if err != nil {
			t.Fatal(err)
		}
		for k := range each {
			logs.Logger("x").Info("m", "n", i*each+k)
		}
		if err := logs.Close(); err != nil {
			t.Error(err)
		}
	}
	held := onDisk(t, filepath.Join(dir, "spool"))
	t.Logf("%d starts in %v; the spool takes %.1f MB", *starts, time.Since(begun).Round(time.Millisecond), float64(held)/1e6)
	if most := int64(*starts) * 50_000; held > most {
		t.Errorf("the spool takes %d bytes", held)
	}
	if err := os.Remove(filepath.Join(dir, "x.db")); err != nil {
		t.Fatal(err)
	}
	begun = time.Now()
	var told bytes.Buffer
	p := &program{stdin: &bytes.Buffer{}, stdout: &told, stderr: &told, getenv: os.Getenv}
	if code := p.main(context.Background(), []string{"run", "-c", path, "--drain", "2m"}); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, told.String())
	}
	t.Logf("delivered in %v: %s", time.Since(begun).Round(time.Millisecond), told.String())
	n := *starts * each
	want := fmt.Sprintf("rows,numbers,least,most\n%d,%d,0,%d\n", n, n, n-1)
	if got := ask(t, dir, "select count(*) as rows, count(distinct n) as numbers, min(n) as least, max(n) as most from logs"); got != want {
		t.Errorf("got %s", got)
	}
	if got := ask(t, dir, "select count(*) as n from girok_position"); got != "n\n0\n" {
		t.Errorf("positions are left: %s", got)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "spool", "many", "runs", "*")); len(left) != 0 {
		t.Errorf("%d runs are left", len(left))
	}
}

// quiet throws away what is told on standard error until the test ends.
func quiet(t *testing.T) {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stderr
	os.Stderr = null
	t.Cleanup(func() { os.Stderr = before; null.Close() })
}

// onDisk is how much a folder takes.
func onDisk(t *testing.T, dir string) (n int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := d.Info()
		if err == nil {
			n += st.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

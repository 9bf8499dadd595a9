package sqlite_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/config"
	"github.com/girok/girok/store/sqlite"
)

// The configurations that take turns. In each that is good, all of shop goes to
// some table of a.db, and to f.log; what else there is comes and goes.
var turns = []string{
	`
formatters: {f: {format: "%(message)s"}}
handlers:
  file: {class: file, filename: DIR/f.log, formatter: f}
  main: {class: sqlite, path: a.db, table: one, create: true, rest: drop, columns: {message: message}}
loggers:
  shop: {level: INFO, handlers: [main, file]}`,
	`
formatters: {f: {format: "%(message)s"}}
handlers:
  file: {class: file, filename: DIR/f.log, formatter: f}
  extra: {class: sqlite, path: b.db, table: more, create: true, rest: drop, columns: {message: message}}
  main: {class: sqlite, path: a.db, table: one, create: true, rest: drop, columns: {message: message}}
root: {level: DEBUG, handlers: [extra]}
loggers:
  shop: {level: DEBUG, handlers: [main, file]}`,
	`
formatters: {f: {format: "%(message)s%(levelname).0s"}}
handlers:
  file: {class: file, filename: DIR/f.log, formatter: f}
  main: {class: sqlite, path: a.db, table: two, create: true, rest: drop, columns: {message: message, level: levelno}}
loggers:
  shop: {level: WARNING, handlers: [main, file]}
  shop.cart: {level: INFO}`,
	`
handlers:
  file: {class: file, filename: DIR/wrong.log, formatter: nope}
  main: {class: sqlite, path: a.db}
loggers:
  shop: {level: LOUD, handlers: [main, fle]}`,
}

func resources() (fds, routines, maps int) {
	for range 3 {
		runtime.GC() // cleanups give mappings and descriptors back
		time.Sleep(10 * time.Millisecond)
	}
	list, _ := os.ReadDir("/proc/self/fd")
	m, _ := os.ReadFile("/proc/self/maps")
	return len(list), runtime.NumGoroutine(), bytes.Count(m, []byte("/runs/"))
}

// A configuration is applied anew a thousand times while the program logs: nothing
// is lost, nothing doubled, no logger silenced, and nothing is left open.
func TestReloadUnderLoad(t *testing.T) {
	reloads := 1000
	if testing.Short() {
		reloads = 100
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yaml")
	turn := func(i int) {
		text := "version: 1\nservice: shop\nspool: {dir: spool}" + strings.ReplaceAll(turns[i%len(turns)], "DIR", dir)
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	turn(0)
	logs, err := girok.Open(path, sqlite.Kind)
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	const writers = 4
	var stop atomic.Bool
	var wg sync.WaitGroup
	var counts [writers]int
	for g := range writers {
		held := logs.Logger("shop.cart").With("g", g)
		wg.Go(func() {
			for n := 0; !stop.Load(); n++ {
				log := held
				if n%10 == 9 {
					log = logs.Logger("shop.cart")
				}
				log.Info(fmt.Sprintf("%d-%d", g, n))
				counts[g] = n + 1
				time.Sleep(100 * time.Microsecond)
			}
		})
	}
	var fds, routines, maps int
	for i := range reloads {
		turn(i)
		err := logs.Reload()
		var mistakes config.Problems
		if bad := i%len(turns) == 3; bad != errors.As(err, &mistakes) {
			t.Fatalf("reload %d: %v", i, err)
		}
		if i == 2*len(turns) { // all have been there
			fds, routines, maps = resources()
		}
	}
	turn(0)
	if err := logs.Reload(); err != nil {
		t.Fatal(err)
	}
	stop.Store(true)
	wg.Wait()
	eventually(t, "all runs but the one in use are drained", func() bool {
		list, _ := filepath.Glob(filepath.Join(dir, "spool/shop/runs/*"))
		return len(list) <= 1
	})
	var state string
	eventually(t, "no more is open than before", func() bool {
		f, r, m := resources()
		state = fmt.Sprintf("descriptors %d, then %d; goroutines %d, then %d; mappings %d, then %d", fds, f, routines, r, maps, m)
		return f <= fds && r <= routines && m <= maps
	})
	t.Log(state)
	if err := logs.Close(); err != nil {
		t.Error(err)
	}
	total := 0
	want := map[string]int{}
	for g, n := range counts {
		for i := range n {
			want[fmt.Sprintf("%d-%d", g, i)] = 1
		}
		total += n
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	got := map[string]int{}
	rows, err := db.Query("select message from one union all select message from two")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var m string
		if err := rows.Scan(&m); err != nil {
			t.Fatal(err)
		}
		got[m]++
	}
	compare(t, "tables", got, want)
	text, err := os.ReadFile(filepath.Join(dir, "f.log"))
	if err != nil {
		t.Fatal(err)
	}
	got = map[string]int{}
	for line := range strings.Lines(string(text)) {
		got[strings.TrimSuffix(line, "\n")]++
	}
	compare(t, "file", got, want)
	if _, err := os.Stat(filepath.Join(dir, "wrong.log")); err == nil {
		t.Error("a file of a configuration with mistakes was made")
	}
	t.Logf("%d records, %d reloads", total, reloads)
}

func compare(t *testing.T, where string, got, want map[string]int) {
	t.Helper()
	missing, doubled, strange := 0, 0, 0
	for m := range want {
		if got[m] == 0 {
			missing++
		}
	}
	for m, n := range got {
		if n > 1 {
			doubled++
		}
		if want[m] == 0 {
			strange++
		}
	}
	if missing+doubled+strange > 0 {
		t.Errorf("%s: %d of %d missing, %d doubled, %d that nobody logged", where, missing, len(want), doubled, strange)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Error("in vain: ", what)
			return
		}
	}
}

func readFirst(t *testing.T, pattern string) string {
	t.Helper()
	list, _ := filepath.Glob(pattern)
	if len(list) == 0 {
		t.Fatal("there is no ", pattern)
	}
	b, err := os.ReadFile(list[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

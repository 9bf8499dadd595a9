//go:build unix

package killtest

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/deliver"
	"github.com/girok/girok/internal/bqtest"
	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/record"
	"github.com/girok/girok/store/duckdb"
)

var (
	kills = flag.Int("kills", 30, "how often a child is killed")
	seed  = flag.Uint64("seed", 0, "of the moments; 0: from the clock")
	store = flag.String("store", "sqlite", "where the records go: sqlite, duckdb, postgres, bigquery, bigquery-load, bigquery-emulator, files or file")
	days  = flag.Bool("days", false, "records of three days at once, each day in a table (sqlite) or a folder (files) of its own")
	keep  = flag.String("dir", "", "an empty folder to work in, which is kept; if absent a temporary one")
)

const configYAML = `version: 1
service: kill
handlers:
  table:
    class: CLASS
    PLACE
    table: kills
    create: true
    rest: drop
    columns:
      life: {from: attr.life, type: int}
      g: {from: attr.g, type: int}
      n: {from: attr.n, type: int}
      record_id: record_id
    batch: {records: RECORDS, bytes: 1MiB, age: 20ms}
loggers:
  kill: {level: INFO, handlers: [table]}
spool: {dir: spool, max_bytes: 4GiB}
`

// fileYAML is that of a file: small, so that it is put aside again and again.
const fileYAML = `version: 1
service: kill
formatters:
  json: {class: json}
handlers:
  table:
    class: file
    spooled: true
    filename: kill.jsonl
    formatter: json
    rotate: {bytes: 256KiB, compress: gzip}
    batch: {records: 100, age: 20ms}
loggers:
  kill: {level: INFO, handlers: [table]}
  tidy: {level: INFO, handlers: [table]}
spool: {dir: spool, max_bytes: 4GiB}
`

// configOf is the configuration for a store. Where transactions are dear lives would
// log more than they deliver, with as few records in each as SQLite's; and each append,
// of which a batch has eight, is dear for BigQuery's emulator.
func configOf(store string) string {
	if store == "file" {
		return fileYAML
	}
	records := map[string]string{"sqlite": "100", "files": "100", "duckdb": "1000", "postgres": "1000", "bigquery": "1000", "bigquery-load": "1000", "bigquery-emulator": "4000"}[store]
	place := "path: kill.db" // with files a folder
	switch store {
	case "postgres":
		place = pg.place()
	case "bigquery", "bigquery-emulator":
		place = bq.place("stream")
	case "bigquery-load":
		place = bq.place("load")
	}
	text := configYAML
	if *days {
		text = strings.Replace(text, "table: kills", map[string]string{"sqlite": "table: kills_{date}", "files": "table: kills/{date}"}[store], 1)
	}
	class, _, _ := strings.Cut(store, "-")
	return strings.NewReplacer("CLASS", class, "PLACE", place, "RECORDS", records).Replace(text)
}

// drainEvery: lives are short and log faster than one of them delivers; so that
// the backlog does not reach the spool's limit, now and then one drains it.
const drainEvery = 10

// arena is the folder in which all lives are spent.
type arena struct {
	t     *testing.T
	dir   string
	lives int
	marks []byte
	rng   *rand.Rand
	hits  map[string]int           // kills by window
	spent map[string]time.Duration // and what they took
}

// TestKill: what a log call has returned from is in the table, or in the dead
// letters if it does not fit, once, however often and wherever the program dies.
func TestKill(t *testing.T) {
	a := newArena(t, *kills)
	for life := range a.lives {
		a.live(life)
		if life%drainEvery == drainEvery-1 {
			a.run(-1, "", 0) // a life that ends in order
		}
	}
	a.run(-1, "", 0)
	a.check()
	a.enough()
}

// newArena makes the folder, and starts the server if the store has one.
func newArena(t *testing.T, lives int) *arena {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d, store %s", *seed, *store)
	if stores[*store] == nil || *store == "duckdb" && !duckdb.Built {
		t.Fatalf("no store %q in this test: sqlite, postgres, bigquery, bigquery-load, bigquery-emulator, files, file, or duckdb where there is a C++ compiler", *store)
	}
	if *days && *store != "sqlite" && *store != "files" {
		t.Fatal("-days is for sqlite and files")
	} else if *days {
		t.Setenv(daysEnv, "3")
	}
	switch *store {
	case "postgres":
		pg.start(t, *seed)
	case "bigquery", "bigquery-load":
		bq.start(t, *seed)
	case "bigquery-emulator":
		bq.emulator = bqtest.Shared(t)
	}
	dir := *keep
	if dir == "" {
		dir = t.TempDir()
	}
	a := &arena{t: t, dir: dir, lives: lives, rng: rand.New(rand.NewPCG(*seed, 1)), hits: map[string]int{}, spent: map[string]time.Duration{}}
	if err := os.WriteFile(filepath.Join(a.dir, "config.yaml"), []byte(configOf(*store)), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if a.marks, err = mapMarks(filepath.Join(a.dir, "marks"), a.lives); err != nil {
		t.Fatal(err)
	}
	return a
}

// atRandom is how many lives of each turn end at any moment.
const atRandom = 6

// windowsOf lists the windows that a record for a store comes through.
func windowsOf(store string) (list []crash.Window) {
	for w := range crash.NumSingle {
		of := w < crash.NumWindows
		switch store {
		case "file":
			of = w != crash.Sent && w != crash.LetterWritten // it has no transaction, and refuses nothing
		case "files":
			of = of || w == crash.Journaled || w == crash.Torn // nothing is put aside
		case "bigquery", "bigquery-emulator":
			of = of || w == crash.Journaled || w == crash.Torn // a batch has several appends
		case "bigquery-load":
			of = of || w == crash.Journaled
		}
		if of {
			list = append(list, w)
		}
	}
	return list
}

// live spends one life and ends it: in a window in its turn, or at any moment.
func (a *arena) live(life int) {
	aim := ""
	windows := windowsOf(*store)
	if w := life % (len(windows) + atRandom); crash.Enabled && w < len(windows) {
		name := windows[w]
		times := 1
		switch name {
		case crash.Reserved, crash.Committed:
			times = 1 + a.rng.IntN(2000)
		case crash.BatchRead, crash.Sent, crash.Answered, crash.Noted, crash.Journaled, crash.Torn:
			times = 1 + a.rng.IntN(15)
		case crash.Reload, crash.Roll, crash.LetterWritten, crash.Renamed, crash.Begun, crash.Packed:
			times = 1 + a.rng.IntN(3)
		}
		aim = fmt.Sprintf("%s:%d", name, times)
	}
	longest := map[string]int{"sqlite": 200, "file": 200, "files": 400, "postgres": 400, "bigquery": 400, "bigquery-load": 400, "bigquery-emulator": 800, "duckdb": 800}[*store] // DuckDB takes longer to come to its own checkpoints
	after := time.Duration(1+a.rng.IntN(longest)) * time.Millisecond
	if aim != "" {
		after = 5 * time.Second
	}
	if aim == crash.Reuse.String()+":1" && *store == "bigquery-emulator" {
		after = 15 * time.Second // it takes that long to have a segment
	}
	switch *store {
	case "postgres":
		defer pg.trouble(a)()
	case "bigquery", "bigquery-load":
		defer bq.trouble(a)()
	}
	a.run(life, aim, after)
}

// run starts a child and kills it after a while; 0: waits for its end.
func (a *arena) run(life int, aim string, after time.Duration) {
	exe, err := os.Executable()
	if err != nil {
		a.t.Fatal(err)
	}
	// Half of those that end at any moment apply another configuration again and again.
	reloads := fmt.Sprint(life >= 0 && (aim == "" && life%2 == 1 || strings.HasPrefix(aim, crash.Reload.String())))
	var out bytes.Buffer
	cmd := a.child(exe, &out, life, aim, reloads)
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	defer func() { a.spent[strings.Split(aim, ":")[0]] += time.Since(begin) }()
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	if after == 0 {
		if err := <-done; err != nil {
			a.t.Fatalf("the last life failed: %v\n%s", err, out.Bytes())
		}
		return
	}
	select {
	case err := <-done:
		a.ended(aim, err, out.Bytes())
	case <-time.After(after):
		_ = cmd.Process.Kill()
		<-done
		a.hits["random"]++
	}
}

// child is a process that plays a part in the arena.
func (a *arena) child(exe string, out io.Writer, life int, aim string, part ...string) *exec.Cmd {
	cmd := exec.Command(exe)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Dir = a.dir
	spec := append([]string{
		filepath.Join(a.dir, "config.yaml"), filepath.Join(a.dir, "marks"), fmt.Sprint(a.lives), fmt.Sprint(life), filepath.Join(a.dir, "spool/kill/runs"),
	}, part...)
	cmd.Env = append(os.Environ(), "GIROK_CRASH="+aim, "GIROK_KILLTEST="+strings.Join(spec, "\n"))
	return cmd
}

// ended looks how a child ended by itself: in its window, or not.
func (a *arena) ended(aim string, err error, out []byte) {
	if wasKilled(err) && aim != "" {
		window, _, _ := strings.Cut(aim, ":")
		a.hits[window]++
		return
	}
	if err != nil {
		a.t.Fatalf("a child failed by itself: %v\n%s", err, out)
	}
	a.hits["ended before its window"]++
}

// row is one record as another client sees it.
type row struct {
	Life, G, N int64
	ID         string
}

func (a *arena) check() {
	rows := a.readTable()
	type key struct{ life, g, n int64 }
	seen, ids := map[key]int{}, map[string]int{}
	for _, r := range rows {
		seen[key{r.Life, r.G, r.N}]++
		if r.ID != "" { // a line of a file has none
			ids[r.ID]++
		}
	}
	for k, n := range a.letters() {
		seen[key{k[0], k[1], k[2]}] += n
	}
	var lost, doubled, extra, acknowledged int
	for life := range a.lives {
		for g := range goroutines {
			marked := returned(a.marks, life, g)
			acknowledged += int(marked)
			for n := range marked {
				if seen[key{int64(life), int64(g), int64(n)}] == 0 {
					lost++
				}
			}
			for k := marked; seen[key{int64(life), int64(g), int64(k)}] > 0; k++ {
				extra++
			}
		}
	}
	for _, n := range seen {
		if n > 1 {
			doubled++
		}
	}
	for _, n := range ids {
		if n > 1 {
			a.t.Errorf("a record id comes %d times", n)
		}
	}
	a.t.Logf("acknowledged %d, lost %d, doubled %d; there without having been acknowledged: %d",
		acknowledged, lost, doubled, extra)
	switch *store {
	case "postgres":
		a.t.Log(pg.told())
	case "bigquery", "bigquery-load":
		a.t.Log(bq.told())
	}
	if *store != "file" && *store != "files" && !strings.HasPrefix(*store, "bigquery") {
		a.t.Logf("positions left: %s", a.ask("select count(*) from girok_position")[0][0])
	}
	if aside, _ := filepath.Glob(filepath.Join(a.dir, "spool/kill/damaged/*")); len(aside) > 0 {
		a.t.Errorf("runs were set aside as damaged, and a kill damages nothing: %v", aside)
	}
	if lost+doubled > 0 || len(seen) != acknowledged+extra {
		a.t.Fatalf("lost %d, doubled %d, in all %d of %d+%d", lost, doubled, len(seen), acknowledged, extra)
	}
}

// enough checks that no window was missed: with many kills each must be hit.
func (a *arena) enough() {
	a.t.Logf("kills by window: %s", a.table())
	a.t.Logf("time by window: %v", a.spent)
	if !crash.Enabled {
		a.t.Log("built without -tags girok_crash: all kills were random")
		return
	}
	windows := windowsOf(*store)
	want := *kills / (len(windows) + atRandom) / 2
	for _, w := range windows {
		if a.hits[w.String()] < want {
			a.t.Errorf("window %s: only %d kills, want %d", w, a.hits[w.String()], want)
		}
	}
}

func (a *arena) table() string {
	var b strings.Builder
	for _, w := range windowsOf(*store) {
		fmt.Fprintf(&b, "%s %d, ", w, a.hits[w.String()])
	}
	fmt.Fprintf(&b, "random %d, ended before its window %d", a.hits["random"], a.hits["ended before its window"])
	return b.String()
}

// letters reads the dead letters: each is a record whose n is a text.
func (a *arena) letters() map[[3]int64]int {
	all, err := deliver.Letters(filepath.Join(a.dir, "spool/kill"))
	if err != nil {
		a.t.Fatal(err)
	}
	got := map[[3]int64]int{}
	for _, l := range all {
		var v record.View
		if err := v.Parse(l.Frame); err != nil {
			a.t.Fatal(err)
		}
		var attrs struct {
			Life, G int64
			N       string
		}
		if err := json.Unmarshal(v.Attrs().AppendJSON(nil), &attrs); err != nil {
			a.t.Fatalf("letter %s: %v", l.File, err)
		}
		var n int64
		if _, err := fmt.Sscanf(attrs.N, "bad %d", &n); err != nil {
			a.t.Fatalf("letter %s: n is %q: a good record is among the dead letters: %s", l.File, attrs.N, l.Reason)
		}
		got[[3]int64{attrs.Life, attrs.G, n}]++
	}
	return got
}

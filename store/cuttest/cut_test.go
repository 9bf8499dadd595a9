//go:build linux && girok_mount

package cuttest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	cuts = flag.Int("cuts", 16, "how often the power is cut in all")
	seed = flag.Uint64("seed", 0, "of the moments; 0: from the clock")
)

const configYAML = `version: 1
service: cut
formatters:
  json: {class: json}
handlers:
  out: %s
loggers:
  cut: {level: INFO, handlers: [out]}
spool: {dir: %q, durability: disk, max_bytes: %dMiB, require: true}
`

// What the records go into: one path, and batch.age.
const (
	tableYAML = `{class: sqlite, path: %q, table: cuts, create: true, rest: drop, columns: {life: {from: attr.life, type: int},
    g: {from: attr.g, type: int}, n: {from: attr.n, type: int}, pad: {from: attr.pad, type: string}, record_id: record_id},
    batch: {records: 5000, bytes: 4MiB, age: %s}}`
	fileYAML = `{class: file, spooled: true, filename: %q, formatter: json, batch: {age: %s}}`
)

// arena is where all lives of one chain are spent.
type arena struct {
	t      *testing.T
	disk   *disk
	dir    string // outside of the disk
	config string
	folder string // of the spool
	out    string // the database or the file
	table  bool   // it is a database
	lives  int
	marks  []byte   // what children say
	said   []uint64 // what they had said before the cut, for each life and goroutine
}

func newArena(t *testing.T, d *disk, lives int, table, onDisk bool) *arena {
	a := &arena{t: t, disk: d, dir: t.TempDir(), lives: lives, folder: filepath.Join(d.inner, "spool"), table: table, said: make([]uint64, lives*goroutines)}
	a.config, a.out = filepath.Join(a.dir, "config.yaml"), filepath.Join(a.dir, "out")
	if onDisk {
		a.out = filepath.Join(d.inner, "out")
	}
	var err error
	a.marks, err = mapMarks(filepath.Join(a.dir, "marks"), lives)
	must(t, err)
	return a
}

// spool is the folder of the service.
func (a *arena) spool() string { return filepath.Join(a.folder, "cut") }

// configure writes the next life's configuration. Segments have an eighth of the
// spool's limit.
func (a *arena) configure(age string, segmentMiB int) {
	handler := fileYAML
	if a.table {
		handler = tableYAML
	}
	handler = fmt.Sprintf(handler, a.out, age)
	must(a.t, os.WriteFile(a.config, fmt.Appendf(nil, configYAML, handler, a.folder, 8*segmentMiB), 0o600))
}

// TestCut: what a log call has returned from is in the table or the file once,
// wherever the power is cut, with that on the disk that is cut and elsewhere.
func TestCut(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", *seed)
	chains := []struct {
		name                    string
		volatile, table, onDisk bool
	}{
		{"safe device/table elsewhere", false, true, false},
		{"safe device/table on it", false, true, true},
		{"safe device/file elsewhere", false, false, false},
		{"safe device/file on it", false, false, true},
		{"volatile device/table elsewhere", true, true, false},
		{"volatile device/table on it", true, true, true},
		{"volatile device/file elsewhere", true, false, false},
		{"volatile device/file on it", true, false, true},
	}
	for i, c := range chains {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(*seed, uint64(i)))
			a := newArena(t, newDisk(t, c.volatile, rng), (*cuts+len(chains)-1)/len(chains), c.table, c.onDisk)
			var seen segments
			near, aside := 0, 0
			for life := range a.lives {
				if a.live(life, &seen, time.Duration(200+rng.IntN(2300))*time.Millisecond) {
					near++
				}
				aside += a.removeDamaged()
			}
			a.drain()
			t.Logf("%d cuts, %d of them within a second of a roll; %d rolls seen, %d of them into a file that was used before; %d runs set aside",
				a.lives, near, seen.rolls, seen.reused, aside)
			a.check()
			if near < a.lives/3 || seen.reused == 0 {
				t.Error("too few cuts near a roll, or no segment was used again: this run shows too little")
			}
		})
	}
}

// live spends one life and cuts the power after a while. It reports whether the
// last roll was within a second of it.
func (a *arena) live(life int, seen *segments, after time.Duration) (near bool) {
	// What waits for its batch is in the spool only: little of it in one life, much in another.
	a.configure([]string{"20ms", "300ms", "2s"}[life%3], 1)
	c := a.spend(life, seen, after)
	near = time.Since(seen.last) < time.Second
	a.listen(life)
	a.disk.cut()
	c.kill()
	a.disk.restart()
	return near
}

// spend starts a life and returns when it has logged for a while.
func (a *arena) spend(life int, seen *segments, after time.Duration) *process {
	c := a.start(order{Config: a.config, Marks: filepath.Join(a.dir, "marks"), Lives: a.lives, Life: life})
	began := false
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end) && !c.hasEnded(); time.Sleep(10 * time.Millisecond) {
		seen.look(a.spool())
		if !began && mark(a.marks, life, 0).Load() > 0 {
			began, end = true, time.Now().Add(after)
		}
	}
	if c.hasEnded() || !began {
		c.kill()
		a.t.Fatalf("life %d logged nothing in 30 s\n%s", life, c.out.Bytes())
	}
	return c
}

// listen takes down what a life has said so far.
func (a *arena) listen(life int) {
	for g := range goroutines {
		a.said[life*goroutines+g] = mark(a.marks, life, g).Load()
	}
}

// removeDamaged clears away what was set aside, as somebody does who has looked
// at it: the disk is small.
func (a *arena) removeDamaged() int {
	aside, _ := filepath.Glob(filepath.Join(a.spool(), "damaged", "*"))
	for _, p := range aside {
		must(a.t, os.RemoveAll(p))
	}
	return len(aside)
}

// drain spends a life that delivers what all have left.
func (a *arena) drain() {
	a.configure("20ms", 1)
	c := a.start(order{Config: a.config, Drain: filepath.Join(a.spool(), "runs")})
	if err := c.wait(); err != nil {
		a.t.Fatalf("the last life failed: %v\n%s", err, c.out.Bytes())
	}
}

// process is a child.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	out   bytes.Buffer
	ended chan struct{}
	err   error // how it ended
}

func (a *arena) start(o order) *process {
	exe, err := os.Executable()
	must(a.t, err)
	spec, err := json.Marshal(o)
	must(a.t, err)
	c := &process{t: a.t, cmd: exec.Command(exe), ended: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr, c.cmd.Dir = &c.out, &c.out, a.dir
	c.cmd.Env = append(os.Environ(), orderEnv+"="+string(spec))
	must(a.t, c.cmd.Start())
	go func() {
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	a.t.Cleanup(func() { // a disk that is in use can't be unmounted
		_ = c.cmd.Process.Kill()
		<-c.ended
	})
	return c
}

func (c *process) wait() error {
	<-c.ended
	return c.err
}

func (c *process) hasEnded() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

func (c *process) kill() {
	_ = c.cmd.Process.Kill()
	c.killed()
}

// killed waits for a child that is to be killed or kills itself.
func (c *process) killed() {
	var exit *exec.ExitError
	if err := c.wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		c.t.Fatalf("a child ended by itself: %v\n%s", err, c.out.Bytes())
	}
}

// check compares what arrived with what the children were told.
func (a *arena) check() {
	type key struct{ life, g, n int64 }
	seen, ids := map[key]int{}, map[string]int{}
	wrong := 0
	read := a.lines
	if a.table {
		read = a.rows
	}
	read(func(life, g, n int64, text, id string) {
		seen[key{life, g, n}]++
		ids[id]++
		if text != pad(life, g, n) {
			wrong++
		}
	})
	said, lost, doubled, more := 0, 0, 0, len(seen)
	lostIn := map[int]int{}
	for i, marked := range a.said {
		said += int(marked)
		for n := range marked {
			if seen[key{int64(i / goroutines), int64(i % goroutines), int64(n)}] == 0 {
				lost++
				lostIn[i/goroutines]++
			}
		}
	}
	doubledIn := map[int64]int{}
	for k, n := range seen {
		if n > 1 {
			doubled++
			doubledIn[k.life]++
		}
	}
	for id, n := range ids {
		if n > 1 && a.table {
			a.t.Errorf("the record id %s comes %d times", id, n)
			break
		}
	}
	more -= said - lost
	a.t.Logf("said durable before the cut %d, of them lost %d; there besides %d; doubled %d, false %d", said, lost, more, doubled, wrong)
	if lost+doubled+wrong > 0 || said == 0 {
		a.t.Errorf("lost in lives %v, doubled in lives %v", lostIn, doubledIn)
	}
}

// rows reads the table with the sqlite3 program: another client than the one
// that wrote it.
func (a *arena) rows(each func(life, g, n int64, pad, id string)) {
	path, err := exec.LookPath("sqlite3")
	if err != nil {
		a.t.Fatal("the program sqlite3 is needed to read the rows as another client: install the package sqlite3")
	}
	cmd := exec.Command(path, "-separator", " ", a.out, "select life, g, n, pad, record_id from cuts")
	out, err := cmd.StdoutPipe()
	must(a.t, err)
	must(a.t, cmd.Start())
	s := bufio.NewScanner(out)
	for s.Scan() {
		f := strings.Fields(s.Text())
		var life, g, n int64
		if len(f) == 5 {
			_, err = fmt.Sscan(strings.Join(f[:3], " "), &life, &g, &n)
		}
		if len(f) != 5 || err != nil {
			a.t.Fatalf("row %q: %v", s.Text(), err)
		}
		each(life, g, n, f[3], f[4])
	}
	must(a.t, errors.Join(s.Err(), cmd.Wait()))
}

// lines reads the file, which has no ids. Each line must be whole.
func (a *arena) lines(each func(life, g, n int64, pad, id string)) {
	f, err := os.Open(a.out)
	must(a.t, err)
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		var r struct {
			Life, G, N int64
			Pad        string
		}
		if err := json.Unmarshal(s.Bytes(), &r); err != nil {
			a.t.Fatalf("line %q: %v", s.Text(), err)
		}
		each(r.Life, r.G, r.N, r.Pad, "")
	}
	must(a.t, s.Err())
}

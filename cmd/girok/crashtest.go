package main

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/collector"
	"github.com/girok/girok/config"
)

var crashTestCommand = command{
	name:    "crash-test",
	summary: "kill a program that logs, again and again, and count what came of it",
	help: `
crash-test shows on this machine, with the stores of a configuration, what becomes of
records when a program dies. It starts a program that logs through the spooled
handlers, from four goroutines, kills it (SIGKILL), and starts it again on the same
spool; at the end it delivers what is left and counts the rows. Each record that a log
call had returned from must be there, once.

It uses a spool and files of its own in a temporary folder; in servers and clouds a
table of its own, girok_crash_test_…, with the connection, the class and the columns
of the handler. Tables stay, since girok deletes none: it says what to drop.
A store that girok can't read is told with the query to ask it.

examples:
  girok crash-test
  girok crash-test -c /etc/shop/config.yaml --kills 100 --rate 20000

exit codes: 0 nothing is lost and nothing is doubled; 1 something is, or waits, or a mistake`,
	prepare: func(p *program, f *flag.FlagSet) func(context.Context, []string) int {
		t := crashTest{program: p}
		path := configFlag(f)
		f.IntVar(&t.kills, "kills", 20, "how often to kill")
		f.IntVar(&t.rate, "rate", 10_000, "how many records to log in a second")
		f.DurationVar(&t.patience, "patience", 30*time.Second, "give up at the end when nothing has moved for as long, `5m`")
		f.BoolVar(&t.keep, "keep", false, "keep the temporary folder")
		return func(ctx context.Context, args []string) int {
			if len(args) > 0 {
				return p.misused("crash-test", "want no operands, got %q", args)
			}
			if t.kills < 1 || t.rate < 1 {
				return p.misused("crash-test", "want --kills and --rate of at least 1")
			}
			t.config = p.configPath(*path)
			if life := p.getenv(crashLife); life != "" {
				return t.live(life)
			}
			return t.run(ctx)
		}
	},
}

const (
	crashLife  = "GIROK_CRASH_TEST_LIFE"  // which life of the program that is killed this is
	crashPlace = "GIROK_CRASH_TEST_PLACE" // its temporary folder
	// crashStart is how long a program that is killed may take to its first record.
	crashStart = time.Minute
	// crashWriters is how many goroutines log.
	crashWriters = 4
)

// crashTest is one crash-test while it lasts.
type crashTest struct {
	*program
	config      string
	kills, rate int
	patience    time.Duration
	keep        bool

	dir      string             // the temporary folder
	handlers []crashHandler     // those that are tested
	acked    map[crashKey]int64 // how many records were acknowledged
}

// crashKey is one goroutine of one life.
type crashKey struct{ life, writer int64 }

func (t *crashTest) run(ctx context.Context) int {
	dir, err := os.MkdirTemp("", "girok-crash-test-")
	if err != nil {
		return t.failed(err)
	}
	t.dir, t.acked = dir, map[crashKey]int64{}
	if !t.keep {
		defer os.RemoveAll(dir)
	}
	checked, err := girok.CheckOver(t.config, "crash-test", t.over, kinds...)
	switch {
	case err != nil:
		return t.failed(noConfig(t.config, err))
	case len(t.handlers) == 0:
		return t.failed(fmt.Errorf("%s has no spooled handler that can be tested: of one that writes in the call all that it has written survives", t.config))
	}
	for life := range t.kills {
		if err := t.kill(ctx, life); err != nil {
			return t.failed(err)
		}
		fmt.Fprintf(t.stderr, "girok: kill %d of %d: %d records were acknowledged so far\n", life+1, t.kills, t.total())
	}
	s, err := collector.Run(ctx, collector.Options{
		ConfigPath: t.config, Over: t.over, Kinds: kinds, Stderr: t.stderr, DrainOnly: true, Drain: noLimit, Patience: t.patience,
	})
	if err != nil {
		return t.failed(err)
	}
	code := exitOK
	for _, l := range s.Left {
		fmt.Fprintf(t.stderr, "girok: %s; %s\n", collector.Waits(l), t.fate())
		code = exitMistake
	}
	for i := range t.handlers {
		code = max(code, t.judge(ctx, checked, &t.handlers[i]))
	}
	if t.keep {
		fmt.Fprintf(t.stderr, "girok: the spool and files of the test are in %s\n", dir)
	}
	return code
}

// fate is what becomes of records that were not delivered.
func (t *crashTest) fate() string {
	if t.keep {
		return "the test did not deliver them, and their spool is kept"
	}
	return "the test did not deliver them, and they are removed with its spool"
}

func (t *crashTest) total() (n int64) {
	for _, k := range t.acked {
		n += k
	}
	return n
}

// kill lets the program log, kills it, and takes what it had acknowledged.
func (t *crashTest) kill(ctx context.Context, life int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, "crash-test", "-c", t.config, "--rate", strconv.Itoa(t.rate))
	cmd.Env = append(os.Environ(), fmt.Sprint(crashLife, "=", life+1), crashPlace+"="+t.dir)
	cmd.Stderr = t.stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	timer := time.AfterFunc(crashStart, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	n, err := t.listen(out, int64(life+1), func() {
		timer.Reset(time.Duration(50+rand.IntN(1000)) * time.Millisecond)
	})
	werr := cmd.Wait() // a killed one has an error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	case n == 0 || cmd.ProcessState.ExitCode() >= 0:
		return fmt.Errorf("the program that was to be killed logged %d records and ended by itself: %w", n, cmp.Or(werr, errors.New("exit code 0")))
	}
	return nil
}

// listen counts what a life acknowledges, until its pipe ends: what is in a pipe
// survives whoever wrote it.
func (t *crashTest) listen(r io.Reader, life int64, first func()) (n int, err error) {
	var b [8]byte
	for {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, fs.ErrClosed) {
				return n, nil
			}
			return n, err
		}
		if n++; n == 1 {
			first()
		}
		t.acked[crashKey{life, int64(binary.LittleEndian.Uint32(b[:]))}] = int64(binary.LittleEndian.Uint32(b[4:])) + 1
	}
}

// live is the program that is killed: each goroutine logs its numbers, and says on
// standard output what a call has returned from.
func (t *crashTest) live(life string) int {
	t.dir = t.getenv(crashPlace)
	n, err := strconv.Atoi(life)
	if err != nil {
		return t.failed(err)
	}
	logs, err := girok.OpenOver(t.config, "crash-test", t.over, kinds...)
	if err != nil {
		return t.failed(err)
	}
	log := logs.Logger(crashLogger)
	var all sync.WaitGroup
	for w := range crashWriters {
		all.Go(func() { t.write(log, n, w) })
	}
	all.Wait() // it never ends
	return exitMistake
}

func (t *crashTest) write(log *slog.Logger, life, writer int) {
	const tick = 5 * time.Millisecond
	var b [8]byte
	begun := time.Now()
	for n := 0; ; {
		due := int(time.Since(begun).Seconds() * float64(t.rate) / crashWriters)
		for ; n <= due; n++ {
			log.Info("crash test", "crash_life", life, "crash_writer", writer, "crash_n", n)
			binary.LittleEndian.PutUint32(b[:], uint32(writer))
			binary.LittleEndian.PutUint32(b[4:], uint32(n))
			if _, err := t.stdout.Write(b[:]); err != nil {
				return // nobody kills it any more
			}
		}
		time.Sleep(tick)
	}
}

// crashLogger is the logger of the records.
const crashLogger = "girok.crash_test"

// crashHandler is one handler that is tested.
type crashHandler struct {
	name, class string
	table       string
}

// over lays what a test changes over the configuration: where spool and rows lie, and
// a logger whose records go to the spooled handlers and nowhere else.
func (t *crashTest) over(doc *config.Document) []byte {
	base, err := girok.Check(t.config, kinds...)
	if err != nil {
		return []byte("version: 1\n") // its mistakes are told
	}
	t.handlers = nil
	handlers, names := map[string]any{}, []string{}
	for _, h := range base.Handlers {
		if !h.Spooled {
			continue
		}
		node := doc.Root.Get("handlers").Get(h.Name)
		keys := map[string]any{"level": "NOTSET"}
		if node.Get("filters") != nil {
			keys["filters"] = []string{}
		}
		is := crashHandler{name: h.Name, class: h.Class}
		switch place := filepath.Join(t.dir, h.Name); {
		case h.Kind.Name() == "file":
			is.table = place + ".jsonl"
			keys["filename"], keys["formatter"] = is.table, "girok_crash_test"
		case node.Get("table") != nil:
			is.table = "girok_crash_test_" + filepath.Base(t.dir)[len("girok-crash-test-"):]
			keys["table"], keys["create"], keys["columns"] = besideTable(node.Get("table").Raw(), is.table), true, crashColumns(node.Get("columns") != nil)
			if node.Get("path") != nil {
				keys["path"] = place
			}
			if h.Kind.Name() == "files" {
				keys["format"] = "ndjson"
				is.table = filepath.Join(place, is.table)
			}
		default:
			continue
		}
		handlers[h.Name] = keys
		names = append(names, h.Name)
		t.handlers = append(t.handlers, is)
	}
	over, err := json.Marshal(map[string]any{
		"version": 1, "service": "crash-test",
		"spool":      map[string]any{"dir": filepath.Join(t.dir, "spool"), "deliver": "auto", "require": true},
		"formatters": map[string]any{"girok_crash_test": map[string]any{"class": "json"}},
		"handlers":   handlers,
		"loggers":    map[string]any{crashLogger: map[string]any{"level": "INFO", "handlers": names, "propagate": false}},
	})
	if err != nil {
		panic("girok: keys that are no JSON: " + err.Error())
	}
	return over
}

// crashColumns are the columns that are counted, beside those that the handler has.
func crashColumns(has bool) map[string]any {
	columns := map[string]any{}
	for _, name := range []string{"crash_life", "crash_writer", "crash_n"} {
		columns[name] = map[string]any{"from": "attr." + name, "type": "int"}
	}
	if !has { // a partition may need the time
		columns["created_at"], columns["level"], columns["message"] = "time", "levelname", "message"
	}
	return columns
}

// besideTable is a table of another name beside table: in its schema or dataset.
func besideTable(table, name string) string {
	for i := len(table) - 1; i >= 0; i-- {
		if table[i] == '.' {
			return table[:i+1] + name
		}
	}
	return name
}

// judge says what a store has of the records.
func (t *crashTest) judge(ctx context.Context, c *girok.Checked, h *crashHandler) int {
	i := slices.IndexFunc(c.Handlers, func(is girok.CheckedHandler) bool { return is.Name == h.name })
	counts, err := countRows(ctx, c.Handlers[i], h)
	var cannot *cantCount
	if errors.As(err, &cannot) {
		fmt.Fprintf(t.stdout, "%s (%s): %d acknowledged; girok can't read it: %s\n", h.name, h.class, t.total(), cannot.ask)
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(t.stdout, "%s (%s): the rows can't be counted: %v\n", h.name, h.class, err)
		return exitMistake
	}
	var rows, lost, doubled int64
	for key, acked := range t.acked {
		n := counts[key]
		rows += n.rows
		lost += max(acked, n.last+1) - n.distinct
		doubled += n.rows - n.distinct
		delete(counts, key)
	}
	for _, n := range counts { // a goroutine of which nothing was acknowledged
		rows += n.rows
		doubled += n.rows - n.distinct
		lost += n.last + 1 - n.distinct
	}
	fmt.Fprintf(t.stdout, "%s (%s): %d acknowledged in %d lives, %d rows, lost %d, doubled %d\n", h.name, h.class, t.total(), t.kills, rows, lost, doubled)
	if lost > 0 || doubled > 0 {
		return exitMistake
	}
	return exitOK
}

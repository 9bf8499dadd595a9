//go:build linux

// Command bench measures girok against what a program would use otherwise, and
// prints one Markdown table:
//
//	go run ./bench                 from the root of the repository
//	go run ./bench -only call,file -rounds 31
//	go run ./bench -write docs/measurements.md
//
// Several lines are measured in a process each, so that none finds the heap that
// another left: the figures are those of each line alone.
//
// A figure is a ratio of a round: what is measured and its control take turns
// in the same process (or, for rows and starts, child after child), so that
// what else the machine does hits both. The table has the medians of the rounds'
// ratios and their quartiles. No figure is printed of work that does not check:
// every record that was logged is counted where it had to arrive.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
)

func main() {
	var o options
	flag.StringVar(&o.only, "only", "", "lines to measure: names or their beginnings, with commas between")
	flag.IntVar(&o.rounds, "rounds", 0, "rounds of each line; 0: as many as each line needs (15; rows 9)")
	flag.BoolVar(&o.quick, "quick", false, "seven short rounds, less data, 5 s of idling: to see that it works, not for figures")
	flag.StringVar(&o.write, "write", "", "also write the page with the figures to this file")
	flag.StringVar(&o.dir, "dir", "", "folder for spools, files and databases, on the disk to be measured; the system's for temporary files if absent")
	flag.StringVar(&o.answer, "answer", "", "write what came of it to this file, for the process that asked, and print nothing")
	flag.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of all that this process does to this file; of one line")
	list := flag.Bool("list", false, "list the lines")
	flag.Parse()
	if *list {
		for _, l := range lines {
			fmt.Printf("%-12s %s\n", l.name, l.about)
		}
		return
	}
	if err := run(&o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// lines is all that can be measured, in the order of the table.
var lines = []line{
	{"call/0", "slog call without attributes, all handlers spooled", callLine("call/0")},
	{"call/5", "the same with 5 attributes; zap, zerolog and phuslu in the same rounds", callLine("call/5")},
	{"call/10", "the same with 10 attributes", callLine("call/10")},
	{"call/bound", "the same with 5 bound attributes and 3 in the call", callLine("call/bound")},
	{"call/5x2", "the same with 5 attributes from two goroutines", callLine("call/5x2")},
	{"disabled", "slog call below the level, 5 attributes", disabledLine},
	{"file/1", "slog call to a JSON file, 5 attributes", fileLine(1)},
	{"file/2", "the same from two goroutines", fileLine(2)},
	{"cpython", "the same configurations and calls in CPython and in girok", cpythonLine},
	{"loggers", "slog, zap and zerolog: JSON, text, console, files that are put aside", loggersLine},
	{"file/spooled", "slog call to a spooled file of JSON lines, the whole way; and from an encoder", spooledFileLine},
	{"append", "append of 200 B to the spool with its checksum", appendLine},
	{"paced", "appends of 200 B at 200,000/s for two minutes: percentiles and page faults", pacedLine},
	{"rows", "rows a CPU second into SQLite from a dead run", rowsLine},
	{"rows/duckdb", "rows a CPU second into DuckDB from a dead run", duckdbLine},
	{"rows/postgres", "rows a CPU second into PostgreSQL from a dead run", postgresLine},
	{"rows/bigquery", "rows a CPU second into a fake of BigQuery from a dead run", bigqueryLine},
	{"neighbours", "two good destinations beside one that is down and a slow one: age and rate of their records", neighboursLine},
	{"arrive", "from the call to the row in PostgreSQL at 1,000 a second; own process and girok run", arriveLine},
	{"predict", "/predict of a service: what logging a prediction takes, and loses when the service is killed", predictLine},
	{"open", "Open to the first call returned with 1 GiB waiting", openLine},
	{"idle", "wake-ups, CPU and memory of a program that does nothing", idleLine},
	{"idle/1000", "CPU and wake-ups of a program that logs 1,000 records a second into SQLite", steadyLine},
	{"rivals", "other loggers with their buffered writers: calls, tails, what kills lose, weight", rivalsLine},
	{"weight", "a hello world with the library: modules and bytes", weightLine},
}

func run(o *options) error {
	b, err := newBench(o)
	if err != nil {
		return err
	}
	defer b.close()
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupts
		b.close()
		os.Exit(1)
	}()
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	wanted := slices.DeleteFunc(slices.Clone(lines), func(l line) bool { return !o.wants(l.name) })
	var rows []row
	var failed error
	for _, l := range wanted {
		measure := l.measure
		if len(wanted) > 1 {
			measure = l.apart
		} else {
			fmt.Fprintln(os.Stderr, "bench:", l.name)
		}
		r, err := measure(b)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", l.name, err))
			continue
		}
		for i := range r {
			r[i].line = l.name
		}
		rows = append(rows, r...)
	}
	if len(rows) == 0 && failed == nil {
		return fmt.Errorf("no line is named %s; -list shows them", o.only)
	}
	if o.answer != "" {
		return errors.Join(failed, writeAnswer(o.answer, rows, b.sections))
	}
	fmt.Print(markdown(rows))
	for _, s := range b.sections {
		fmt.Print("\n", s)
	}
	if o.write != "" {
		failed = errors.Join(failed, writePage(o, rows, b.sections))
	}
	return failed
}

type options struct {
	only, write, dir, profile, answer string
	rounds                            int
	quick                             bool
}

func (o *options) wants(name string) bool {
	if o.only == "" {
		return true
	}
	for want := range strings.SplitSeq(o.only, ",") {
		if name == want || !isLine(want) && strings.HasPrefix(name, want) {
			return true
		}
	}
	return false
}

func isLine(name string) bool {
	return slices.ContainsFunc(lines, func(l line) bool { return l.name == name })
}

// bench is what the lines share.
type bench struct {
	*options
	dir      string // of this run; removed at the end
	folders  int
	sections []string // further tables, of lines that need columns of their own
}

func newBench(o *options) (*bench, error) {
	dir, err := os.MkdirTemp(o.dir, "girok-bench-")
	if err != nil {
		return nil, err
	}
	return &bench{options: o, dir: dir}, nil
}

func (b *bench) close() { os.RemoveAll(b.dir) }

// folder makes a new folder.
func (b *bench) folder() (string, error) {
	b.folders++
	dir := fmt.Sprintf("%s/%d", b.dir, b.folders)
	return dir, os.Mkdir(dir, 0o700)
}

// turns is how many rounds a line has.
func (b *bench) turns(usual int) int {
	switch {
	case b.rounds > 0:
		return b.rounds
	case b.quick:
		return 7
	}
	return usual
}

// amount is n, or a part of it when it has to be quick.
func (b *bench) amount(n int) int {
	if b.quick {
		return n / 4
	}
	return n
}

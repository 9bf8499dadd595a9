//go:build linux

package main

import (
	_ "embed"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// byHand is what no run of this program measures.
//
//go:embed byhand.md
var byHand string

// writePage writes the table with what one must know to read it.
func writePage(o *options, rows []row, sections []string) error {
	var s strings.Builder
	s.WriteString("# Measurements\n\n")
	fmt.Fprintf(&s, "Made by `%s` on %s. Machine: %s. %s.\n\n", command(o), time.Now().Format("2006-01-02"), machine(), runtime.Version())
	if o.quick {
		s.WriteString("**Quick**: few rounds with little data, to see that the programs work. Not for figures.\n\n")
	}
	s.WriteString(markdown(rows))
	for _, more := range sections {
		s.WriteString("\n" + more)
	}
	s.WriteString("\n## Commands\n\nFrom the root of the repository; each line alone:\n\n")
	seen := map[string]bool{}
	for _, r := range rows {
		if !seen[r.line] {
			seen[r.line] = true
			fmt.Fprintf(&s, "- `go run ./bench -only %s`\n", r.line)
		}
	}
	s.WriteString(method)
	s.WriteString(byHand)
	return os.WriteFile(o.write, []byte(s.String()), 0o644)
}

func command(o *options) string {
	c := "go run ./bench"
	if o.only != "" {
		c += " -only " + o.only
	}
	if o.rounds > 0 {
		c += fmt.Sprintf(" -rounds %d", o.rounds)
	}
	if o.quick {
		c += " -quick"
	}
	return c + " -write " + o.write
}

// machine is what the kernel says of it.
func machine() string {
	cpu := "CPU unknown"
	info, _ := os.ReadFile("/proc/cpuinfo")
	for l := range strings.Lines(string(info)) {
		if name, ok := strings.CutPrefix(l, "model name"); ok {
			cpu = strings.TrimSpace(strings.TrimLeft(name, " \t:"))
			break
		}
	}
	var u syscall.Utsname
	_ = syscall.Uname(&u)
	var release []byte
	for _, c := range u.Release {
		if c == 0 {
			break
		}
		release = append(release, byte(c))
	}
	var si syscall.Sysinfo_t
	_ = syscall.Sysinfo(&si)
	return fmt.Sprintf("%d × %s, %d GiB, Linux %s %s", runtime.NumCPU(), cpu, uint64(si.Totalram)*uint64(si.Unit)>>30, release, runtime.GOARCH)
}

const method = `
## How it is measured

- A figure is a ratio. In each round what is measured and its control take turns in one process, in an order that
  changes; the table has the median of the rounds' ratios and, in parentheses, their quartiles. Absolute figures move
  with what else the machine does; ratios hardly do. Where quartiles are far apart, the machine was not quiet.
- Wall time of a call of one goroutine is that of the median of chunks of 250 calls (disabled: 5,000), which are
  shorter than the turn that the kernel gives a thread: most chunks have nothing in them but the calls. The mean,
  beside it, has all in it. It is the figure where loggers put files aside, which each does in each round: the median
  of chunks would leave out just that.
- Wall time of a call of two goroutines is the mean over the round, from when the first begins until the last is done,
  over the calls of both: goroutines wait for each other's locks, and a median of chunks leaves out the waiting.
- CPU is what the kernel charged: of the threads that made the calls, and of the whole process, with everything that
  girok does in the background and, where records are delivered, their delivery. Ratios are to the control's.
- *Spooled and delivered*: a destination takes every batch at once; after each turn all is delivered before the next
  begins. *Nothing reads*: the destination does not answer, the records stay in the spool.
- Every record is counted where it had to arrive, lines of files are parsed again, tables are compared row by row, or
  there is no figure.
- Why each control is fair stands beside it in the code, in the folder bench.
`

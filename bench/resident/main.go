//go:build linux

// Command resident is a small program that uses girok: bench looks at its start,
// its memory and what it does when it has nothing to do.
//
//	resident fill DIR BYTES          log so much, for a destination that refuses, and be killed
//	resident open DIR                time Open and the first call; the destination refuses
//	resident idle DIR SECONDS MODE   log 1,000 records, then count wake-ups; MODE is girok or slog
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/config"
	"github.com/girok/girok/sink"
)

const yaml = `version: 1
service: bench
spool: {dir: spool, max_bytes: 4GiB, require: true}
handlers:
  store: {class: store}
root: {level: INFO, handlers: [store]}
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "resident:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New("want fill, open or idle, and a folder")
	}
	dir := args[1]
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		return err
	}
	switch {
	case args[0] == "fill" && len(args) == 3:
		return fill(path, args[2])
	case args[0] == "open" && len(args) == 2:
		return open(path)
	case args[0] == "idle" && len(args) == 4:
		return idle(path, args[2], args[3])
	}
	return fmt.Errorf("unknown command %s", strings.Join(args, " "))
}

// store is a kind of handler that takes all records or refuses them.
func store(refuses bool) sink.Kind {
	return sink.Define("store", "for measurements", sink.None,
		storeConfig{Batch: sink.Limits{Records: 5000, Bytes: 4 << 20, Age: config.Duration(time.Second)}},
		func(context.Context, sink.Env, storeConfig) (sink.Sink, error) {
			if refuses {
				return nil, &sink.Refused{Err: errors.New("wrong password")}
			}
			return taker{}, nil
		})
}

type storeConfig struct {
	Batch sink.Limits `yaml:"batch" doc:"when a batch is cut"`
}

func (storeConfig) Endpoint(sink.Env) string { return "store" }
func (storeConfig) Target() string           { return "" }
func (c storeConfig) Limits() sink.Limits    { return c.Batch }
func (storeConfig) Guarantee() string        { return "at least once" }

type taker struct{}

func (taker) Write(context.Context, *sink.Batch) error { return nil }
func (taker) Close() error                             { return nil }

// log makes one record of about 200 bytes.
func log(l *slog.Logger, i int) {
	l.LogAttrs(context.Background(), slog.LevelInfo, "order placed",
		slog.String("user", "kim.minji@example.org"), slog.Int("order", i), slog.Float64("amount", 129.95),
		slog.Bool("gift", true), slog.String("address", "12 Sejong-daero, Jung-gu, Seoul 04524, Republic of Korea"))
}

func fill(path, size string) error {
	bytes, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		return err
	}
	logs, err := girok.Open(path, store(true))
	if err != nil {
		return err
	}
	l := logs.Logger("shop.orders")
	for i := 0; ; i++ {
		log(l, i)
		if i%10_000 != 0 {
			continue
		}
		if held, err := heldBy(filepath.Dir(path)); err != nil || held >= bytes {
			break
		}
	}
	if n := logs.Lost(); n > 0 {
		return fmt.Errorf("%d records were lost", n)
	}
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

// heldBy is the bytes of the newest run's segments.
func heldBy(dir string) (n int64, err error) {
	runs, err := filepath.Glob(filepath.Join(dir, "spool", "bench", "runs", "*"))
	if err != nil {
		return 0, err
	}
	newest, born := "", time.Time{}
	for _, r := range runs {
		if st, err := os.Stat(filepath.Join(r, "config")); err == nil && !st.ModTime().Before(born) {
			newest, born = r, st.ModTime()
		}
	}
	segs, err := filepath.Glob(filepath.Join(newest, "*.seg"))
	for _, s := range segs {
		if st, err := os.Stat(s); err == nil {
			n += st.Size()
		}
	}
	return n, err
}

// open ends without Close: its run waits like the others.
func open(path string) error {
	cpu, from := processCPU(), time.Now()
	logs, err := girok.Open(path, store(true))
	if err != nil {
		return err
	}
	log(logs.Logger("shop.orders"), 0)
	t := took{Wall: time.Since(from), CPU: processCPU() - cpu}
	if n := logs.Lost(); n > 0 {
		return fmt.Errorf("%d records were lost", n)
	}
	return t.tell()
}

func idle(path, seconds, mode string) error {
	s, err := strconv.Atoi(seconds)
	if err != nil {
		return err
	}
	l := slog.New(slog.NewJSONHandler(io.Discard, nil))
	if mode == "girok" {
		logs, err := girok.Open(path, store(false))
		if err != nil {
			return err
		}
		defer logs.Close()
		l = logs.Logger("shop.orders")
	}
	for i := range 1000 {
		log(l, i)
	}
	time.Sleep(8 * time.Second) // its batch goes out, and the background comes to rest
	cpu, before, from := processCPU(), switches(), time.Now()
	time.Sleep(time.Duration(s) * time.Second)
	t := took{Wall: time.Since(from), CPU: processCPU() - cpu}
	for id, n := range switches() {
		t.Switches += n - before[id]
	}
	if t.RssAnon, err = rssAnon(); err != nil {
		return err
	}
	return t.tell()
}

// took is what is told on standard output.
type took struct {
	Wall     time.Duration `json:"wall_ns"`
	CPU      time.Duration `json:"cpu_ns"`
	Switches int           `json:"switches"`
	RssAnon  int64         `json:"rss_anon"`
}

func (t took) tell() error { return json.NewEncoder(os.Stdout).Encode(t) }

func processCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// switches is the context switches of each thread so far.
func switches() map[string]int {
	all := map[string]int{}
	tasks, _ := filepath.Glob("/proc/self/task/*/status")
	for _, t := range tasks {
		b, err := os.ReadFile(t)
		if err != nil {
			continue // it has ended
		}
		all[t] = field(b, "voluntary_ctxt_switches:") + field(b, "nonvoluntary_ctxt_switches:")
	}
	return all
}

func rssAnon() (int64, error) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	return int64(field(b, "RssAnon:")) << 10, nil
}

// field is the number in a line of a status file; 0 if there is none.
func field(status []byte, name string) int {
	for l := range strings.Lines(string(status)) {
		f := strings.Fields(l)
		if len(f) > 1 && f[0] == name {
			n, _ := strconv.Atoi(f[1])
			return n
		}
	}
	return 0
}

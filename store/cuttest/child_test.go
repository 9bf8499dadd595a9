//go:build linux && girok_mount

package cuttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/girok/girok"
	"github.com/girok/girok/store/sqlite"
)

const goroutines = 16

// A life is one child. In a file that parent and children map it has for each
// goroutine how many of its records are said to be durable.
const rowSize = goroutines * 8

func mapMarks(path string, lives int) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size := lives * rowSize
	if err := f.Truncate(int64(size)); err != nil {
		return nil, err
	}
	return syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
}

func mark(marks []byte, life, g int) *atomic.Uint64 {
	return (*atomic.Uint64)(unsafe.Pointer(&marks[life*rowSize+g*8]))
}

// order is what a child is to do.
type order struct {
	Config, Marks string
	Lives, Life   int
	Count         int    // records of one goroutine, one after the other; 0: all goroutines, until it is killed
	Drain         string // a folder of runs: log nothing, wait until none but its own is there
}

const orderEnv = "GIROK_CUTTEST"

// TestMain runs a child instead of the tests if the environment says so.
func TestMain(m *testing.M) {
	if spec := os.Getenv(orderEnv); spec != "" {
		if err := child(spec); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func child(spec string) error {
	var o order
	if err := json.Unmarshal([]byte(spec), &o); err != nil {
		return err
	}
	logs, err := girok.Open(o.Config, sqlite.Kind)
	if err != nil {
		return err
	}
	if o.Drain != "" {
		return drain(logs, o.Drain)
	}
	marks, err := mapMarks(o.Marks, o.Lives)
	if err != nil {
		return err
	}
	log := logs.Logger("cut")
	if o.Count > 0 {
		for n := range uint64(o.Count) {
			logOne(log, o.Life, 0, n)
			mark(marks, o.Life, 0).Store(n + 1)
		}
		return errors.Join(lost(logs), syscall.Kill(os.Getpid(), syscall.SIGKILL))
	}
	var behind atomic.Bool
	for g := range goroutines {
		go func() {
			for n := uint64(0); ; n++ {
				for behind.Load() {
					time.Sleep(time.Millisecond)
				}
				logOne(log, o.Life, g, n)
				mark(marks, o.Life, g).Store(n + 1)
				if n%4 == 3 {
					time.Sleep(2 * time.Millisecond)
				}
			}
		}()
	}
	// A busy machine delivers less than is logged, and what went to make room would
	// not be there after the cut.
	for {
		time.Sleep(5 * time.Millisecond)
		if err := lost(logs); err != nil {
			return err
		}
		s := logs.Stats().Spool
		behind.Store(s.Held > s.Limit*3/4)
	}
}

// lost is an error when the spool was too small for the test.
func lost(logs *girok.Logs) error {
	if n := logs.Lost(); n > 0 {
		return fmt.Errorf("%d records were lost to a full spool", n)
	}
	return nil
}

func logOne(log *slog.Logger, life, g int, n uint64) {
	log.LogAttrs(context.Background(), slog.LevelInfo, "record",
		slog.Int("life", life), slog.Int("g", g), slog.Uint64("n", n), slog.String("pad", pad(int64(life), int64(g), int64(n))))
}

// pad is the text of a record; no other record has it. Some are long, so that
// segments fill.
func pad(life, g, n int64) string {
	r := rand.New(rand.NewPCG(uint64(life)<<32|uint64(g), uint64(n)))
	part := fmt.Sprintf("%016x", r.Uint64())
	if n%7 == 0 {
		return strings.Repeat(part, 400)
	}
	return strings.Repeat(part, 1+r.IntN(30))
}

// drain delivers what all lives have left, and waits until their runs are gone.
func drain(logs *girok.Logs, runs string) error {
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		// A folder without config is no run: its birth was cut short.
		left, err := filepath.Glob(filepath.Join(runs, "*", "config"))
		if err != nil {
			return err
		}
		if len(left) <= 1 {
			return logs.Close()
		}
	}
	return fmt.Errorf("runs are left after two minutes: %+v", logs.Stats())
}

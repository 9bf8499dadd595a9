//go:build unix

package killtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/girok/girok"
	"github.com/girok/girok/internal/bqtest"
	"github.com/girok/girok/internal/pgtest"
	"github.com/girok/girok/sink/files"
	"github.com/girok/girok/store/bigquery"
	"github.com/girok/girok/store/duckdb"
	"github.com/girok/girok/store/postgres"
	"github.com/girok/girok/store/sqlite"
)

const (
	goroutines = 4
	// badEvery: this many records apart, one does not fit its column.
	badEvery = 97
	// wideEvery: and one is so long that segments fill.
	wideEvery = 7
)

// A life is one child. It has a row of marks in a file that parent and children
// map: for each goroutine how many of its calls have returned.
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

func returned(marks []byte, life, g int) uint64 {
	return binary.LittleEndian.Uint64(marks[life*rowSize+g*8:])
}

// TestMain runs a child instead of the tests if the environment says so.
func TestMain(m *testing.M) {
	if spec := os.Getenv("GIROK_KILLTEST"); spec != "" {
		if err := child(spec); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		return
	}
	if config := os.Getenv("GIROK_RESTART"); config != "" {
		fmt.Fprintln(os.Stderr, "child:", losesAnswer(config))
		os.Exit(1)
	}
	if spec := os.Getenv("GIROK_REPLAY"); spec != "" {
		if err := replays(spec); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		return
	}
	if spec := os.Getenv("GIROK_REDIRECT"); spec != "" {
		if err := redirects(spec); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	pgtest.StopShared()
	bqtest.StopShared()
	os.Exit(code)
}

// plays runs this program for a part that the environment gives it, up to its end: that
// by SIGKILL, or a good one.
func plays(t testing.TB, killed bool, env ...string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if killed != wasKilled(err) || !killed && err != nil {
		t.Fatalf("%v: killed is to be %v, and it is %v\n%s", env, killed, err, out)
	}
}

func wasKilled(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
}

// child is one life: config, marks, number of lives, own number, folder of the runs,
// part. The life with number -1 only drains.
func child(spec string) error {
	part := strings.Split(spec, "\n")
	lives, _ := strconv.Atoi(part[2])
	life, _ := strconv.Atoi(part[3])
	marks, err := mapMarks(part[1], lives)
	if err != nil {
		return err
	}
	if len(part) > 6 {
		return oneOfMany(part[0], part[5], part[6], marks, life)
	}
	logs, err := girok.Open(part[0], files.Kind, sqlite.Kind, duckdb.Kind, postgres.Kind, bigquery.Kind)
	if err != nil {
		return err
	}
	if life < 0 {
		return drain(logs, part[4])
	}
	if part[5] == "true" {
		go reload(logs, part[0])
	}
	logAll(logs, marks, life, 3*time.Second, 2*time.Millisecond)
	return logs.Close()
}

// logAll logs from several goroutines for so long, with pauses.
func logAll(logs *girok.Logs, marks []byte, life int, long, pause time.Duration) {
	var wg sync.WaitGroup
	stop := time.Now().Add(long)
	for g := range goroutines {
		wg.Go(func() { logUntil(logs.Logger("kill"), marks, life, g, stop, pause) })
	}
	wg.Wait()
}

// reload applies two configurations in turn, which differ in what a run keeps.
func reload(logs *girok.Logs, path string) {
	text, err := os.ReadFile(path)
	for i := 0; err == nil; i++ {
		time.Sleep(20 * time.Millisecond)
		err = logs.ReloadBytes(path, bytes.Replace(text, []byte("age: 20ms"), fmt.Appendf(nil, "age: %dms", 20+i%2), 1))
	}
	if !strings.Contains(err.Error(), "logging has ended") {
		fmt.Fprintln(os.Stderr, "child: reload:", err)
		os.Exit(1)
	}
}

var wide = strings.Repeat("wide ", 500)

// daysEnv is set where records are of three days.
const daysEnv = "GIROK_KILLTEST_DAYS"

// logUntil logs numbered records and marks each once its call has returned.
func logUntil(log *slog.Logger, marks []byte, life, g int, stop time.Time, pause time.Duration) {
	m := mark(marks, life, g)
	ctx := context.Background()
	several := os.Getenv(daysEnv) != ""
	for n := uint64(0); time.Now().Before(stop); n++ {
		num, pad := slog.Uint64("n", n), ""
		if n%badEvery == badEvery-1 {
			num = slog.String("n", fmt.Sprintf("bad %d", n))
		}
		if n%wideEvery == 0 {
			pad = wide
		}
		attrs := [...]slog.Attr{slog.Int("life", life), slog.Int("g", g), num, slog.String("pad", pad)}
		if several {
			r := slog.NewRecord(time.Now().AddDate(0, 0, int(n%3)), slog.LevelInfo, "record", 0)
			r.AddAttrs(attrs[:]...)
			_ = log.Handler().Handle(ctx, r) // as LogAttrs: what is not kept is counted
		} else {
			log.LogAttrs(ctx, slog.LevelInfo, "record", attrs[:]...)
		}
		m.Store(n + 1)
		if n%10 == 9 {
			time.Sleep(pause)
		}
	}
}

// drain delivers what all lives have left, and waits until their runs are gone.
func drain(logs *girok.Logs, runs string) error {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		// A folder without config is no run: its birth was cut short.
		left, err := filepath.Glob(filepath.Join(runs, "*", "config"))
		if err != nil {
			return err
		}
		if len(left) <= 1 {
			logs.Logger("tidy").Info("a batch") // after it, what a kill has left of rotation is finished
			return logs.Close()
		}
	}
	return fmt.Errorf("runs are left after %v: %+v", patience, logs.Stats())
}

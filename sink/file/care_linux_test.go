package file

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// allLines are the lines of a file and of what was put aside of it, compressed or
// not, and how many files there are of each.
func allLines(t *testing.T, path string) (lines map[string]int, plain, packed int) {
	t.Helper()
	names, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	lines = map[string]int{}
	for _, name := range names {
		f, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has another name by now
		}
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(suffixes, filepath.Ext(name)) {
			packed++
		} else {
			plain++
		}
		for s := bufio.NewScanner(unpacked(t, name, f)); s.Scan(); {
			lines[s.Text()]++
		}
		f.Close()
	}
	return lines, plain, packed
}

// until waits for what another goroutine does.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within a minute: " + what)
		}
	}
}

func TestRotatedFilesAreCompressed(t *testing.T) {
	for _, name := range []string{"gzip", "zstd"} {
		t.Run(name, func(t *testing.T) { rotatedFilesAreCompressed(t, packingOf(t, name)) })
	}
}

func rotatedFilesAreCompressed(t *testing.T, p *Packing) {
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path+".2", []byte("old\n"), 0o640); err != nil { // left by a kill
		t.Fatal(err)
	}
	r := NewRotating(Options{Path: path, Format: plain(t)}, RotatingOptions{MaxBytes: 2000, Backups: 5, Care: Care{Packing: p, Report: func(msg string, args ...any) { t.Error(msg, args) }}})
	if err := r.Open(); err != nil {
		t.Fatal(err)
	}
	until(t, "what was there is compressed", func() bool { _, err := os.Stat(path + ".2" + p.suffix); return err == nil && !exists(path+".2") })
	const lines = 1000 // 100 to a file
	for i := range lines {
		if err := r.Handle(message(t, fmt.Sprintf("line %014d", i))); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "all are compressed", func() bool { _, plain, packed := allLines(t, path); return plain == 1 && packed == 5 })
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	got, _, _ := allLines(t, path)
	for i := lines - 500; i < lines; i++ {
		if got[fmt.Sprintf("line %014d", i)] != 1 {
			t.Fatalf("line %d stands there %d times", i, got[fmt.Sprintf("line %014d", i)])
		}
	}
	if got["old"] != 0 {
		t.Error("the oldest is still there")
	}
	if half, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); half != nil {
		t.Errorf("left behind: %q", half)
	}
}

func TestTimedFilesAreCompressedAndGo(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	now := time.Unix(1709646306, 0)
	for _, name := range []string{"a.2024-01-01", "a.2023-01-01", "a.other"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name+"\n"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "a.2023-01-01"), long, long); err != nil {
		t.Fatal(err)
	}
	when, err := ParseWhen("D")
	if err != nil {
		t.Fatal(err)
	}
	h := NewTimed(Options{Path: path, Format: plain(t)}, TimedOptions{When: when, Interval: 1, UTC: true, Now: func() time.Time { return now }, Care: Care{Packing: packingOf(t, "zstd"), MaxAge: 24 * time.Hour}})
	if err := h.Open(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := h.Handle(message(t, "x")); err != nil {
			t.Fatal(err)
		}
		now = time.Unix(h.due.Load(), 0)
	}
	until(t, "all are compressed", func() bool { _, plain, packed := allLines(t, path); return plain == 2 && packed == 2 })
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if exists(filepath.Join(dir, "a.2023-01-01")) || !exists(filepath.Join(dir, "a.2024-01-01.zst")) || !exists(filepath.Join(dir, "a.other")) {
		t.Errorf("got %s", folder(t, dir))
	}
}

// rotatingChild is set in the processes that write and are killed.
const rotatingChild = "GIROK_TEST_ROTATING"

func TestRotatingChild(t *testing.T) {
	path := os.Getenv(rotatingChild)
	if path == "" {
		t.Skip("for the processes of other tests")
	}
	r := NewRotating(Options{Path: path, Format: plain(t)}, RotatingOptions{
		MaxBytes: 8000, Backups: 300, Care: Care{Packing: packingOf(t, []string{"gzip", "zstd"}[os.Getpid()%2]), Shared: func(pid int) { fmt.Println("shared", pid) }},
	})
	if err := r.Open(); err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		line := fmt.Sprintf("%d-%d", os.Getpid(), i)
		if err := r.Handle(message(t, line)); err != nil {
			t.Fatal(err)
		}
		fmt.Println(line) // it has returned
	}
}

// Two processes write, put aside and compress one file, and are killed again and
// again: each line is there once, and each says that the other has the file.
func TestRotatingSurvivesKills(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	kills := 6
	if testing.Short() {
		kills = 2
	}
	acknowledged, shared := map[string]bool{}, 0
	for range kills {
		var outs [2]bytes.Buffer
		var cmds [2]*exec.Cmd
		for i := range cmds {
			cmds[i] = exec.Command(os.Args[0], "-test.run", "^TestRotatingChild$")
			cmds[i].Env = append(os.Environ(), rotatingChild+"="+path)
			r, err := cmds[i].StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmds[i].Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := io.CopyN(&outs[i], r, 40_000); err != nil { // then it waits for us, in a window that chance picks
				t.Fatal(err)
			}
			defer r.Close()
		}
		for i := range cmds {
			if err := cmds[i].Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			_ = cmds[i].Wait()
			all := outs[i].String()
			for line := range strings.Lines(all[:strings.LastIndexByte(all, '\n')+1]) {
				if line = strings.TrimSpace(line); strings.HasPrefix(line, "shared") {
					shared++
				} else {
					acknowledged[line] = true
				}
			}
		}
	}
	last := NewRotating(Options{Path: path, Format: plain(t)}, RotatingOptions{MaxBytes: 8000, Backups: 300, Care: Care{Packing: packingOf(t, "zstd")}})
	if err := last.Open(); err != nil {
		t.Fatal(err)
	}
	until(t, "what the kills left is finished", func() bool { _, plain, _ := allLines(t, path); return plain == 1 })
	if err := last.Close(); err != nil {
		t.Fatal(err)
	}
	got, _, packed := allLines(t, path)
	lost, doubled := 0, 0
	for line := range acknowledged {
		switch n := got[line]; {
		case n == 0:
			lost++
		case n > 1:
			doubled++
		}
	}
	t.Logf("%d lines, %d compressed files, told %d times that the file is shared", len(acknowledged), packed, shared)
	if lost > 0 || doubled > 0 || len(acknowledged) < 1000 || packed == 0 || shared == 0 {
		t.Errorf("lost %d, doubled %d of %d", lost, doubled, len(acknowledged))
	}
}

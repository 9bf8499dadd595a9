package console

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/girok/girok/format"
	"github.com/girok/girok/record"
	"golang.org/x/sys/unix"
)

// stuckStreams are streams that nobody reads, and who could.
func stuckStreams(t *testing.T) map[string][2]*os.File {
	t.Helper()
	all := map[string][2]*os.File{}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	all["pipe"] = [2]*os.File{w, r}
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	all["socket"] = [2]*os.File{os.NewFile(uintptr(pair[0]), "socket"), os.NewFile(uintptr(pair[1]), "other")}
	if master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0); err == nil {
		n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
			t.Fatal(err)
		}
		tty, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|syscall.O_NOCTTY, 0)
		if err == nil {
			all["terminal"] = [2]*os.File{tty, master}
		}
	}
	for _, ends := range all {
		t.Cleanup(func() { ends[0].Close(); ends[1].Close() })
	}
	return all
}

// A stream that nobody reads stops nobody: records are dropped, and when it moves
// again it is told how many.
func TestDropsWhatNobodyReads(t *testing.T) {
	text, err := format.New("%(levelname)s %(name)s %(message)s %(records)s", "", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	for name, ends := range stuckStreams(t) {
		for _, own := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " own ", own), func(t *testing.T) {
				h := NewDropping(ends[0], text, "\n")
				if !own { // as when the stream is somebody else's
					h.Close()
					h = NewDropping(ends[0], text, "\n")
					h.out = Patient(ends[0])
				}
				v := view(t, strings.Repeat("x", 200))
				end := fmt.Sprint("the end, own ", own)
				const calls = 5000 // 1 MB: no stream holds so much
				for range calls {
					if err := h.Handle(v); err != nil {
						t.Fatal(err)
					}
				}
				dropped := h.Dropped()
				if dropped == 0 || h.Failed() != dropped || h.Written()+dropped != calls {
					t.Fatalf("dropped %d, failed %d, written %d", dropped, h.Failed(), h.Written())
				}
				read := make(chan []byte)
				go func() {
					var all []byte
					buf := make([]byte, 1<<16)
					for !bytes.Contains(all, []byte(end)) {
						n, err := ends[1].Read(buf)
						all = append(all, buf[:n]...)
						if err != nil {
							break
						}
					}
					read <- all
				}()
				var got []byte
				for got == nil { // until it moves
					if err := h.Handle(view(t, end)); err != nil {
						t.Fatal(err)
					}
					select {
					case got = <-read:
					default:
						runtime.Gosched()
					}
				}
				told := uint64(0)
				for line := range strings.Lines(string(got)) {
					if rest, ok := strings.CutPrefix(line, "WARNING girok.gap records were dropped: the stream took nothing "); ok {
						n, err := strconv.ParseUint(strings.TrimSpace(rest), 10, 64)
						if err != nil {
							t.Fatal(err)
						}
						told += n
					}
				}
				if told < dropped {
					t.Errorf("dropped %d, told %d", dropped, told)
				}
				if err := h.Close(); err != nil {
					t.Error(err)
				}
				if _, err := ends[0].Stat(); err != nil {
					t.Errorf("the stream is closed: %v", err)
				}
			})
		}
	}
}

// A regular file is written as it is.
func TestPatientFile(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if Patient(f) != io.Writer(f) || ownPatient(f) != io.Writer(f) {
		t.Error("a file was opened again")
	}
}

func view(tb testing.TB, message string) *record.View {
	tb.Helper()
	e := record.NewEncoder(nil)
	defer e.Release()
	e.Begin(&record.Header{Level: record.Info, Time: time.Unix(0, 0), Logger: "a", Message: message})
	v := new(record.View)
	if err := v.Parse(bytes.Clone(e.Finish())); err != nil {
		tb.Fatal(err)
	}
	return v
}

package spool

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A process of Python logs once for each line that it is given, and tells the run.
const pythonLogs = `
import logging, sys
from girok import Handler
from girok._record import Encoder
from girok._spool import Writer
w = Writer(sys.argv[1], {"service": "shop", "handlers": [{"bit": 0, "name": "h", "class": "sqlite", "keys": {}}]}, Encoder())
log = logging.Logger("shop")
log.addHandler(Handler(w, 0))
log.info("first")
print(w._run.path, flush=True)
for line in sys.stdin:
    log.info(line.strip())
`

// A process of Python is heard again and again, also when somebody has cut its page
// off, and when it is killed.
func TestBellOfPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("NOT TESTED, needs python3: that the Python package rings")
	}
	cmd := exec.Command(python, "-c", pythonLogs, t.TempDir())
	cmd.Env = append(os.Environ(), "PYTHONPATH=../python")
	cmd.Stderr = os.Stderr
	in, out := must2(cmd.StdinPipe()), must2(cmd.StdoutPipe())
	must(t, cmd.Start())
	defer func() { _ = cmd.Wait() }()
	defer func() { _ = cmd.Process.Kill() }()
	path, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	run, e := look(t, strings.TrimSpace(path)), newEar()
	stop, rings := run.Listen(e.hear)
	defer stop()
	if !rings || !run.Alive() {
		t.Fatalf("it rings: %v, is alive: %v", rings, run.Alive())
	}
	r := run.Reader(0)
	defer r.Close()
	if got := readAll(t, r); len(got.refs) != 1 {
		t.Fatalf("%d records at the start, want 1", len(got.refs))
	}
	if end := run.End(); end != r.FramesEnd() || run.Waiting(0, end) != end-headerSize {
		t.Errorf("it ends at %d, want %d; %d bytes wait", end, r.FramesEnd(), run.Waiting(0, end))
	}
	for n := range 5 {
		if n == 3 {
			must(t, os.Truncate(filepath.Join(run.path, countersFile), 0))
		}
		if asked := run.Await(); !asked && n < 3 {
			t.Error("who asks first has to look")
		}
		_, err := io.WriteString(in, "another\n")
		must(t, err)
		e.await(t, "a record")
		if got := readAll(t, r); len(got.refs) != 1 {
			t.Fatalf("%d records are there when the bell is heard", len(got.refs))
		}
	}
	must(t, cmd.Process.Kill())
	for end := time.Now().Add(patience); run.Alive(); {
		e.await(t, "the end")
		if time.Now().After(end) {
			t.Fatal("its end is not seen")
		}
	}
}

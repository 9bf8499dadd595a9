package deliver

import (
	"bufio"
	"os"
	"os/exec"
	"testing"
	"time"
)

// A process of Python and its child, which log once for each line that they are given.
const pythonLogs = `
import logging, os, sys
from girok import Handler
from girok._record import Encoder
from girok._spool import Writer
w = Writer(sys.argv[1], {"service": "svc", "dir": sys.argv[1], "handlers": [{"bit": 0, "name": "h0", "class": "fake", "keys": {"class": "fake", "at": "a"}}]}, Encoder())
log = logging.Logger("svc")
log.addHandler(Handler(w, 0))
log.info("m0")
told, tell = os.pipe()
child = os.fork()
if child == 0:
    os.close(tell)
    log.info("m1")
    print("child", flush=True)
    for n, _ in enumerate(os.fdopen(told)):
        log.info("m%d" % (3 + 2 * n))
    os.kill(os.getpid(), 9)
for n, line in enumerate(sys.stdin):
    log.info("m%d" % (2 + 2 * n))
    os.write(tell, line.encode())
os.close(tell)
os.wait()
os.kill(os.getpid(), 9)
`

// Nobody looks for an hour, and what Python writes is delivered when it comes: the
// process tells of it, so does its child of a run of its own, and the kernel of the
// end of both, which are killed.
func TestPythonIsHeard(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("NOT TESTED, needs python3: that the Python package rings")
	}
	dir, s := t.TempDir(), newStore()
	cmd := exec.Command(python, "-c", pythonLogs, dir)
	cmd.Env = append(os.Environ(), "PYTHONPATH=../python")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	defer in.Close()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	p := start(t, dir, 0, one(s), "a")
	p.d.pace.Scan, p.d.pace.Idle = time.Hour, time.Hour
	p.d.Start()
	eventually(t, "what was there is delivered", func() bool { return s.count() == 2 })
	for n := range 5 {
		if _, err := in.Write([]byte("\n")); err != nil {
			t.Fatal(err)
		}
		eventually(t, "both records are delivered", func() bool { return s.count() == 2*n+4 })
	}
	in.Close()
	eventually(t, "the dead runs are drained", func() bool { return len(runFolders(t, dir)) == 1 })
	p.stop()
	once(t, s, 12)
}

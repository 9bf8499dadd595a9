//go:build unix

// Package bqtest runs an emulator of BigQuery for tests, as a child of the test and
// in a folder of its own: bqemulator, with what it gets wrong mended (emulator.py).
package bqtest

import (
	"bytes"
	_ "embed"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

//go:embed emulator.py
var program []byte

// Emulator is one that runs.
type Emulator struct {
	REST string // base address of the REST API
	GRPC string // address of the Storage Write API
	dir  string
	cmd  *exec.Cmd
	done chan struct{} // closed when cmd has ended
}

var (
	once   sync.Once
	shared *Emulator
	failed error
)

// startLimit is how long the emulator may take to answer.
const startLimit = 2 * time.Minute

// Shared is the emulator of the test program; StopShared ends it. Without a Python
// that has it the test is skipped; where CI=true it fails. GIROK_BQ_PYTHON names the
// Python; else it is that of a virtual environment in the user's cache, which the
// script test at the root of the repository makes.
func Shared(t testing.TB) *Emulator {
	t.Helper()
	python := Python()
	if _, err := os.Stat(python); err != nil {
		if os.Getenv("CI") != "true" {
			t.Skipf("BIGQUERY'S EMULATOR WAS NOT MET: %v; ./test installs it", err)
		}
		t.Fatal(err)
	}
	once.Do(func() {
		for range 3 { // a port may be somebody else's by the time that it is used
			if shared, failed = start(python); failed == nil {
				return
			}
		}
	})
	if failed != nil {
		t.Fatal(failed)
	}
	return shared
}

// Python is the Python that the emulator is run by.
func Python() string {
	if p := os.Getenv("GIROK_BQ_PYTHON"); p != "" {
		return p
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "no cache folder"
	}
	return filepath.Join(cache, "girok", "bqemulator-1.4.0", "bin", "python")
}

// StopShared ends the emulator, if there is one.
func StopShared() {
	if shared == nil {
		return
	}
	shared.stop()
}

func (e *Emulator) stop() {
	_ = e.cmd.Process.Kill()
	<-e.done
	os.RemoveAll(e.dir)
}

func start(python string) (_ *Emulator, err error) {
	e := &Emulator{done: make(chan struct{})}
	if e.dir, err = os.MkdirTemp("", "girok-bigquery-"); err != nil {
		return nil, err
	}
	script := filepath.Join(e.dir, "emulator.py")
	if err := os.WriteFile(script, program, 0o600); err != nil {
		return nil, err
	}
	ports := [2]int{}
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		ports[i] = l.Addr().(*net.TCPAddr).Port
		l.Close()
	}
	e.REST = fmt.Sprintf("http://127.0.0.1:%d/bigquery/v2", ports[0])
	e.GRPC = fmt.Sprintf("127.0.0.1:%d", ports[1])
	var out bytes.Buffer
	e.cmd = exec.Command(python, script, "start", "--rest-port", fmt.Sprint(ports[0]), "--grpc-port", fmt.Sprint(ports[1]),
		"--persistent", "--data-dir", filepath.Join(e.dir, "data"), "--project", "p", "--log-level", "error")
	e.cmd.Env = append(os.Environ(), "BQEMU_ENABLE_FORMAT_EXTENSIONS=false", "BQEMU_GCS_LOCAL_ROOT="+e.dir)
	e.cmd.Stdout, e.cmd.Stderr = &out, &out
	e.cmd.SysProcAttr = attributes()
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = e.cmd.Wait(); close(e.done) }()
	if !e.answers() {
		e.stop()
		return nil, fmt.Errorf("the emulator does not start: %s", out.Bytes())
	}
	return e, nil
}

// answers waits until it does; false if it ended, or took too long.
func (e *Emulator) answers() bool {
	client := &http.Client{Timeout: startLimit / 4}
	for end := time.Now().Add(startLimit); time.Now().Before(end); {
		if resp, err := client.Get(e.REST + "/projects/p/datasets"); err == nil {
			resp.Body.Close()
			return true
		}
		select {
		case <-e.done:
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
	return false
}

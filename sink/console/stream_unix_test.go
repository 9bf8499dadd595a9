//go:build unix

package console

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

const childEnv = "GIROK_TEST_CONSOLE_CHILD"

// child runs this test again in a program whose standard output is f, and
// returns what it says on standard error and how it ended.
func child(t *testing.T, f *os.File) (string, error) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), childEnv+"=1")
	cmd.Stdout = f
	said, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = said
	runErr := cmd.Run()
	b, err := os.ReadFile(said.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b), runErr
}

// TestBrokenPipe: a program whose reader is gone (`| head`) goes on.
func TestBrokenPipe(t *testing.T) {
	if os.Getenv(childEnv) != "" {
		h := New(Stdout(), plain(t))
		err := h.Handle(message(t, "hello"))
		fmt.Fprintf(os.Stderr, "broken=%v failed=%d", errors.Is(err, syscall.EPIPE), h.Failed())
		os.Exit(0)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	if said, err := child(t, w); err != nil || said != "broken=true failed=1" {
		t.Errorf("the child said %q, ended with %v", said, err)
	}
}

// TestFullPipe: a pipe that somebody made non-blocking and nobody reads for a
// while makes a call wait, and fail only after a second.
func TestFullPipe(t *testing.T) {
	if os.Getenv(childEnv) != "" {
		h := New(Stdout(), plain(t))
		if err := syscall.SetNonblock(1, true); err != nil {
			panic(err)
		}
		start, n := time.Now(), 0
		var err error
		for ; err == nil; n++ {
			err = h.Handle(message(t, fmt.Sprintf("%01023d", n)))
		}
		fmt.Fprintf(os.Stderr, "full=%v waited=%v", errors.Is(err, syscall.EAGAIN), time.Since(start) > patience)
		os.Exit(0)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if said, err := child(t, w); err != nil || said != "full=true waited=true" {
		t.Errorf("the child said %q, ended with %v", said, err)
	}
}

//go:build girok_crash

// Package crash names the windows in which a process may be killed, so that the
// kill test can aim at each. In an ordinary build the calls compile to nothing.
package crash

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// Enabled reports whether windows are compiled in.
const Enabled = true

var (
	aim  = Window(-1)
	left atomic.Int64
)

// GIROK_CRASH=window:n kills the process when it comes to the window for the
// nth time.
func init() {
	name, n, _ := strings.Cut(os.Getenv("GIROK_CRASH"), ":")
	w, ok := Parse(name)
	if !ok {
		return
	}
	times, err := strconv.Atoi(n)
	if err != nil || times < 1 {
		times = 1
	}
	aim = w
	left.Store(int64(times))
}

// At marks a window.
func At(w Window) {
	if w == aim && left.Add(-1) == 0 {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way; nothing more may happen
	}
}

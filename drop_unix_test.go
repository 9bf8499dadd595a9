//go:build unix

package girok

import (
	"os"
	"strings"
	"testing"
)

// A console whose stream nobody reads holds no call up with mode: drop, and Close
// neither; what was dropped is counted.
func TestConsoleDrops(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	stdout := os.Stdout
	os.Stdout = w
	defer func() { os.Stdout = stdout }()
	logs, err := OpenBytes("test", []byte("version: 1\nhandlers: {c: {class: console, stream: ext://sys.stdout, mode: drop}}\nroot: {level: INFO, handlers: [c]}"))
	if err != nil {
		t.Fatal(err)
	}
	log := logs.Logger("a")
	long := strings.Repeat("x", 1000)
	const calls = 1000 // 1 MB, and a pipe holds 64 KiB
	for range calls {
		log.Info(long)
	}
	if s := logs.Stats().Direct[0]; s.Dropped == 0 || s.Written == 0 || s.Dropped+s.Written != calls || s.Failed != s.Dropped {
		t.Errorf("%+v", s)
	}
	if err := logs.Close(); err != nil {
		t.Error(err)
	}
}

package console

import (
	"os"
	"testing"
)

// Only a terminal has colours, and not if somebody does not want them.
func TestTerminal(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	tty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no terminal can be had: ", err)
	}
	defer tty.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, tt := range []struct {
		f    *os.File
		want bool
	}{{tty, true}, {null, false}, {file, false}} {
		if got := Terminal(stream(tt.f)); got != tt.want {
			t.Errorf("%s: %v", tt.f.Name(), got)
		}
	}
	if !Terminal(descriptor{tty, 1}) {
		t.Error("a standard stream that is a terminal is none")
	}
	t.Setenv("NO_COLOR", "1")
	if Terminal(tty) {
		t.Error("NO_COLOR means nothing")
	}
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "dumb")
	if Terminal(tty) {
		t.Error("TERM=dumb means nothing")
	}
}

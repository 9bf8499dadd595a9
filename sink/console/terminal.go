package console

import (
	"io"
	"os"
)

// Terminal reports whether somebody may look at a stream that Stdout or Stderr
// returned, and wants colours: it is a terminal, and neither NO_COLOR is set nor is
// TERM dumb.
func Terminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if d, isStream := out.(fileOf); isStream {
		f, ok = d.of(), true
	}
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	st, err := f.Stat()
	if err != nil || st.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(st, null)
}

// fileOf is a stream that is not written through its file.
type fileOf interface{ of() *os.File }

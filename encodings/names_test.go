package encodings

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/text/unicode/runenames"

	"github.com/girok/girok/sink/file"
)

// named asks CPython what namereplace makes of each character.
const named = `
import unicodedata
for c in list(range(0x80, 0xd800)) + list(range(0xe000, 0x33000)) + list(range(0xe0000, 0xe0200)):
    print('%x' % c, unicodedata.category(chr(c)), chr(c).encode('ascii', 'namereplace').decode(), sep='\t')
`

// TestNamesAgainstPython compares all characters that both know: a CPython may have an
// older Unicode, or a newer one.
func TestNamesAgainstPython(t *testing.T) {
	e, err := file.NewEncoding("ascii", "namereplace", Names)
	if err != nil {
		t.Fatal(err)
	}
	python := os.Getenv("GIROK_PYTHON")
	if python == "" {
		python = "python3"
	}
	out, err := exec.Command(python, "-c", named).Output()
	if err != nil {
		why := "NOT TESTED, needs python3: that namereplace has CPython's names"
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	compared, bad := 0, 0
	for lines := bufio.NewScanner(strings.NewReader(string(out))); lines.Scan() && bad < 10; {
		f := strings.Split(lines.Text(), "\t")
		c, err := strconv.ParseUint(f[0], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.Line(nil, []byte(string(rune(c))))
		if err != nil {
			t.Fatal(err)
		}
		if f[1] == "Cn" || runenames.Name(rune(c)) == "" {
			continue
		}
		if compared++; string(got) != f[2] {
			bad++
			t.Errorf("U+%04X is %s, CPython has %s", c, got, f[2])
		}
	}
	if compared < 140_000 {
		t.Errorf("%d characters were compared", compared)
	}
}

// Without the names it is a mistake of the configuration, also if nothing is lacked.
func TestNamesAreAskedFor(t *testing.T) {
	if _, err := file.NewEncoding("ascii", "namereplace", All); err == nil || !strings.Contains(err.Error(), "encodings.Names") {
		t.Errorf("%v", err)
	}
	if _, err := file.NewEncoding("namereplace", "", All, Names); err == nil || !strings.Contains(err.Error(), "unknown encoding") {
		t.Errorf("%v", err)
	}
	e, err := file.NewEncoding("cp949", "namereplace", All, Names)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := e.Line(nil, []byte("aé")); err != nil || string(got) != `a\N{LATIN SMALL LETTER E WITH ACUTE}` {
		t.Errorf("%s, %v", got, err)
	}
}

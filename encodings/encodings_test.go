package encodings

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/girok/girok/sink/file"
)

// table asks CPython for the bytes of the characters that an encoding has; of those
// behind the word far also the second plane of ideographs.
const table = `
import sys
far = []
for name in sys.argv[1:]:
    if name == 'far':
        far = list(range(0x20000, 0x30000))
        continue
    for c in list(range(0xd800)) + list(range(0xe000, 0x10100)) + list(range(0x1f600, 0x1f620)) + far + [0x10ffff]:
        b = chr(c).encode(name, 'ignore')  # none is encoded as nothing
        if b: print(name, '%x' % c, b.hex())
`

// TestAgainstPython compares the characters of the first plane and of the second of
// ideographs, and some beyond.
func TestAgainstPython(t *testing.T) {
	names := append(slices.Sorted(maps.Keys(bytes)), slices.Sorted(maps.Keys(rows))...)
	names = append(names, "far")
	names = append(names, slices.Sorted(maps.Keys(several))...)
	names = append(names, "utf_16_le", "utf_16_be", "utf_32_be")
	python := os.Getenv("GIROK_PYTHON")
	if python == "" {
		python = "python3"
	}
	cmd := exec.Command(python, append([]string{"-c", table}, names...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		why := "NOT TESTED, needs python3: that encodings have CPython's bytes"
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	want := map[string]map[rune]string{}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		f := strings.Fields(lines.Text())
		c, err := strconv.ParseUint(f[1], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		if want[f[0]] == nil {
			want[f[0]] = map[rune]string{}
		}
		want[f[0]][rune(c)] = f[2]
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if name == "far" {
			continue
		}
		e, ok := find(name)
		if !ok {
			o, err := file.NewEncoding(name, "")
			if err != nil {
				t.Fatal(err)
			}
			e = *o
		}
		if len(want[name]) < 80 {
			t.Fatalf("%s: CPython has %d characters", name, len(want[name]))
		}
		bad := 0
		var in, room [64]byte
		for c := rune(0); c <= 0x10ffff && bad < 10; c++ {
			switch {
			case c == 0x10100:
				c = 0x1f600
			case c == 0x1f620 && bytes[name] == nil && rows[name] == "":
				c = 0x20000
			case c == 0x1f620:
				c = 0x10ffff
			case c == 0x30000:
				c = 0x10ffff
			}
			if c >= 0xd800 && c < 0xe000 || private(c) && (name == "gb18030" || name == "cp932") || name == "cp1255" && c == 0x5ba {
				continue // no characters; see the package; one more than CPython has
			}
			got := ""
			if b, err := e.Line(room[:0], utf8.AppendRune(in[:0], c)); err == nil {
				if got = hex.EncodeToString(b); got == "" {
					got = "nothing"
				}
			}
			if got != want[name][c] {
				bad++
				t.Errorf("%s: U+%04X is %q, CPython has %q", name, c, got, want[name][c])
			}
		}
	}
}

// A line allocates nothing for its characters.
func TestLineAllocations(t *testing.T) {
	e, err := file.NewEncoding("cp949", "", All)
	if err != nil {
		t.Fatal(err)
	}
	line, room := []byte(strings.Repeat("주문 완료 ", 20)), make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := e.Line(room, line); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func private(c rune) bool { return c >= 0xe000 && c < 0xf900 }

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"CP949": "cp949", "uhc": "cp949", "ms949": "cp949", "EUC-KR": "euc_kr", "ks_c-5601": "euc_kr", "windows-1252": "charmap",
		"ISO-8859-15": "charmap", "latin2": "charmap", "sjis": "shift_jis", "CP936": "gbk", "big5": "big5", "csBig5": "big5", "EUC-JP": "euc_jp", "ujis": "euc_jp", "big5hkscs": "big5hkscs", "ISO-2022-JP": "iso2022_jp", "HZ-GB-2312": "hz", "cp1361": "johab", "cp037": "charmap", "utf_7": "", "rot13": "",
	} {
		e, ok := All(file.PlainName(name))
		if ok != (want != "") || e.Name != want {
			t.Errorf("%s: %q", name, e.Name)
		}
	}
	for alias, name := range aliases {
		if _, ok := find(name); !ok {
			t.Errorf("%s stands for %s, which is not there", alias, name)
		}
	}
}

// Errors are in CPython's words.
func TestLacks(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"cp949", `'cp949' codec can't encode character '\u0100' in position 1: illegal multibyte sequence`},
		{"euc_jp", `'euc_jp' codec can't encode character '\ud55c' in position 3: illegal multibyte sequence`},
		{"big5", `'big5' codec can't encode character '\u0100' in position 1: illegal multibyte sequence`},
		{"cp1252", `'charmap' codec can't encode characters in position 1-2: character maps to <undefined>`},
	} {
		e, err := file.NewEncoding(tt.name, "", All)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Line(nil, []byte("aĀĀ한")); fmt.Sprint(err) != strings.Replace(tt.want, "1-2", "1-3", 1) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

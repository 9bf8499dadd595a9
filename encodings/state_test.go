package encodings

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/girok/girok/sink/file"
)

// encoded is what CPython makes of lines: the bytes, or its error.
const encoded = `
import json, sys
def encode(name, errors, text):
    try: return text.encode(name, errors).hex()
    except UnicodeEncodeError as e: return str(e)
json.dump([encode(*case) for case in json.load(sys.stdin)], sys.stdout)
`

// Lines in which characters depend on those before them are those of CPython, with
// whatever stands for what an encoding lacks.
func TestLinesAgainstPython(t *testing.T) {
	python := os.Getenv("GIROK_PYTHON")
	if python == "" {
		python = "python3"
	}
	r := rand.New(rand.NewPCG(1, 2))
	parts := []string{"a", "~", "\\", "{b}", " ", "\r\n", "か", "゚", "ト", "ㇷ", "\u00e6", "\u0300", "\u0301", "\u02e9", "\u02e5", "Ê", "ê", "\u0304", "\u030c",
		"한", "뢔", "ㄳ", "中", "国", "國", "剝", "鬝", "ｱ", "¥", "‾", "～", "é", "ф", "Ω", "①", "€", "😀", "𠮟", "\u0378"}
	var cases [][3]string
	for _, name := range append(slices.Sorted(maps.Keys(several)), "cp037", "cp864", "cp1252", "mac_farsi") {
		for range 300 {
			text := ""
			for range 1 + r.IntN(12) {
				text += parts[r.IntN(len(parts))]
			}
			errors := []string{"strict", "replace", "ignore", "xmlcharrefreplace", "backslashreplace"}[r.IntN(5)]
			cases = append(cases, [3]string{name, errors, text + []string{"\n", ""}[r.IntN(2)]})
		}
	}
	in, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", encoded)
	cmd.Stdin, cmd.Stderr = strings.NewReader(string(in)), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		why := "NOT TESTED, needs python3: that lines have CPython's bytes"
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	var want []string
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	bad := map[string]int{}
	for i, c := range cases {
		e, err := file.NewEncoding(c[0], c[1], All)
		if err != nil {
			t.Fatal(err)
		}
		line, err := e.Line(nil, []byte(c[2]))
		got := hex.EncodeToString(line)
		if err != nil {
			got = fmt.Sprint(err)
		}
		if got != want[i] {
			if bad[c[0]]++; bad[c[0]] < 5 {
				t.Errorf("%s, %s: %q is %s, CPython has %s", c[0], c[1], c[2], got, want[i])
			}
		}
	}
}

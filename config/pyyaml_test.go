package config

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/girok/girok/internal/pydiff"
)

type pyYAML struct{ Repr, Error string }

// FuzzScalarPython wants each unquoted scalar to be what PyYAML makes of it.
func FuzzScalarPython(f *testing.F) {
	py := pydiff.Start(f)
	for _, text := range []string{
		"no", "Yes", "y", "N", "on", "OFF", "~", "null", "Null", "nULL", "0x14", "-0x_1f", "024", "0o24", "08", "1_000", "_1", "1_", "+12", "-0", "12:30", "12:30:00", "1:99", "-1:30.5", "0b101", "0b", "0b_",
		"1e3", "1.0e+3", "1.0e3", "2.5", ".5", "-.5", "5.", ".", "-", "+", ".inf", "-.INF", "+.nan", ".NaN", "1.5.5", "2024-01-02", "2024-1-2", "2024-01-02 03:04:05", "2024-01-02T03:04:05.5Z",
		"2024-01-02 03:04:05 +09:00", "2024-01-02 03:04:05.1234567-9", "2024-13-45", "0001-01-01", "1,000", "1 000", "true ", "a: b", "<<", "=", "123456789012345678901234567890", "1__0.0_", "190:20:30", "0.", "00", "-00", "0_7", "0x", "1:2:3.4",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.Map(func(r rune) rune {
			if strings.ContainsRune("0123456789abcdefxoABFNOTYZlnrsuty_.:+~= -", r) {
				return r
			}
			return -1
		}, text)
		if len(text) > 60 {
			return
		}
		var want pyYAML
		source := "v: " + text + "\n"
		if err := py.Ask(map[string]string{"yaml": source}, &want); err != nil {
			t.Fatal(err)
		}
		doc, err := Parse("f", []byte(source))
		switch {
		case want.Error != "" && err != nil:
		case strings.HasPrefix(want.Error, "ValueError"), strings.Contains(want.Error, "2002:value"):
			// It is recognized, and then can't be made: 2024-13-45, and = alone.
		case want.Error != "":
			t.Errorf("%q: only PyYAML refuses it: %s", source, want.Error)
		case err != nil:
			t.Errorf("%q: only girok refuses it: %v; PyYAML gives %s", source, err, want.Repr)
		default:
			if got := pyRepr(doc.Root); got != want.Repr {
				t.Errorf("%q: got %s, want %s", source, got, want.Repr)
			}
		}
	})
}

// FuzzYAMLPython wants a document that both take to be the same to both.
func FuzzYAMLPython(f *testing.F) {
	py := pydiff.Start(f)
	for _, text := range []string{
		"a: &x {b: 1, c: [1, two]}\nd: *x\ne: {<<: *x, b: 2}", "- a\n- - b\n  - c\n- {d: e}", "a: |\n  one\n   two\n\nb: >-\n  one\n  two\n\n  three\n", "'it''s': \"q\\u00e9\\n\"",
		"a: 1\na: 2", "? k\n: v", "{a: [b, {c: d}], e: }", "a: 'one\n  two'\nb: x\n  y", "# c\na: b # d\n---", "<<: [{a: 1}, {a: 2, b: 3}]\nc: 4", "!!str 12: !!int '7'", "a: -\nb: - 1", "no: 1\n1: no\n~: y",
		"version: 1\nhandlers:\n  a: {class: logging.StreamHandler}\nroot: {handlers: [a]}", "a:\n- b\n- c\nd: ''", "a: b: c", "a: [1, 2,]", "a: {x: 1,}", "%YAML 1.1\n---\na: b", "a: \"x\\\n  y\"",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) || len(text) > 400 || differs.MatchString(text) {
			return
		}
		text += "\n" // a block at the end of a file that ends in the middle of a line ends in one more here
		var want pyYAML
		if err := py.Ask(map[string]string{"yaml": text}, &want); err != nil {
			t.Fatal(err)
		}
		doc, err := Parse("f", []byte(text))
		if err != nil || want.Error != "" || want.Repr == "None" || doc.Root.Kind() == Scalar { // a text alone is no configuration
			return
		}
		if got := pyRepr(doc.Root); got != want.Repr {
			t.Errorf("%q:\n got %s\nwant %s", text, got, want.Repr)
		}
	})
}

// differs finds references, which are girok's own.
var differs = regexp.MustCompile(`\$`)

// FuzzReferencePython wants cfg:// to lead where it leads in CPython's configurator,
// and nowhere where that fails.
func FuzzReferencePython(f *testing.F) {
	py := pydiff.Start(f)
	const source = `mine:
  names: {file: mine.log, "0": zero.log, 7: seven.log, a_b: 1}
  list: [zero.log, one.log, [two.log, {deep: 0x14}]]
  next: cfg://mine.list[1]
  more: {x: 1}
한글: {글: ok}
top: 12:30
`
	for _, path := range []string{
		"mine.names.file", "mine[names][file]", "mine . names [ file ]", "mine.list[2][0]", "mine.list[2][1].deep", "mine.next", "mine.names.0", "mine.names[0]", "mine.names[7]",
		"mine.list[3]", "mine.list.x", "mine.list[-1]", "mine.names.file.x", "nope", "mine!a", "mine.", "", "top", "top.x", "mine.list[01]", "mine.list[ 1 ]x", "한글.글", "mine..x", "mine.names[a b]", " mine.next", "mine.names.a_b",
	} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if !utf8.ValidString(path) || len(path) > 80 || outsideOfASCII.MatchString(path) || strings.Contains(path, "it") {
			return
		}
		var want pyYAML
		if err := py.Ask(map[string]string{"config": source, "cfg": "cfg://" + path}, &want); err != nil {
			t.Fatal(err)
		}
		quoted, err := json.Marshal("cfg://" + path)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := Parse("f", []byte(source+"it: "+string(quoted)+"\n"))
		switch {
		case err != nil && want.Error != "":
		case err != nil && utf8.RuneCountInString(want.Repr) == len("'z'"): // CPython counts off the letters of a text
		case err != nil:
			t.Errorf("cfg://%q: only girok refuses it: %v; CPython gives %s", path, err, want.Repr)
		case want.Error != "":
			t.Errorf("cfg://%q: only CPython refuses it: %s; girok gives %s", path, want.Error, pyRepr(doc.Root.Get("it")))
		default:
			if got := pyRepr(doc.Root.Get("it")); got != want.Repr {
				t.Errorf("cfg://%q: got %s, want %s", path, got, want.Repr)
			}
		}
	})
}

// outsideOfASCII finds what the two languages may take for letters and digits each
// in its own way, line ends, behind which a text is no reference, and $, with which
// girok's own begin.
var outsideOfASCII = regexp.MustCompile(`[^\x20-\x7e한글]|\$`)

// pyRepr is Python's repr() of a configuration.
func pyRepr(n *Node) string {
	switch n.Kind() {
	case List:
		var parts []string
		for _, item := range n.Items() {
			parts = append(parts, pyRepr(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case Map:
		var parts []string
		at := map[string]int{} // 0 and 00 are one key, spelt twice
		for _, k := range n.Keys() {
			key := pyReprScalar(k.PyScalar())
			if _, twice := at[key]; !twice {
				at[key], parts = len(parts), append(parts, "")
			}
			parts[at[key]] = key + ": " + pyRepr(n.Get(k.Name))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return pyReprScalar(n.PyScalar())
}

func pyReprScalar(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return map[bool]string{true: "True", false: "False"}[v]
	case int:
		return strconv.Itoa(v)
	case *big.Int:
		return v.String()
	case float64:
		s := strconv.FormatFloat(v, 'g', -1, 64)
		switch {
		case strings.HasSuffix(s, "Inf"):
			return strings.ToLower(strings.TrimPrefix(s, "+"))
		case s == "NaN":
			return "nan"
		}
		if v != 0 && (v < 1e-4 && v > -1e-4 || v >= 1e16 || v <= -1e16) {
			return strconv.FormatFloat(v, 'e', -1, 64)
		}
		if s = strconv.FormatFloat(v, 'f', -1, 64); !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	case PyTime:
		return pyReprTime(v)
	}
	text := fmt.Sprint(v)
	quote := "'"
	if strings.Contains(text, "'") && !strings.Contains(text, `"`) {
		quote = `"`
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\\' || string(r) == quote:
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == ' ' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return quote + b.String() + quote
}

func pyReprTime(v PyTime) string {
	at := v.Time
	if v.DateOnly {
		return fmt.Sprintf("datetime.date(%d, %d, %d)", at.Year(), at.Month(), at.Day())
	}
	s := fmt.Sprintf("datetime.datetime(%d, %d, %d, %d, %d", at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute())
	if us := at.Nanosecond() / 1000; at.Second() > 0 || us > 0 {
		if s += fmt.Sprintf(", %d", at.Second()); us > 0 {
			s += fmt.Sprintf(", %d", us)
		}
	}
	if !v.Naive {
		_, east := at.Zone()
		s += ", tzinfo=" + pyReprZone(east)
	}
	return s + ")"
}

func pyReprZone(east int) string {
	switch {
	case east == 0:
		return "datetime.timezone.utc"
	case east < 0:
		return fmt.Sprintf("datetime.timezone(datetime.timedelta(days=-1, seconds=%d))", 86400+east)
	}
	return fmt.Sprintf("datetime.timezone(datetime.timedelta(seconds=%d))", east)
}

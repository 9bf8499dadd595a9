package format

import (
	"bytes"
	"errors"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/girok/girok/internal/pydiff"
	"github.com/girok/girok/record"
)

// question is what play.py is asked for one line.
type question struct {
	Format   string         `json:"format"`
	Style    string         `json:"style"`
	Datefmt  string         `json:"datefmt,omitempty"`
	Zone     string         `json:"zone,omitempty"`
	Validate bool           `json:"validate"`
	Fields   map[string]any `json:"fields"`
}

// answer is the line, or the error in its place.
type answer struct{ Text, Error string }

// pyFields are those of the record that pyView makes.
var pyFields = map[string]any{
	"name": "shop.orders", "msg": "order 한글\n'é'", "levelname": "WARNING", "levelno": 30,
	"pathname": "/src/shop/orders.v2.py", "filename": "orders.v2.py", "module": "orders.v2", "lineno": 7, "funcName": "place",
	"created": 1709646306.1234567, "msecs": map[string]any{"$float": "123"}, "process": 42, "processName": "MainProcess", "thread": 7, "threadName": "pool-1",
	"user": "kim 'é'", "n": -42, "score": 0.93, "big": map[string]any{"$float": "1e22"}, "ok": true, "none": nil,
	"req": map[string]any{"a": "한", "n": 1}, "tags": []any{"a", 2.5, nil},
}

func pyView(tb testing.TB) *record.View {
	tb.Helper()
	e := record.NewEncoder(nil)
	tb.Cleanup(e.Release)
	e.Begin(&record.Header{Level: record.Warning, Time: time.Unix(1709646306, 123456700), Logger: "shop.orders", Message: "order 한글\n'é'"})
	e.Caller(record.EncodeCaller(record.Caller{File: "/src/shop/orders.v2.py", Function: "place", Line: 7}))
	for _, a := range []slog.Attr{
		slog.Group("LogRecord", "process", 42, "processName", "MainProcess", "thread", 7, "threadName", "pool-1"),
		slog.String("user", "kim 'é'"), slog.Int("n", -42), slog.Float64("score", 0.93), slog.Float64("big", 1e22), slog.Bool("ok", true), slog.Any("none", nil),
		slog.Group("req", "a", "한", "n", 1), slog.Any("tags", []any{"a", 2.5, nil}),
	} {
		e.Attr(a)
	}
	v := new(record.View)
	if err := v.Parse(e.Finish()); err != nil {
		tb.Fatal(err)
	}
	return v
}

// FuzzFormatPython wants each format in each style to give the line that CPython
// gives. Where CPython fails at the record, the line says which field does not fit,
// or the format was refused before; what CPython refuses is refused here too.
func FuzzFormatPython(f *testing.F) {
	py := pydiff.Start(f)
	v := pyView(f)
	for _, text := range []string{
		"%(levelname)-8s|%(message)s", "%(lineno)05d %(n)+x %(score).3e %(big)g", "%(user)r %(user)a %(req)s %(tags)r", "%(none)5s%%%(ok)d", "%(a)s", "%", "%(n", "%(lineno)c",
		"%(n)-010.5d|%(n)#x|%(n)#o|% (n)d", "%(asctime)s %(msecs)03d", "%(score)#.0f|%(score)08.2f", "%(args)s %(user).2s",
	} {
		f.Add(text, byte('%'))
	}
	for _, text := range []string{
		"{levelname:<8}|{message}", "{lineno:05d} {n:+x} {score:.3e} {big:,}", "{user!r} {user!a} {req} {tags!r}", "{none}{{{ok:d}}}", "{a}", "{", "}", "{n:_}", "{n:*^+10}",
		"{req[a]} {tags[1]}", "{user:{lineno}}", "{asctime} {msecs:.1f}", "{score:%}|{score:#.0f}|{big:n}", "{n:#b}", "{n:=+9,}", "{ok:>8}", "{user:.2s}", "{0}", "{score!s:>8}",
	} {
		f.Add(text, byte('{'))
	}
	for _, text := range []string{"$levelname|$message", "${user}", "$$", "$", "$1", "$n$score", "${n", "${한}", "$user한", "$asctime"} {
		f.Add(text, byte('$'))
	}
	f.Fuzz(func(t *testing.T, text string, style byte) {
		if !utf8.ValidString(text) || !strings.ContainsRune("%{$", rune(style)) || text == "" || beyond.MatchString(text) {
			return
		}
		var want answer
		if err := py.Ask(question{Format: text, Style: string(rune(style)), Zone: "UTC", Validate: true, Fields: pyFields}, &want); err != nil {
			t.Fatal(err)
		}
		formatter, err := Options{Format: text, Style: style, Location: time.UTC}.Text()
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("%q: %T", text, err)
			}
			if want.Error == "" && !refusedByDesign.MatchString(syntax.Msg) {
				t.Errorf("%q: only girok refuses it: %v; CPython gives %q", text, err, want.Text)
			}
			return
		}
		got := string(formatter.Append(nil, v))
		switch misfits := formatter.Misfits(); {
		case want.Error != "" && misfits == 0:
			t.Errorf("%q: only CPython fails: %s; girok gives %q", text, want.Error, got)
		case want.Error == "" && misfits > 0:
			t.Errorf("%q: does not fit: %q; CPython gives %q", text, got, want.Text)
		case want.Error == "" && got != want.Text:
			t.Errorf("%q:\n got %q\nwant %q", text, got, want.Text)
		}
	})
}

// refusedByDesign: CPython sees a field behind %%, and shows the whole record where
// a conversion has no field.
var refusedByDesign = regexp.MustCompile(`names no field|a conversion without a field`)

// beyond finds what differs by design: widths beyond maxWidth; attributes of
// Python's objects, which no value here has, and what a mapping has is shown for; and
// relativeCreated, which counts from the start of two processes.
var beyond = regexp.MustCompile(`\d{5}|relativeCreated|__|\{[\pL\pN_]*(\[[^]]*\])*\.`)

// FuzzDatefmtPython wants each datefmt to give what the C library gives CPython.
func FuzzDatefmtPython(f *testing.F) {
	py := pydiff.Start(f)
	zones := []string{"UTC", "Asia/Seoul", "America/New_York", "Asia/Kolkata", "America/St_Johns"}
	for i, text := range []string{
		"%Y-%m-%dT%H:%M:%S%z", "%c %x %X %Z", "%-d %_d %5d %^a %#Z %9z", "%G-W%V-%u %U %W %j", "%s %n%t%%", "%f %q %", "%Ey %Od %EY %EH", "%10F|%^B|%010p", "%y %C %g %D %T %R %r %h",
	} {
		f.Add(text, int64(1709646306+i*8_000_000), byte(i))
	}
	f.Fuzz(func(t *testing.T, datefmt string, sec int64, zone byte) {
		if !utf8.ValidString(datefmt) || strings.ContainsRune(datefmt, 0) || datefmt == "" || sec < -2_000_000_000 || sec > 4_000_000_000 || tooWide.MatchString(datefmt) {
			return
		}
		name := zones[int(zone)%len(zones)]
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		var want answer
		q := question{Format: "%(asctime)s", Style: "%", Datefmt: datefmt, Zone: name, Validate: true, Fields: map[string]any{"msg": "", "created": sec, "msecs": 0}}
		if err := py.Ask(q, &want); err != nil {
			t.Fatal(err)
		}
		formatter, err := New("%(asctime)s", datefmt, loc)
		if err != nil {
			t.Fatal(err)
		}
		got := string(formatter.Append(nil, &record.View{Seconds: sec}))
		if want.Error == "" && got != want.Text {
			t.Errorf("%s %d %q:\n got %q\nwant %q", name, sec, datefmt, got, want.Text)
		}
	})
}

// Every directive with every flag and modifier is what it is in the C library.
func TestEveryDirectivePython(t *testing.T) {
	py := pydiff.Start(t)
	var text strings.Builder
	for _, flag := range []string{"", "#", "^", "_", "0", "-", "#^", "-0", "_^"} {
		for _, width := range []string{"", "1", "12"} {
			for _, modifier := range []string{"", "E", "O"} {
				for letter := 'A'; letter <= 'z'; letter++ {
					if letter != 'E' && letter != 'O' && letter != '^' && letter != '_' { // these are modifiers and flags, and begin another one
						text.WriteString("%" + flag + width + modifier + string(letter) + "|")
					}
				}
			}
		}
	}
	var want answer
	const at = 1709646306
	q := question{Format: "%(asctime)s", Style: "%", Datefmt: text.String(), Zone: "UTC", Validate: true, Fields: map[string]any{"msg": "", "created": at, "msecs": 0}}
	if err := py.Ask(q, &want); err != nil || want.Error != "" {
		t.Fatal(err, want.Error)
	}
	formatter, err := New("%(asctime)s", text.String(), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(string(formatter.Append(nil, &record.View{Seconds: at})), "|")
	directives, texts := strings.Split(text.String(), "|"), strings.Split(want.Text, "|")
	if len(got) != len(texts) || len(texts) != len(directives) {
		t.Fatalf("%d, %d and %d parts", len(got), len(texts), len(directives))
	}
	for i, w := range texts {
		if got[i] != w {
			t.Errorf("%s: got %q, want %q", directives[i], got[i], w)
		}
	}
}

// tooWide finds widths beyond what there is a limit for.
var tooWide = regexp.MustCompile(`\d{4}`)

func TestPythonFloats(t *testing.T) {
	py := pydiff.Start(t)
	v := pyView(t)
	var text bytes.Buffer
	for _, conv := range "eEfFgG" {
		for _, flags := range []string{"", "#", "0", "+", "-", " ", "+0", "#-"} {
			for _, prec := range []string{"", ".0", ".1", ".5", ".17", ".30"} {
				for _, width := range []int{0, 1, 12} {
					w := ""
					if width > 0 {
						w = strconv.Itoa(width)
					}
					for _, name := range []string{"score", "big", "n", "created"} {
						text.WriteString("%(" + name + ")" + flags + w + prec + string(conv) + "|")
					}
				}
			}
		}
	}
	var want answer
	if err := py.Ask(question{Format: text.String(), Style: "%", Validate: true, Fields: pyFields}, &want); err != nil || want.Error != "" {
		t.Fatal(err, want.Error)
	}
	got := strings.Split(string(mustNew(t, text.String(), "").Append(nil, v)), "|")
	specs := strings.Split(text.String(), "|")
	for i, w := range strings.Split(want.Text, "|") {
		if got[i] != w {
			t.Errorf("%s: got %q, want %q", specs[i], got[i], w)
		}
	}
}

package format

import (
	"bytes"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/girok/girok/record"
)

// The wanted texts are those of CPython 3.11.
func TestStyles(t *testing.T) {
	v := viewOf(t, record.Header{Level: record.Warning, Time: time.Unix(1709646306, 123456000), Logger: "shop", Message: "m"},
		slog.Int("n", -1234567), slog.Float64("f", 3.14159), slog.String("s", "경고"), slog.Bool("b", true), slog.Any("nil", nil),
		slog.Group("req", slog.String("method", "GET")), slog.Any("tags", []string{"a", "b"}), slog.Int("w", 6), slog.Float64("ten", 9.96), slog.Float64("big", 1e22), slog.Float64("i", math.Inf(-1)), slog.Float64("nan", math.NaN()))
	for _, tt := range []struct {
		style        byte
		format, want string
	}{
		{'{', "{levelname} {name:>6}|{s:·^6}|{s!r:6}|{s!a}", "WARNING   shop|··경고··|'경고'  |'\\uacbd\\uace0'"},
		{'{', "{n:,} {n:_} {n:+d} {n:012,d} {n:x} {n:#X} {n:>10}|{n:<10}|{n:=+12}|", "-1,234,567 -1_234_567 -1234567 -001,234,567 -12d687 -0X12D687   -1234567|-1234567  |-    1234567|"},
		{'{', "{f:.2f} {f:8.3} {f:e} {f:%} {f:010.1f} {f:g} {f}", "3.14     3.14 3.141590e+00 314.159000% 00000003.1 3.14159 3.14159"},
		{'{', "{i:013_f} {i:013,} {nan:010_} {i:_f}|{i:012,.1f}", "-000000000inf -000000000inf 0000000nan -inf|-00000000inf"},
		{'{', "{b} {b:d} {nil} {req[method]} {tags[1]} {w:{w}}|", "True 1 None GET b      6|"},
		{'{', "{ten:.2} {ten:#.2} {ten:#.1} {ten:#} {big:#} {big:#.3} {big:.3} {i:#}", "1e+01 1.0e+01 1.e+01 9.96 1.e+22 1.00e+22 1e+22 -inf"},
		{'{', "{levelname[0]}{s[1]} {req[method][2]} {levelname[9]} {asctime[3]} {n[0]}", "W고 T <levelname[9] is not :: WARNING> 4 <n[0] is not :: -1234567>"},
		{'{', "{{{n:.2}}} {nil:>5} {nope}", "{<n is not :.2: -1234567>} <nil is not :>5: None> <no nope>"},
		{'$', "$levelname ${n}x $$ ${s}", "WARNING -1234567x $ 경고"},
	} {
		f, err := Options{Format: tt.format, Style: tt.style, Location: time.UTC}.Text()
		if err != nil {
			t.Errorf("%s: %v", tt.format, err)
			continue
		}
		if got := string(f.Append(nil, v)); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.format, got, tt.want)
		}
	}
}

// An error and a stack follow the line, unless the format shows them itself.
func TestTroubleFollows(t *testing.T) {
	v := viewOf(t, record.Header{Message: "m"}, slog.Int("seen", 1), slog.Any("error", errors.New("boom")), slog.String("stack", "main.go:7\n"))
	plain := viewOf(t, record.Header{Message: "m"}, slog.String("error", "a text, no error"), slog.Int("stack", 5))
	for _, tt := range []struct {
		v            *record.View
		format, want string
	}{
		{v, "%(message)s", "m\nboom\nmain.go:7\n"},
		{v, "%(message)s: %(error)s", "m: boom"},
		{v, "%(exc_info)s|%(stack_info)s", "boom|main.go:7\nboom\nmain.go:7\n"},
		{plain, "%(message)s", "m"},
	} {
		f, err := New(tt.format, "", time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(f.Append(nil, tt.v)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.format, got, tt.want)
		}
	}
}

func TestPyJSONAllocates(t *testing.T) {
	f, err := Keys{Class: classJSON2}.New(time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	v := five(t)
	buf := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { buf = f.Append(buf[:0], v) }); n >= 1 && !raceEnabled {
		t.Errorf("%v allocations a record", n)
	}
	want := `{"message": "order placed", "user": "kim", "items": 3, "score": 0.9312, "gift": true, "took": "1.5ms"}`
	if string(buf) != want {
		t.Errorf("got  %s\nwant %s", buf, want)
	}
}

// The quick way writes what the other one does, and takes it where it must.
func TestPyJSONBothWays(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	formats := []string{"", "%(message)s", "%(asctime)s %(levelname)s %(name)s %(message)s", "%(user)s %(message)s %(lineno)d", "%(created)f %(taskName)s"}
	options := []string{"", ", static_fields: {a: 1, user: x}", ", timestamp: true", ", prefix: 'p '", ", json_ensure_ascii: false", ", version: 4.2", ", datefmt: '%H \" %M'", ", rename_fields: {user: who}", ", json_indent: 2"}
	quick := 0
	for range 1500 {
		data := make([]byte, 20+rng.IntN(200))
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		c := &choices{data}
		keys := `"()": ` + classJSON2 + ", format: '" + formats[c.n(len(formats))] + "'" + options[c.n(len(options))]
		f := made(t, keys).(*PyJSON)
		attrs := c.attrs(0, 9)
		if c.n(3) == 0 {
			attrs = append(attrs, slog.Any([]string{"error", "stack", "filename", "taskName", "_x", "user", "timestamp"}[c.n(7)], c.value(0)))
		}
		v := viewOf(t, record.Header{Level: record.Level(c.n(60)), Time: c.time(), Logger: c.text(), Message: c.text()}, attrs...)
		got, want := f.Append(nil, v), f.appendMembers(nil, v)
		if !bytes.Equal(got, want) {
			t.Fatalf("%s\n got %s\nwant %s", keys, got, want)
		}
		if f.straight != nil {
			if _, ok := f.straight.append(nil, f, v); ok {
				quick++
			}
		}
	}
	if quick < 150 {
		t.Errorf("only %d went the quick way", quick)
	}
}

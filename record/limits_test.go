package record

import (
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestLongStringsAreCut(t *testing.T) {
	for _, n := range []int{MaxString - 1, MaxString, MaxString + 1, MaxString + 2, MaxString + 3, 10 * MaxString} {
		for _, unit := range []string{"x", "é", "日", "😀", "\x80"} {
			s := strings.Repeat(unit, n/len(unit)+1)[:n]
			p := encode(t, nil, nil, slog.String("k", s))
			_, v := only(t, p)
			view := parse(t, p)
			if n <= MaxString {
				if string(v.Raw) != s || view.Flags&Cut != 0 {
					t.Errorf("%d bytes of %q: changed", n, unit)
				}
				continue
			}
			if view.Flags&Cut == 0 || !strings.HasSuffix(string(v.Raw), fmt.Sprintf(" [cut: %d bytes]", n)) || len(v.Raw) > MaxString+64 {
				t.Errorf("%d bytes of %q: %d bytes, flags %b, end %q", n, unit, len(v.Raw), view.Flags, v.Raw[len(v.Raw)-30:])
			}
			if unit != "\x80" && !utf8.Valid(v.Raw) {
				t.Errorf("%d bytes of %q: a rune was cut in two", n, unit)
			}
		}
	}
}

// The largest of everything at once must fit into a frame.
func TestPayloadNeverTooLong(t *testing.T) {
	huge := strings.Repeat("x", 2*MaxString)
	long := strings.Repeat("k", 2*maxKey)
	big := map[string]string{"a": huge[:MaxString-20]}
	attrs := map[string]func(n int) slog.Attr{
		"strings": func(n int) slog.Attr { return slog.String(long, huge) },
		"JSON":    func(n int) slog.Attr { return slog.Any(long, big) },
		"bytes":   func(n int) slog.Attr { return slog.Any(long, []byte(huge)) },
		"errors":  func(n int) slog.Attr { return slog.Any(long, fmt.Errorf("%s", huge)) },
		"numbers": func(n int) slog.Attr { return slog.Int(fmt.Sprint(n), n) },
		"keys":    func(n int) slog.Attr { return slog.Int(long, n) },
		"groups":  func(n int) slog.Attr { return deep(long, huge, n%80) },
	}
	for name, attr := range attrs {
		count := map[string]int{"numbers": 100_000, "keys": 1000}[name]
		for _, inBound := range []int{0, 1, 3} {
			t.Run(fmt.Sprint(name, inBound), func(t *testing.T) {
				var b *Bound
				for n := range inBound * 20 {
					b = b.With([]slog.Attr{attr(n), attr(n + 1)}, nil).WithGroup(long)
				}
				e := NewEncoder(nil)
				defer e.Release()
				e.Begin(&Header{Logger: huge, Message: huge, Time: time.Unix(1, 1)})
				e.Caller(EncodeCaller(Caller{File: huge, Function: huge, Line: math.MaxInt}))
				e.Source(huge)
				e.ID("01HQZZZZZZZZZZZZZZZZZZZZZZ")
				e.Bound(b)
				for n := range max(count, 20) {
					e.Attr(attr(n))
				}
				p := e.Finish()
				if len(p) > MaxPayload {
					t.Errorf("%d bytes, %d too many", len(p), len(p)-MaxPayload)
				}
				if v := parse(t, p); v.Flags&Cut == 0 || !strings.Contains(attrsJSON(t, p), `"!cut":"`) {
					t.Errorf("flags %b: what was cut is not told", v.Flags)
				}
			})
		}
	}
}

func deep(key, value string, n int) slog.Attr {
	a := slog.String(key, value)
	for range n {
		a = slog.Group(key, slog.Int("n", n), a)
	}
	return a
}

func TestTooManyAttributesAreCounted(t *testing.T) {
	var attrs []slog.Attr
	const n = 60_000
	for i := range n {
		attrs = append(attrs, slog.Int("k", i+1e9))
	}
	check := func(name string, p []byte) {
		a := parse(t, p).Attrs()
		var key []byte
		var v Value
		kept, said := 0, 0
		for a.Next(&key, &v) {
			if string(key) == "k" {
				kept++
			} else if _, err := fmt.Sscanf(string(v.Raw), "%d more", &said); err != nil {
				t.Error(err)
			}
		}
		if kept+said != n || said == 0 {
			t.Errorf("%s: %d kept and %d said to be cut, of %d", name, kept, said, n)
		}
	}
	check("call", encode(t, nil, nil, attrs...))
	var b *Bound
	check("bound", encode(t, nil, b.With(attrs, nil)))
	check("both", encode(t, nil, b.With(attrs[:n/2], nil), attrs[n/2:]...))
}

func TestRedactedJSONThatGrows(t *testing.T) {
	var m []map[string]int
	for range 10_000 {
		m = append(m, map[string]int{"p": 1})
	}
	for _, with := range []Redaction{Mask, Hash, Drop} {
		p := encode(t, NewRedactor([]string{"p"}, with), nil, slog.Any("a", m), slog.Any("b", m), slog.Any("c", m))
		if s := attrsJSON(t, p); strings.Contains(s, `"p":1`) || strings.Contains(s, `\"p\":1`) {
			t.Errorf("way %d: a value is shown", with)
		}
	}
}

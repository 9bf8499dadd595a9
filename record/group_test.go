package record

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestGroups(t *testing.T) {
	i := slog.Int
	tests := []struct {
		name string
		give []slog.Attr
		want string
	}{
		{"plain", []slog.Attr{slog.Group("g", i("a", 1), i("b", 2))}, `{"g":{"a":1,"b":2}}`},
		{"nested", []slog.Attr{slog.Group("g", slog.Group("h", i("a", 1))), i("z", 2)}, `{"g":{"h":{"a":1}},"z":2}`},
		{"empty", []slog.Attr{slog.Group("g"), i("z", 2)}, `{"z":2}`},
		{"empty nested", []slog.Attr{slog.Group("g", slog.Group("h", slog.Group("i")))}, `{}`},
		{"inline", []slog.Attr{slog.Group("", i("a", 1), slog.Group("", i("b", 2))), i("c", 3)}, `{"a":1,"b":2,"c":3}`},
		{"zero attributes", []slog.Attr{{}, slog.Group("g", slog.Attr{}), i("a", 1)}, `{"a":1}`},
		{"empty key", []slog.Attr{i("", 1)}, `{"":1}`},
		{"null", []slog.Attr{slog.Any("a", nil)}, `{"a":null}`},
		{"doubled key", []slog.Attr{i("a", 1), i("a", 2)}, `{"a":1,"a":2}`},
		{"slice of attributes", []slog.Attr{slog.Any("g", []slog.Attr{i("a", 1)})}, `{"g":{"a":1}}`},
		{"group by LogValuer", []slog.Attr{slog.Any("g", valuer{slog.GroupValue(i("a", 1))})}, `{"g":{"a":1}}`},
		{"inline by LogValuer", []slog.Attr{slog.Any("", valuer{slog.GroupValue(i("a", 1))})}, `{"a":1}`},
		{"nothing by LogValuer", []slog.Attr{slog.Any("", valuer{slog.Value{}})}, `{}`},
	}
	for _, tt := range tests {
		if got := attrsJSON(t, encode(t, nil, nil, tt.give...)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

type valuer struct{ v slog.Value }

func (v valuer) LogValue() slog.Value { return v.v }

func TestBound(t *testing.T) {
	i := func(k string, n int) []slog.Attr { return []slog.Attr{slog.Int(k, n)} }
	var root *Bound
	tests := []struct {
		name  string
		bound *Bound
		want  string // with the attribute z=9 in the call
		none  string // without
	}{
		{"nothing", root, `{"z":9}`, `{}`},
		{"with", root.With(i("a", 1), nil), `{"a":1,"z":9}`, `{"a":1}`},
		{"with nothing", root.With(nil, nil), `{"z":9}`, `{}`},
		{"group", root.WithGroup("g"), `{"g":{"z":9}}`, `{}`},
		{"group without name", root.WithGroup(""), `{"z":9}`, `{}`},
		{"group, with", root.WithGroup("g").With(i("a", 1), nil), `{"g":{"a":1,"z":9}}`, `{"g":{"a":1}}`},
		{"with, group", root.With(i("a", 1), nil).WithGroup("g"), `{"a":1,"g":{"z":9}}`, `{"a":1}`},
		{"two groups", root.WithGroup("g").WithGroup("h"), `{"g":{"h":{"z":9}}}`, `{}`},
		{"group, with, group", root.WithGroup("g").With(i("a", 1), nil).WithGroup("h"), `{"g":{"a":1,"h":{"z":9}}}`, `{"g":{"a":1}}`},
		{"deep", root.With(i("a", 1), nil).WithGroup("g").With(i("b", 2), nil).WithGroup("h").With(i("c", 3), nil),
			`{"a":1,"g":{"b":2,"h":{"c":3,"z":9}}}`, `{"a":1,"g":{"b":2,"h":{"c":3}}}`},
	}
	for _, tt := range tests {
		if got := attrsJSON(t, encode(t, nil, tt.bound, slog.Int("z", 9))); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if got := attrsJSON(t, encode(t, nil, tt.bound)); got != tt.none {
			t.Errorf("%s, no attribute in the call: %s, want %s", tt.name, got, tt.none)
		}
	}
}

// Loggers derived from one parent must not see each other.
func TestBoundSiblings(t *testing.T) {
	var root *Bound
	parent := root.With([]slog.Attr{slog.Int("p", 0)}, nil).WithGroup("g")
	var kids, grand []*Bound
	for n := range 10 {
		kids = append(kids, parent.With([]slog.Attr{slog.Int("k", n)}, nil))
		grand = append(grand, parent.WithGroup(fmt.Sprint("h", n)))
	}
	for n := range 10 {
		if got, want := attrsJSON(t, encode(t, nil, kids[n])), fmt.Sprintf(`{"p":0,"g":{"k":%d}}`, n); got != want {
			t.Errorf("child %d: %s, want %s", n, got, want)
		}
		if got, want := attrsJSON(t, encode(t, nil, grand[n], slog.Int("z", n))), fmt.Sprintf(`{"p":0,"g":{"h%d":{"z":%d}}}`, n, n); got != want {
			t.Errorf("group %d: %s, want %s", n, got, want)
		}
	}
	if got := attrsJSON(t, encode(t, nil, parent, slog.Int("z", 1))); got != `{"p":0,"g":{"z":1}}` {
		t.Errorf("the parent became %s", got)
	}
}

func TestDeepGroups(t *testing.T) {
	a := slog.Int("n", 1)
	for range 1000 {
		a = slog.Group("g", a)
	}
	p := encode(t, nil, nil, a, slog.Int("after", 2))
	v := parse(t, p)
	if v.Flags&Cut == 0 || !strings.Contains(attrsJSON(t, p), "nested too deep") || !strings.Contains(attrsJSON(t, p), `"after":2`) {
		t.Errorf("flags %b, %s", v.Flags, attrsJSON(t, p))
	}
	var b *Bound
	for range 1000 {
		b = b.WithGroup("g")
	}
	p = encode(t, nil, b, slog.Int("n", 1), slog.Group("h", slog.Int("m", 2)))
	if v := parse(t, p); v.Flags&Cut == 0 {
		t.Error("groups that were not opened are not told")
	}
}

// A group whose attributes hold themselves by way of LogValue ends, too.
type nest struct{}

func (nest) LogValue() slog.Value { return slog.GroupValue(slog.Any("n", nest{}), slog.Any("m", 1)) }

func TestEndlessGroup(t *testing.T) {
	v := parse(t, encode(t, nil, nil, slog.Any("g", nest{})))
	if v.Flags&Cut == 0 {
		t.Error("an endless group is not cut")
	}
}

package record

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func nested(open, inner, end string, n int) string {
	return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
}

// levels is how deep the JSON of a record is.
func levels(text string) (most int) {
	dec := json.NewDecoder(strings.NewReader(text))
	for depth := 0; ; {
		tok, err := dec.Token()
		if err != nil {
			return most
		}
		switch tok {
		case json.Delim('{'), json.Delim('['):
			depth++
			most = max(most, depth)
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}

func TestDeepJSONIsCut(t *testing.T) {
	raw := func(s string) any { return json.RawMessage(s) }
	list := []any{1}
	for range 200 {
		list = []any{list, "]}"}
	}
	deepMap := map[string]any{"z": 1}
	for range 3000 {
		deepMap = map[string]any{"a": deepMap}
	}
	inGroups := slog.Any("j", raw(nested("[", "", "]", 90)))
	for range 50 {
		inGroups = slog.Group("g", inGroups)
	}
	const most = maxNested - 1
	tests := []struct {
		name string
		give slog.Attr
		cut  bool
		want string // has
	}{
		{"just fits", slog.Any("a", raw(nested("[", "1", "]", most))), false, nested("[", "1", "]", most)},
		{"one more", slog.Any("a", raw(nested("[", "1", "]", most+1))), true, nested("[", `"[cut: 3 bytes]"`, "]", most)},
		{"objects", slog.Any("a", raw(nested(`{"k":`, "1", "}", most+2))), true, nested(`{"k":`, `"[cut: 13 bytes]"`, "}", most)},
		{"beside", slog.Any("a", raw(nested("[", `[1],2,[[3]],{}`, "]", most))), true,
			nested("[", `"[cut: 3 bytes]",2,"[cut: 5 bytes]","[cut: 2 bytes]"`, "]", most)},
		{"brackets in text", slog.Any("a", strings.Split(strings.Repeat(`[\"{`, 200), ",")), false, `[\\\"{[`},
		{"wide", slog.Any("a", make([][]int, 500)), false, "null,null"},
		{"slices", slog.Any("a", list), true, `"[cut: `},
		{"maps", slog.Any("a", deepMap), true, `"[cut: `},
		{"struct", slog.Any("a", struct{ A any }{list}), true, `"[cut: `},
		{"in groups", inGroups, true, `"[cut: 90 bytes]"`},
	}
	for _, tt := range tests {
		for _, redact := range []*Redactor{nil, NewRedactor([]string{"none"}, Mask)} {
			p := encode(t, redact, nil, tt.give)
			got := attrsJSON(t, p)
			if v := parse(t, p); v.Flags&Cut != 0 != tt.cut {
				t.Errorf("%s: flags %b", tt.name, v.Flags)
			}
			if !json.Valid([]byte(got)) || levels(got) > maxNested || !strings.Contains(got, tt.want) {
				t.Errorf("%s: %d levels, %.300s, want %.300s", tt.name, levels(got), got, tt.want)
			}
		}
	}
}

func FuzzCutDeep(f *testing.F) {
	f.Add([]byte(`[[1],{"a":[2]}]`), 1)
	f.Add([]byte(`{"a\\\"[":[[["]"]]]}`), 2)
	f.Add([]byte(nested("[", "", "]", 300)), 95)
	f.Add([]byte(`]]}}[[{{"`), 1)
	f.Fuzz(func(t *testing.T, text []byte, most int) {
		most = 1 + int(uint(most)%120)
		was := string(text)
		out, cut := cutDeep(text, most)
		if string(text) != was {
			t.Error("the text was changed")
		}
		if !json.Valid(text) {
			return
		}
		if deep := levels(was); cut != (deep > most) || !cut && string(out) != was {
			t.Errorf("%d levels of %d: cut %v", deep, most, cut)
		}
		if !json.Valid(out) || levels(string(out)) > most {
			t.Errorf("%q is no JSON, or has more than %d levels", out, most)
		}
	})
}

// bomb gives groups made of itself: without a limit 2 to the power of their depth.
type bomb struct {
	key  string
	leaf slog.Attr
}

func (b bomb) LogValue() slog.Value {
	return slog.GroupValue(slog.Any(b.key, b), slog.Any(b.key, b), b.leaf)
}

func TestGroupsOfThemselvesEnd(t *testing.T) {
	shared := slog.GroupValue(slog.Attr{})
	for range 60 {
		shared = slog.GroupValue(slog.Attr{Key: "g", Value: shared}, slog.Attr{Key: "g", Value: shared})
	}
	for _, tt := range []struct {
		name string
		give slog.Attr
	}{
		{"inline", slog.Any("", bomb{})},
		{"inline with leaves", slog.Any("", bomb{leaf: slog.Int("n", 1)})},
		{"named", slog.Any("b", bomb{key: "b"})},
		{"named with leaves", slog.Any("b", bomb{key: "b", leaf: slog.Int("n", 1)})},
		{"shared", slog.Attr{Key: "s", Value: shared}},
		{"hashed", slog.Any("secret", bomb{key: "b"})},
		{"hashed within", slog.Any("b", bomb{key: "secret"})},
	} {
		for _, redact := range []*Redactor{nil, NewRedactor([]string{"secret"}, Hash)} {
			p := encode(t, redact, nil, tt.give, slog.Int("after", 1))
			if len(p) > MaxPayload {
				t.Errorf("%s: %d bytes", tt.name, len(p))
			}
			if hashed := redact != nil && tt.name[0] == 'h'; hashed {
				continue // what is hashed says nothing of itself
			}
			if v := parse(t, p); v.Flags&Cut == 0 || !strings.Contains(attrsJSON(t, p), `more attributes`) {
				t.Errorf("%s: flags %b, %.200s", tt.name, v.Flags, attrsJSON(t, p))
			}
		}
	}
}

// TestManyGroups has as many small groups as a record may have.
func TestManyGroups(t *testing.T) {
	var attrs []any
	for i := range 20_000 {
		attrs = append(attrs, slog.Group(fmt.Sprint(i), slog.Int("n", i)))
	}
	p := encode(t, nil, nil, slog.Group("g", attrs...))
	if v := parse(t, p); v.Flags&Cut != 0 || !strings.Contains(attrsJSON(t, p), `"19999":{"n":19999}`) {
		t.Errorf("flags %b", v.Flags)
	}
}

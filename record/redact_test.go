package record

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

func TestGlob(t *testing.T) {
	tests := []struct {
		pattern, yes, no string
	}{
		{"password", "password PASSWORD Password", "passwords apassword pass"},
		{"*token*", "token my_token_1 TOKEN xtokeny", "tok toke n"},
		{"*_key", "api_key _key a_key_key", "key api_keys _key_"},
		{"a*b*c", "abc aXbXc abcbc abbc", "ab ac acb abcd"},
		{"*", "x anything", ""},
		{"**a**", "a ba ab", "b"},
		{"É*", "é Éx éx", "e"},
	}
	for _, tt := range tests {
		r := NewRedactor([]string{"zzz", tt.pattern}, Mask)
		for _, again := range []bool{false, true} { // the second time from the cache
			for _, k := range strings.Fields(tt.yes) {
				if !r.Match(k) {
					t.Errorf("%q does not match %q (again: %v)", tt.pattern, k, again)
				}
			}
			for _, k := range strings.Fields(tt.no) {
				if r.Match(k) {
					t.Errorf("%q matches %q (again: %v)", tt.pattern, k, again)
				}
			}
		}
	}
	if NewRedactor(nil, Mask) != nil {
		t.Error("a redactor without keys is not nil")
	}
}

func TestRedact(t *testing.T) {
	type login struct {
		User     string
		Password string
		Deep     map[string]any
	}
	attrs := []slog.Attr{
		slog.String("password", "hunter2"),
		slog.Int("PASSWORD", 42),
		slog.Group("g", slog.String("password", "hunter2"), slog.Int("n", 1)),
		slog.Group("password", slog.String("p", "hunter2")),
		slog.Any("l", login{"u", "hunter2", map[string]any{"x": []any{map[string]any{"password": []string{"hunter2"}, "y": nil}}}}),
		slog.Any("password", valuer{slog.StringValue("hunter2")}),
		slog.Any("v", valuer{slog.GroupValue(slog.String("password", "hunter2"))}),
		slog.Group("", slog.String("password", "hunter2")),
	}
	h := hashed([]byte("hunter2"))
	want := map[Redaction]string{
		Mask: `{"password":"***","PASSWORD":"***","g":{"password":"***","n":1},"password":"***",` +
			`"l":{"User":"u","Password":"***","Deep":{"x":[{"password":"***","y":null}]}},"password":"***","v":{"password":"***"},"password":"***"}`,
		Hash: `{"password":"` + h + `","PASSWORD":"` + hashed([]byte("42")) + `","g":{"password":"` + h + `","n":1},"password":"` + hashed([]byte(`{"p":"hunter2"}`)) +
			`","l":{"User":"u","Password":"` + h + `","Deep":{"x":[{"password":"` + hashed([]byte(`["hunter2"]`)) + `","y":null}]}},"password":"` + h + `","v":{"password":"` + h + `"},"password":"` + h + `"}`,
		Drop: `{"g":{"n":1},"l":{"User":"u","Deep":{"x":[{"y":null}]}}}`,
	}
	for with, want := range want {
		r := NewRedactor([]string{"password"}, with)
		if got := attrsJSON(t, encode(t, r, nil, attrs...)); got != want {
			t.Errorf("way %d: %s\nwant   %s", with, got, want)
		}
		var b *Bound
		if got := attrsJSON(t, encode(t, r, b.With(attrs, r))); got != want {
			t.Errorf("way %d, bound: %s\nwant   %s", with, got, want)
		}
	}
}

// Equal values stay equal under any key and in any place, and differ otherwise.
func TestHashesOfEqualValues(t *testing.T) {
	r := NewRedactor([]string{"a", "b"}, Hash)
	for _, v := range []any{1, -1, "1", 1.5, true, nil, []int{1, 2}} {
		p := encode(t, r, nil, slog.Any("a", v), slog.Any("b", v), slog.Any("j", map[string]any{"a": v}))
		var x, y Value
		view := parse(t, p)
		view.Lookup([]string{"a"}, &x)
		view.Lookup([]string{"b"}, &y)
		if string(x.Raw) != string(y.Raw) || !strings.HasPrefix(string(x.Raw), "sha256:") {
			t.Errorf("%v: %s and %s", v, x.Raw, y.Raw)
		}
		if j := `{"a":"` + string(x.Raw) + `"}`; !strings.Contains(attrsJSON(t, p), j) {
			t.Errorf("%v in JSON: %s, want %s", v, attrsJSON(t, p), j)
		}
	}
}

func TestRedactedGroupByWithGroup(t *testing.T) {
	r := NewRedactor([]string{"auth"}, Mask)
	var root *Bound
	b := root.With([]slog.Attr{slog.Int("n", 1)}, r).WithGroup("auth").With([]slog.Attr{slog.String("user", "u")}, r).WithGroup("g")
	got := attrsJSON(t, encode(t, r, b, slog.String("pin", "1234")))
	if want := `{"n":1,"auth":{"user":"***","g":{"pin":"***"}}}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	// An encoder from the pool must not remember it.
	if got := attrsJSON(t, encode(t, r, nil, slog.String("pin", "1234"))); got != `{"pin":"1234"}` {
		t.Errorf("the next record: %s", got)
	}
}

// JSON that is too long is cut, and must not show what redaction hides.
func TestRedactLongJSON(t *testing.T) {
	v := map[string]string{"aaa": strings.Repeat("x", MaxString), "Password": "hunter2"}
	v["password"] = "hunter2"
	got := attrsJSON(t, encode(t, NewRedactor([]string{"password"}, Mask), nil, slog.Any("v", v)))
	if strings.Contains(got, "hunter2") {
		t.Error("the password is shown")
	}
}

func TestRedactTextThatIsNoJSON(t *testing.T) {
	r := NewRedactor([]string{"password"}, Mask)
	for _, text := range []string{`{"password":"hunter2"`, `{} {"password":"hunter2"}`, `{"password":"hunter2"}}`, ``} {
		e := NewEncoder(r)
		e.Begin(&Header{})
		e.JSON("k", []byte(text))
		if got := attrsJSON(t, append([]byte(nil), e.Finish()...)); got != `{"k":"***"}` {
			t.Errorf("%q became %s", text, got)
		}
		e.Release()
	}
}

func TestRedactJSONKeepsTheRest(t *testing.T) {
	for _, with := range []Redaction{Mask, Hash, Drop} {
		r := NewRedactor([]string{"secret"}, with)
		rest := `"f":1.50e+400,"i":123456789012345678901234567890,"s":"<&>\u2028é\"\\","t":[true,false,null,[],{}]`
		got := string(r.json([]byte(`{"secret":{"a":[1]},` + rest + `}`)))
		want := map[Redaction]string{Mask: `"secret":"***",`, Hash: `"secret":"` + hashed([]byte(`{"a":[1]}`)) + `",`}[with]
		if got != "{"+want+rest+"}" {
			t.Errorf("way %d: %s", with, got)
		}
	}
}

func TestRedactorRemembersBoundedly(t *testing.T) {
	r := NewRedactor([]string{"k1*"}, Mask)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 2000 {
				k := fmt.Sprintf("k%d", i+g*2000)
				if r.Match(k) != (k[1] == '1') {
					t.Errorf("Match(%q) is wrong", k)
				}
			}
		})
	}
	wg.Wait()
	r.Match(strings.Repeat("x", maxKey+1))
	if n := len(*r.known.Load()); n > maxKnown+4 {
		t.Errorf("%d keys are remembered", n)
	}
}

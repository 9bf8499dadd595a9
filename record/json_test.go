package record

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// slogJSON is what slog's JSONHandler writes for an attribute's value.
func slogJSON(t testing.TB, a slog.Attr) string {
	t.Helper()
	var b bytes.Buffer
	h := slog.NewJSONHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
			return slog.Attr{}
		}
		return a
	}})
	var r slog.Record
	r.AddAttrs(a)
	if err := h.Handle(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func checkString(t testing.TB, s string) {
	t.Helper()
	want := slogJSON(t, slog.String("k", s))
	p := encode(t, nil, nil, slog.String("k", s))
	if got := attrsJSON(t, p); got != want {
		t.Errorf("%q is %s, slog writes %s", s, got, want)
	}
	if got := `{"k":` + string(AppendJSONString(nil, s)) + `}`; got != want {
		t.Errorf("AppendJSONString(%q) is %s, slog writes %s", s, got, want)
	}
	key := string(AppendJSONString(nil, []byte(s)))
	if got := attrsJSON(t, encode(t, nil, nil, slog.Int(s, 1))); got != `{`+key+`:1}` && len(s) <= maxKey {
		t.Errorf("the key %q is %s", s, got)
	}
	// encoding/json reads back what it would have written itself.
	var back, other string
	if err := json.Unmarshal(AppendJSONString(nil, s), &back); err != nil {
		t.Errorf("%q: %v", s, err)
	}
	text, _ := json.Marshal(s)
	if err := json.Unmarshal(text, &other); err != nil || back != other {
		t.Errorf("%q comes back as %q, from encoding/json as %q", s, back, other)
	}
}

func checkFloat(t testing.TB, f float64) {
	t.Helper()
	got := string(AppendJSONFloat(nil, f))
	if math.IsNaN(f) || math.IsInf(f, 0) {
		if !json.Valid([]byte(got)) {
			t.Errorf("%v is %s", f, got)
		}
		return
	}
	want, _ := json.Marshal(f)
	if got != string(want) {
		t.Errorf("%v is %s, encoding/json writes %s", f, got, want)
	}
	if got := attrsJSON(t, encode(t, nil, nil, slog.Float64("k", f))); got != slogJSON(t, slog.Float64("k", f)) {
		t.Errorf("%v is %s, slog writes %s", f, got, slogJSON(t, slog.Float64("k", f)))
	}
}

func TestJSONStrings(t *testing.T) {
	for r := range rune(0x300) {
		for _, pad := range []string{"", "1234567", "12345678", "123456789012345"} {
			checkString(t, pad+string(r)+"x")
		}
	}
	for b := range 256 {
		for _, pad := range []string{"", "1234567", "日"} {
			checkString(t, pad+string([]byte{byte(b)})+pad)
			checkString(t, pad+"\xe2\x80"+string([]byte{byte(b)}))
		}
	}
	for _, s := range []string{"\u2028\u2029", "\ufffd", "\U0010ffff", "\xed\xa0\x80", "</script>&", strings.Repeat("é", 200), strings.Repeat("\"", 200)} {
		checkString(t, s)
	}
}

func TestJSONFloats(t *testing.T) {
	edges := []float64{0, 1, 0.1, 1e-6, 9.99e-7, 1e21, 9.99e20, 1e9, 999999999.999999, 0.000001, 0.0000015, 123.456, 1e-9, 1e-10, 1e100, 1e-100,
		math.MaxFloat64, math.SmallestNonzeroFloat64, math.Pi, math.Inf(1), math.NaN(), 1 << 53, 4503599627370497.5, 8388608.000001, 0.1 + 0.2}
	for _, f := range edges {
		for _, g := range []float64{f, -f, math.Nextafter(f, 0), math.Nextafter(f, math.Inf(1))} {
			checkFloat(t, g)
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		checkFloat(t, math.Float64frombits(rnd.Uint64()))
		checkFloat(t, math.Round(rnd.NormFloat64()*1e6)/math.Pow10(rnd.IntN(9)))
		checkFloat(t, rnd.Float64()*math.Pow10(rnd.IntN(20)-8))
	}
}

func FuzzJSONString(f *testing.F) {
	for _, s := range []string{"", "plain", "\"\\\n\r\t\b\f\x00\x7f", "é\u2028\xff", "12345678\"", "1234567\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) <= MaxString {
			checkString(t, s)
		}
	})
}

func FuzzJSONFloat(f *testing.F) {
	for _, v := range []float64{0, 1.5, -1e-7, 1e21, 0.1, 123456.789012} {
		f.Add(math.Float64bits(v))
	}
	f.Fuzz(func(t *testing.T, bits uint64) { checkFloat(t, math.Float64frombits(bits)) })
}

// Numbers and times of every size must be written as slog writes them.
func TestJSONLikeSlog(t *testing.T) {
	attrs := []slog.Attr{
		slog.Int64("k", math.MinInt64), slog.Uint64("k", math.MaxUint64), slog.Bool("k", true), slog.Duration("k", -5),
		slog.Group("k", slog.Int("a", 1), slog.Group("b", slog.String("c", "d"))), slog.Any("k", nil),
		slog.Any("k", []string{"<a>", "\u2028"}), slog.Any("k", map[int]any{2: 1.0, 1: nil}), slog.Any("k", slog.LevelWarn),
		slog.Any("k", json.RawMessage(`{"a": [1, 2]}`)), slog.Any("k", struct{ T []byte }{[]byte("x")}),
	}
	for _, a := range attrs {
		if got, want := attrsJSON(t, encode(t, nil, nil, a)), slogJSON(t, a); got != want {
			t.Errorf("%s, slog writes %s", got, want)
		}
	}
}

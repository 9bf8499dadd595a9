package format

import (
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/record"
)

func mustNew(tb testing.TB, format, datefmt string) *Text {
	tb.Helper()
	f, err := New(format, datefmt, time.UTC)
	if err != nil {
		tb.Fatalf("%q: %v", format, err)
	}
	return f
}

func TestRecordFields(t *testing.T) {
	e := record.NewEncoder(nil)
	defer e.Release()
	at := time.Unix(1709646306, 123456789)
	e.Begin(&record.Header{Level: record.Warning, Time: at, Logger: "shop.orders", Message: "order placed"})
	e.Caller(record.EncodeCaller(record.Caller{File: "/src/shop/orders.v2.go", Function: "github.com/x/shop.(*Orders).Place", Line: 7}))
	for _, a := range []slog.Attr{slog.String("user", "lee"), slog.String("user", "kim"), slog.String("name", "clash"),
		slog.Group("req", slog.String("method", "GET"), slog.Group("a", slog.Int("b", 1))), slog.String("http.path", "/x"), slog.Group("city", slog.String("name", "서울"))} {
		e.Attr(a)
	}
	var v record.View
	if err := v.Parse(e.Finish()); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ format, want string }{
		{"%(levelname)s - %(message)s", "WARNING - order placed"},
		{"%(name)s|%(msg)s|%(levelno)s|%(args)s", "shop.orders|order placed|30|()"},
		{"%(pathname)s|%(filename)s|%(module)s|%(lineno)d|%(funcName)s", "/src/shop/orders.v2.go|orders.v2.go|orders.v2|7|Place"},
		{"%(asctime)s|%(msecs)s|%(msecs)03d", "2024-03-05 13:45:06,123|123.0|123"},
		{"%(created)f|%(created)s", "1709646306.123457|1709646306.1234567"},
		{"%(relativeCreated)d|%(relativeCreated)s", "2123|2123.4567165374756"},
		{"%(processName)s|%(thread)d|%(threadName)s|%(taskName)s", "MainProcess|0|MainThread|None"},
		{"%(exc_info)s|%(exc_text)s|%(stack_info)s", "None|None|None"},
		{"%(user)s|%(extra.name)s", "kim|clash"},
		{"%(req.method)s|%(req.a.b)03d|%(http.path)s|%(req)s", "GET|001|/x|{'method': 'GET', 'a': {'b': 1}}"},
		{"%(args)r|%(city)a|%(city)r", "()|{'name': '\\uc11c\\uc6b8'}|{'name': '서울'}"},
		{"100%% %(message)s %%(name)s {x} $y", "100% order placed %(name)s {x} $y"},
		{"%(message)s\n\t김%(levelname).1s", "order placed\n\t김W"},
		{"", "order placed"},
	}
	for _, tt := range tests {
		f := mustNew(t, tt.format, "")
		f.StartedAt(at.Add(-2123456789))
		if got := string(f.Append(nil, &v)); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.format, got, tt.want)
		}
		if f.Misfits() != 0 {
			t.Errorf("%q: misfits", tt.format)
		}
	}
}

func TestOddRecordFields(t *testing.T) {
	tests := []struct {
		header       record.Header
		caller       *record.Caller
		format, want string
	}{
		{header: record.Header{Message: "x"}, format: "%(name)s", want: "root"},
		{header: record.Header{Level: 25}, format: "%(levelname)s", want: "Level 25"},
		{header: record.Header{Level: -3}, format: "%(levelname)s", want: "Level -3"},
		{header: record.Header{Level: 1000}, format: "%(levelname)9s", want: "Level 1000"},
		{header: record.Header{Message: "a\xffb"}, format: "%(message)s", want: "a\ufffdb"},
		{header: record.Header{Message: "a\xffb"}, format: "%(message)5s", want: "  a\ufffdb"},
		{format: "%(pathname)s:%(lineno)d %(funcName)s", want: "(unknown file):0 (unknown function)"},
		{caller: &record.Caller{File: ".hidden"}, format: "%(module)s", want: ".hidden"},
		{caller: &record.Caller{File: "/a/..b.go"}, format: "%(module)s", want: "..b"},
		{caller: &record.Caller{File: "noext"}, format: "%(module)s", want: "noext"},
		{caller: &record.Caller{Function: "main.main.func1"}, format: "%(funcName)s", want: "main.func1"},
		{caller: &record.Caller{Function: "a/b.T.Method"}, format: "%(funcName)s", want: "T.Method"},
		{caller: &record.Caller{Function: "bare"}, format: "%(funcName)s", want: "bare"},
	}
	for _, tt := range tests {
		e := record.NewEncoder(nil)
		e.Begin(&tt.header)
		if tt.caller != nil {
			e.Caller(record.EncodeCaller(*tt.caller))
		}
		var v record.View
		if err := v.Parse(e.Finish()); err != nil {
			t.Fatal(err)
		}
		if got := string(mustNew(t, tt.format, "").Append(nil, &v)); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.format, got, tt.want)
		}
		e.Release()
	}
}

// TestConversions has what CPython 3.11 prints.
func TestConversions(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	tests := []struct {
		spec  string // without the percent sign
		value any
		want  string
	}{
		{"05s", "a", "    a"}, {"-5s|", "a", "a    |"}, {".2s", true, "Tr"}, {"10.3s|", "abcdef", "       abc|"},
		{".s", "x", ""}, {"6s", "김철수", "   김철수"}, {".2s", "김철수", "김철"}, {"#s", "x", "x"},
		{"s", nil, "None"}, {"s", 1.0, "1.0"}, {"s", 1e-5, "1e-05"}, {"s", 1e16, "1e+16"}, {"s", 100000.0, "100000.0"},
		{"s", inf, "inf"}, {"s", -inf, "-inf"}, {"s", nan, "nan"}, {"s", 0.0001, "0.0001"}, {"s", math.Copysign(0, -1), "-0.0"},
		{"s", uint64(math.MaxUint64), "18446744073709551615"}, {"s", false, "False"},
		{"s", []byte("hi\x00'\\\n\xff"), `b'hi\x00\'\\\n\xff'`},
		{"s", time.Date(2024, 3, 5, 13, 45, 6, 123456789, time.UTC), "2024-03-05 13:45:06.123456+00:00"},
		{"s", time.Date(2024, 3, 5, 13, 45, 6, 0, time.FixedZone("", 9*3600)), "2024-03-05 13:45:06+09:00"},
		{"s", time.Date(2024, 3, 5, 13, 45, 6, 1000, time.FixedZone("", -12600)), "2024-03-05 13:45:06.000001-03:30"},
		{"s", 1500 * time.Millisecond, "1.5s"}, {"r", 1500 * time.Millisecond, "'1.5s'"},
		{"s", []any{1, "a'b", nil, true, 1.5, 1e21, map[string]any{"k": "v"}}, `[1, "a'b", None, True, 1.5, 1e+21, {'k': 'v'}]`},
		{"s", errors.New("boom"), "boom"},
		{"r", "a\n", `'a\n'`}, {"r", "it's", `"it's"`}, {"r", `it's "x"`, `'it\'s "x"'`}, {"r", 5, "5"}, {".4r", "abcdef", "'abc"},
		{"r", "é\u1234😀\x7f\u2028\u00ad\u200b", `'éሴ😀\x7f\u2028\xad\u200b'`},
		{"a", "é\u1234😀\x7f", `'\xe9\u1234\U0001f600\x7f'`}, {"-16r|", "root", "'root'          |"},
		{"c", 65, "A"}, {"05c", "a", "    a"}, {"c", true, "\x01"}, {"5.c|", "x", "    x|"}, {"-5c|", "x", "x    |"},
		{"d", 7, "7"}, {"4d", 7, "   7"}, {"-06d|", 7, "7     |"}, {"08.6d", 7, "00000007"}, {"08.6d", -7, "-0000007"},
		{"8.6d", 7, "  000007"}, {".d", 5, "5"}, {" d", 3, " 3"}, {"+ d", 3, "+3"}, {"+.3d", 3, "+003"}, {".3d", -3, "-003"},
		{"05d", -3, "-0003"}, {"i", -5.9, "-5"}, {"u", 5.9, "5"}, {"d", 1e20, "100000000000000000000"}, {"d", true, "1"}, {"ld", 5, "5"},
		{"d", int64(math.MinInt64), "-9223372036854775808"}, {"d", -0.5, "0"},
		{"x", int64(math.MinInt64), "-8000000000000000"}, {"#06x", 255, "0x00ff"}, {"#.6x", -255, "-0x0000ff"}, {"#o", 8, "0o10"},
		{"#X", 255, "0XFF"}, {"+x", 255, "+ff"}, {"X", 48879, "BEEF"}, {"x", true, "1"}, {"o", uint64(8), "10"},
		{"f", 1.5, "1.500000"}, {"06f", inf, "000inf"}, {"+06f", nan, "+00nan"}, {"F", inf, "INF"}, {"G", nan, "NAN"}, {"E", 1.5, "1.500000E+00"},
		{"#.0f", 3.0, "3."}, {"#g", 3.0, "3.00000"}, {"#.3e", 3.0, "3.000e+00"}, {"#.0e", 3.0, "3.e+00"}, {".0e", 3.0, "3e+00"}, {".0g", 123.0, "1e+02"},
		{"g", 1e5, "100000"}, {"g", 1e6, "1e+06"}, {"g", 123456789.0, "1.23457e+08"}, {"g", 0.0001, "0.0001"}, {"g", 0.00001, "1e-05"},
		{"#g", 1e6, "1.00000e+06"}, {"#.3g", 0.00012345, "0.000123"}, {"#.1g", 5.0, "5."},
		{"f", true, "1.000000"}, {"f", -3, "-3.000000"}, {".2f", uint64(3), "3.00"}, {"+.1f", 0.05, "+0.1"}, {"08.2f", -1.234, "-0001.23"}, {".f", 2.5, "2"},
	}
	for _, tt := range tests {
		v := viewOf(t, record.Header{}, slog.Any("v", tt.value))
		f := mustNew(t, "%(name).0s%(v)"+tt.spec, "") // CPython wants to see one field that it knows for one
		if got := string(f.Append(nil, v)); got != tt.want || f.Misfits() != 0 {
			t.Errorf("%%%s of %v: got %q, want %q", tt.spec, tt.value, got, tt.want)
		}
	}
}

// TestMisfits has what CPython loses the line for.
func TestMisfits(t *testing.T) {
	tests := []struct {
		format string
		value  any
		want   string
	}{
		{"%(user)s %(message)s", nil, "<no user> m"},
		{"%(user)5d %(message)s", nil, "<no user> m"},
		{"%(extra.name)s", nil, "<no extra.name>"},
		{"%(v)d %(message)s", "bob", "<v is not %d: bob> m"},
		{"%(v)d", nil, "<v is not %d: None>"},
		{"%(v)5.1f", "x", "<v is not %f: x>"},
		{"%(v)x", 1.5, "<v is not %x: 1.5>"},
		{"%(v)d", math.Inf(1), "<v is not %d: inf>"},
		{"%(v)c", "ab", "<v is not %c: ab>"},
		{"%(v)c", -1, "<v is not %c: -1>"},
		{"%(v)c", 0x110000, "<v is not %c: 1114112>"},
		{"%(v)d", []int{1}, "<v is not %d: [1]>"},
		{"%(message)d", nil, "<message is not %d: m>"},
	}
	for _, tt := range tests {
		f := mustNew(t, tt.format, "")
		v := viewOf(t, record.Header{Message: "m"}, slog.Any("v", tt.value))
		if got := string(f.Append(nil, v)); got != tt.want || f.Misfits() != 1 {
			t.Errorf("%q: got %q, want %q; %d misfits", tt.format, got, tt.want, f.Misfits())
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	tests := []struct {
		format string
		offset int
		text   string
	}{
		{"x", 0, "Invalid format 'x' for '%' style"},
		{"100%%", 0, "names no field"},
		{"%(message)y", 10, "unsupported format character 'y' (0x79)"},
		{"%(message)s %(levelname)", 12, "incomplete format"},
		{"%(message)s %", 12, "a single % at the end"},
		{"%(message)s %s", 12, "without a field"},
		{"%(message)s %(name", 12, "a ) is missing"},
		{"%(message)*s", 10, "* takes its width from"},
		{"%(message).*s", 11, "* takes its precision from"},
		{"%(message)99999s", 10, "width: want at most 10000"},
		{"%(message)%", 10, "unsupported format character '%'"},
		{"%(message).s %(name)ls", 0, "write %(name)s, or %(name) with digits behind the point"},
		{"%(message)hls", 11, "unsupported format character 'l'"},
		{"%(message)S", 10, "unsupported format character 'S'"},
		{"%(message)김", 10, "unsupported format character '김'"},
	}
	for _, tt := range tests {
		_, err := New(tt.format, "", nil)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Offset != tt.offset || !strings.Contains(err.Error(), tt.text) ||
			!strings.HasPrefix(err.Error(), "Invalid format '") {
			t.Errorf("%q: got %+v, want offset %d and %q", tt.format, err, tt.offset, tt.text)
		}
	}
}

func TestNestedKeys(t *testing.T) {
	v := viewOf(t, record.Header{}, slog.Int("a(b)c", 1), slog.Int("order id", 2), slog.Int("", 3))
	if got := string(mustNew(t, "%(a(b)c)s %(order id)s %()s", "").Append(nil, v)); got != "1 2 3" {
		t.Errorf("got %q", got)
	}
}

func TestNeedsCaller(t *testing.T) {
	for format, want := range map[string]bool{
		"%(message)s": false, "%(process)d": false, "%(taskName)s": false,
		"%(lineno)d": true, "%(pathname)s": true, "%(filename)s": true, "%(module)s": true, "%(funcName)s": true,
	} {
		if got := mustNew(t, format, "").NeedsCaller(); got != want {
			t.Errorf("%s: %v", format, got)
		}
	}
}

func TestDefault(t *testing.T) {
	v := viewOf(t, record.Header{Level: record.Info, Time: time.Unix(1709646306, 1e6), Logger: "shop", Message: "order placed"},
		slog.String("user", "kim"), slog.String("empty", ""), slog.String("two words", "a b"), slog.String("q", `"`),
		slog.String("eq", "a=b"), slog.String("nl", "a\nb"), slog.String("bad", "\xff"), slog.String("ko", "김"), slog.String("nbsp", "a\u00a0b"),
		slog.Int("n", -1), slog.Float64("f", 0.5), slog.Bool("b", true), slog.Any("nil", nil), slog.Duration("d", 90*time.Second),
		slog.Group("req", slog.String("m", "GET"), slog.Group("deep", slog.Int("x", 1)), slog.Group("other", slog.Int("y", 2)), slog.Int("z", 3)),
		slog.Any("list", []int{1, 2}), slog.Any("map", map[string]string{"k": "v"}))
	want := `2024-03-05 13:45:06,001 INFO shop: order placed user=kim empty="" "two words"="a b" q="\"" eq="a=b" nl="a\nb" bad="` + "\ufffd" +
		`" ko=김 nbsp="a` + "\u00a0" + `b" n=-1 f=0.5 b=true nil=null d=1m30s req.m=GET req.deep.x=1 req.other.y=2 req.z=3 list=[1,2] map="{\"k\":\"v\"}"`
	if got := string(Default(time.UTC).Append(nil, v)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzText(f *testing.F) {
	p := encoded(f, record.Header{Level: 25, Time: time.Unix(1, 2), Message: "b\x00"}, slog.Any("j", []any{1, nil, "x"}),
		slog.Group("g", slog.Float64("f", 1e300)), slog.Any("b", []byte{1}))
	f.Add("%(asctime)-30.5s %(message)#r %(j)a %(g.f)#.3g %(b)s %%", "%Y %-d %5H %Ex", p)
	f.Add("%(levelno)+08.3d %(name)c %(j)s", "%", p)
	f.Fuzz(func(t *testing.T, format, datefmt string, payload []byte) {
		text, err := New(format, datefmt, time.UTC)
		if err != nil {
			if syntax := err.(*SyntaxError); syntax.Offset < 0 || syntax.Offset > len(format) {
				t.Errorf("offset %d in %q", syntax.Offset, format)
			}
			return
		}
		var v record.View
		if v.Parse(payload) == nil {
			text.Append(nil, &v)
		}
	})
}

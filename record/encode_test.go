package record

import (
	"encoding/binary"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"
)

// encode makes the payload of a record with the attributes.
func encode(t testing.TB, redact *Redactor, bound *Bound, attrs ...slog.Attr) []byte {
	t.Helper()
	e := NewEncoder(redact)
	defer e.Release()
	e.Begin(&Header{Mask: 5, Kind: Log, Level: Info, Time: time.Unix(1_700_000_000, 5), Logger: "app", Message: "hello"})
	e.Bound(bound)
	for _, a := range attrs {
		e.Attr(a)
	}
	p := e.Finish()
	if len(p) > MaxPayload {
		t.Errorf("the payload has %d bytes, more than a frame can hold", len(p))
	}
	return append([]byte(nil), p...)
}

// parse reads a payload, walks all of it, and fails if anything is malformed.
func parse(t testing.TB, p []byte) *View {
	t.Helper()
	v := new(View)
	if err := v.Parse(p); err != nil {
		t.Fatal(err)
	}
	walkAll(t, v.Attrs())
	return v
}

func walkAll(t testing.TB, a Attrs) (n int) {
	t.Helper()
	var key []byte
	var val Value
	for a.Next(&key, &val) {
		n++
		if val.Type == Group {
			n += walkAll(t, val.Attrs())
		}
	}
	if a.Malformed() {
		t.Errorf("the attributes are malformed after %d", n)
	}
	return n
}

// attrsJSON is the attributes as JSON.
func attrsJSON(t testing.TB, p []byte) string {
	t.Helper()
	a := parse(t, p).Attrs()
	return string(a.AppendJSON(nil))
}

// only is the single attribute of a payload.
func only(t testing.TB, p []byte) (string, Value) {
	t.Helper()
	a := parse(t, p).Attrs()
	var key []byte
	var val Value
	if !a.Next(&key, &val) || !a.Empty() {
		t.Fatal("the record has not exactly one attribute")
	}
	return string(key), val
}

func TestHeaderRoundTrip(t *testing.T) {
	zone := time.FixedZone("", 3600)
	tests := map[string]Header{
		"plain":     {Mask: math.MaxUint64, Kind: Span, Level: -7, Time: time.Unix(1, 2), Logger: "a.b", Message: "m"},
		"empty":     {Time: time.Unix(0, 0)},
		"year 0":    {Time: time.Date(0, 1, 1, 0, 0, 0, 1, time.UTC)},
		"year 1e4":  {Time: time.Date(10000, 1, 1, 0, 0, 0, 0, zone)},
		"year 1e9":  {Time: time.Date(1e9, 1, 1, 0, 0, 0, 999_999_999, time.UTC), Level: math.MinInt32},
		"bad UTF-8": {Time: time.Unix(9, 9), Logger: "\xff", Message: "a\xc3", Level: math.MaxInt32},
	}
	for name, h := range tests {
		e := NewEncoder(nil)
		e.Begin(&h)
		v := parse(t, e.Finish())
		e.Release()
		if v.Mask != h.Mask || v.Kind != h.Kind || v.Level != h.Level || !v.Time().Equal(h.Time) ||
			string(v.Logger) != h.Logger || string(v.Message) != h.Message || v.Flags != 0 || v.Source != nil || v.ID != nil {
			t.Errorf("%s: %+v came back as %+v", name, h, v)
		}
		if _, ok := v.Caller(); ok || v.EncodedCaller() != nil {
			t.Errorf("%s: a caller came out of nothing", name)
		}
	}
}

func TestZeroTimeIsThePresent(t *testing.T) {
	e := NewEncoder(nil)
	defer e.Release()
	before := time.Now()
	e.Begin(&Header{})
	v := parse(t, e.Finish())
	if v.Flags&NoTime == 0 || v.Time().Before(before) || v.Time().After(time.Now()) {
		t.Errorf("time %v, flags %b", v.Time(), v.Flags)
	}
}

func TestParts(t *testing.T) {
	caller := Caller{File: "/src/a.go", Function: "a.F", Line: 1234}
	for mask := range 8 {
		e := NewEncoder(nil)
		e.Begin(&Header{Message: "m"})
		if mask&1 != 0 {
			e.Caller(EncodeCaller(caller))
		}
		if mask&2 != 0 {
			e.Source("syslog")
		}
		if mask&4 != 0 {
			e.ID("01HQZZZZZZZZZZZZZZZZZZZZZZ")
		}
		e.Attr(slog.Int("n", 1))
		v := parse(t, e.Finish())
		e.Release()
		c, ok := v.Caller()
		if ok != (mask&1 != 0) || ok && c != caller {
			t.Errorf("parts %b: caller %v, %v", mask, c, ok)
		}
		if (string(v.Source) == "syslog") != (mask&2 != 0) || (len(v.ID) == IDLength) != (mask&4 != 0) {
			t.Errorf("parts %b: source %q, id %q", mask, v.Source, v.ID)
		}
		a := v.Attrs()
		if got := string(a.AppendJSON(nil)); got != `{"n":1}` {
			t.Errorf("parts %b: attributes %s", mask, got)
		}
	}
}

func TestValueRoundTrip(t *testing.T) {
	when := time.Date(2024, 2, 29, 23, 59, 59, 123456789, time.FixedZone("", -5*3600-1800))
	tests := []struct {
		give slog.Value
		typ  Type
		ok   func(*Value) bool
		json string
	}{
		{slog.StringValue(""), String, func(v *Value) bool { return len(v.Raw) == 0 }, `""`},
		{slog.StringValue(strings.Repeat("é", 100)), String, func(v *Value) bool { return len(v.Raw) == 200 }, `"` + strings.Repeat("é", 100) + `"`},
		{slog.StringValue("a\xffb"), String, func(v *Value) bool { return string(v.Raw) == "a\xffb" }, `"a\ufffdb"`},
		{slog.Int64Value(math.MinInt64), Int, func(v *Value) bool { return v.Int() == math.MinInt64 }, `-9223372036854775808`},
		{slog.Int64Value(math.MaxInt64), Int, func(v *Value) bool { return v.Int() == math.MaxInt64 }, `9223372036854775807`},
		{slog.Uint64Value(math.MaxUint64), Uint, func(v *Value) bool { return v.Num == math.MaxUint64 }, `18446744073709551615`},
		{slog.Float64Value(math.NaN()), Float, func(v *Value) bool { return math.IsNaN(v.Float()) }, `"NaN"`},
		{slog.Float64Value(math.Inf(-1)), Float, func(v *Value) bool { return math.IsInf(v.Float(), -1) }, `"-Inf"`},
		{slog.Float64Value(math.Copysign(0, -1)), Float, func(v *Value) bool { return math.Signbit(v.Float()) }, `-0`},
		{slog.Float64Value(1e-7), Float, func(v *Value) bool { return v.Float() == 1e-7 }, `1e-7`},
		{slog.BoolValue(true), True, nil, `true`},
		{slog.BoolValue(false), False, nil, `false`},
		{slog.DurationValue(-time.Second), Duration, func(v *Value) bool { return v.Int() == -1e9 }, `-1000000000`},
		{slog.TimeValue(when), Time, func(v *Value) bool { return v.Time().Equal(when) && v.Offset == -19800 }, `"2024-02-29T23:59:59.123456789-05:30"`},
		{slog.TimeValue(time.Time{}), Time, func(v *Value) bool { return v.Time().IsZero() }, `"0001-01-01T00:00:00Z"`},
		{slog.TimeValue(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)), Time, nil, `"0000-01-01T00:00:00Z"`},
		{slog.TimeValue(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)), Time, nil, `"10000-01-01T00:00:00Z"`},
		{slog.AnyValue(time.Date(1e9, 1, 1, 0, 0, 0, 0, time.UTC)), Time, func(v *Value) bool { return v.Time().Year() == 1e9 }, `"1000000000-01-01T00:00:00Z"`},
		{slog.TimeValue(time.Unix(7, 0).In(time.FixedZone("", 1e6))), Time, func(v *Value) bool { return v.Time().Unix() == 7 && v.Offset == 0 }, `"1970-01-01T00:00:07Z"`},
		{slog.AnyValue(nil), Null, nil, `null`},
		{slog.AnyValue([]byte{0, 255}), Bytes, func(v *Value) bool { return string(v.Raw) == "\x00\xff" }, `"AP8="`},
		{slog.AnyValue(errors.New("no")), Err, func(v *Value) bool { return string(v.Raw) == "no" }, `"no"`},
		{slog.AnyValue(struct{ A any }{"<&>"}), JSON, nil, `{"A":"<&>"}`},
		{slog.AnyValue(slog.LevelInfo), JSON, nil, `"INFO"`},
	}
	for _, tt := range tests {
		key, v := only(t, encode(t, nil, nil, slog.Attr{Key: "k", Value: tt.give}))
		if key != "k" || v.Type != tt.typ || tt.ok != nil && !tt.ok(&v) {
			t.Errorf("%v came back as type %d: %+v", tt.give, v.Type, v)
		}
		if got := string(v.AppendJSON(nil)); got != tt.json {
			t.Errorf("%v is %s in JSON, want %s", tt.give, got, tt.json)
		}
	}
}

func TestLookup(t *testing.T) {
	v := parse(t, encode(t, nil, nil, slog.Group("a", slog.Int("x", 1), slog.Group("b", slog.Int("y", 2))),
		slog.Any("j", map[string]int{"z": 3}), slog.Int("a", 9)))
	tests := []struct {
		path  string
		depth int
	}{{"a", 1}, {"a x", 2}, {"a b y", 3}, {"j z", 1}, {"a x q", 0}, {"q", 0}, {"", 0}}
	for _, tt := range tests {
		var val Value
		depth, ok := v.Lookup(strings.Fields(tt.path), &val)
		if depth != tt.depth || ok != (tt.depth > 0) {
			t.Errorf("path %q: %d, %v, want %d", tt.path, depth, ok, tt.depth)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := encode(t, nil, nil, slog.Int("n", 1))
	change := func(f func(p []byte)) []byte {
		p := append([]byte(nil), good...)
		f(p)
		return p
	}
	tests := map[string]struct {
		p    []byte
		want error
	}{
		"empty":             {nil, errMalformed},
		"short":             {good[:HeaderSize-1], errMalformed},
		"message too long":  {change(func(p []byte) { binary.LittleEndian.PutUint32(p[offMessage:], math.MaxUint32) }), errMalformed},
		"logger too long":   {change(func(p []byte) { binary.LittleEndian.PutUint16(p[offLogger:], math.MaxUint16) }), errMalformed},
		"nanoseconds":       {change(func(p []byte) { binary.LittleEndian.PutUint32(p[offNanos:], 1e9) }), errMalformed},
		"parts are missing": {change(func(p []byte) { p[offFlags] |= byte(HasID) }), errMalformed},
		"kind":              {change(func(p []byte) { p[offKind] = byte(numKinds) }), ErrEncoding},
		"encoding":          {change(func(p []byte) { p[offEncode] = EncodingJSON }), ErrEncoding},
	}
	for name, tt := range tests {
		if err := new(View).Parse(tt.p); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

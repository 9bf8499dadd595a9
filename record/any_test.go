package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"strings"
	"testing"
)

// bad panics, or fails, in every method that a value can have.
type (
	badJSON    struct{}
	failJSON   struct{}
	wrongJSON  struct{}
	badError   struct{}
	badString  struct{}
	badText    struct{}
	failText   struct{}
	badValue   struct{}
	endless    struct{}
	ptrJSON    struct{ a int }
	ptrString  struct{ a int }
	ptrText    struct{ a int }
	ptrError   struct{ a int }
	ptrValue   struct{ a int }
	evilString struct{}
)

func (badJSON) MarshalJSON() ([]byte, error)   { panic("json") }
func (failJSON) MarshalJSON() ([]byte, error)  { return nil, errors.New("no json") }
func (wrongJSON) MarshalJSON() ([]byte, error) { return []byte(`{"a":`), nil }
func (badError) Error() string                 { panic(errors.New("error")) }
func (badString) String() string               { panic(1) }
func (badText) MarshalText() ([]byte, error)   { panic("text") }
func (failText) MarshalText() ([]byte, error)  { return nil, errors.New("no text") }
func (badValue) LogValue() slog.Value          { panic("value") }
func (endless) LogValue() slog.Value           { return slog.AnyValue(endless{}) }
func (p *ptrJSON) MarshalJSON() ([]byte, error) {
	return fmt.Append(nil, p.a), nil
}
func (p *ptrString) String() string             { return fmt.Sprint(p.a) }
func (p *ptrText) MarshalText() ([]byte, error) { return fmt.Append(nil, p.a), nil }
func (p *ptrError) Error() string               { return fmt.Sprint(p.a) }
func (p *ptrValue) LogValue() slog.Value        { return slog.IntValue(p.a) }
func (evilString) String() string               { panic(evilString{}) } // the panic's own text panics

type holder struct {
	Name string
	F    func() `json:"f"`
}

func TestAny(t *testing.T) {
	self := map[string]any{}
	self["self"] = self
	ring := []any{nil}
	ring[0] = ring
	tests := []struct {
		name string
		give any
		want string // its JSON, or how that begins when it ends in "…"
	}{
		{"panicking MarshalJSON", badJSON{}, `"!PANIC: json"`},
		{"failing MarshalJSON", failJSON{}, `"!ERROR:json: error calling MarshalJSON for type record.failJSON: no json…`},
		{"MarshalJSON without JSON", wrongJSON{}, `"!ERROR:json: …`},
		{"panicking Error", badError{}, `"!PANIC: error"`},
		{"panicking String", badString{}, `"!PANIC: 1"`},
		{"panicking MarshalText", badText{}, `"!PANIC: text"`},
		{"failing MarshalText", failText{}, `"!ERROR:no text"`},
		{"panic that panics", evilString{}, `"!PANIC"`},
		{"panicking LogValue", badValue{}, `"LogValue panicked…`},
		{"endless LogValue", endless{}, `"LogValue called too many times…`},
		{"nil pointer, MarshalJSON", (*ptrJSON)(nil), `null`},
		{"nil pointer, String", (*ptrString)(nil), `"\u003cnil>"…`},
		{"nil pointer, MarshalText", (*ptrText)(nil), `"\u003cnil>"…`},
		{"nil pointer, Error", (*ptrError)(nil), `"\u003cnil>"…`},
		{"nil pointer, LogValue", (*ptrValue)(nil), `"LogValue panicked…`},
		{"nil pointer", (*int)(nil), `null`},
		{"nil map", map[string]int(nil), `null`},
		{"raw JSON", json.RawMessage(`{ "a" : 1 }`), `{"a":1}`},
		{"bad raw JSON", json.RawMessage(`{`), `"!ERROR:json…`},
		{"function", holder{Name: "x"}, `"!ERROR:json: unsupported type: func(): {Name:x F:\u003cnil>}"…`},
		{"NaN inside", []float64{1, math.NaN()}, `"!ERROR:json: unsupported value: NaN: [1 NaN]"`},
		{"channel", make(chan int), `"!ERROR:json: unsupported type: chan int…`},
		{"map that holds itself", self, `"!ERROR:json: unsupported value: encountered a cycle…`},
		{"slice that holds itself", ring, `"!ERROR:json: unsupported value: encountered a cycle…`},
		{"address", netip.MustParseAddr("::1"), `"::1"`},
		{"struct", struct{ A, b int }{1, 2}, `{"A":1}`},
		{"no escapes for HTML", map[string]string{"url": "http://a/?b&c=<d>"}, `{"url":"http://a/?b&c=<d>"}`},
	}
	for _, tt := range tests {
		key, v := only(t, encode(t, nil, nil, slog.Any("k", tt.give)))
		want, begins := strings.CutSuffix(strings.ReplaceAll(tt.want, `\u003c`, "<"), "…")
		got := string(v.AppendJSON(nil))
		if key != "k" || got != want && !(begins && strings.HasPrefix(got, want)) {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// What stands before and after a value whose method panics must be whole.
func TestPanicLeavesNothingHalf(t *testing.T) {
	for _, bad := range []any{badJSON{}, badError{}, badString{}, badText{}, badValue{}, evilString{}} {
		p := encode(t, nil, nil, slog.Int("a", 1), slog.Group("g", slog.Int("b", 2), slog.Any("bad", bad), slog.Int("c", 3)), slog.Int("d", 4))
		got := attrsJSON(t, p)
		if !strings.HasPrefix(got, `{"a":1,"g":{"b":2,"bad":"`) || !strings.HasSuffix(got, `,"c":3},"d":4}`) {
			t.Errorf("%T: %s", bad, got)
		}
	}
}

func TestAppendText(t *testing.T) {
	tests := []struct {
		give any
		want string
	}{
		{"a\xffb\"", "a\uFFFDb\""}, {1500_000_000 * 1, "1500000000"}, {1.5, "1.5"}, {true, "true"}, {nil, "null"},
		{errors.New("no\x80"), "no\uFFFD"}, {[]byte{0, 255}, "AP8="}, {uint64(7), "7"}, {map[string]int{"a": 1}, `{"a":1}`},
		{math.NaN(), "NaN"},
	}
	for _, tt := range tests {
		_, v := only(t, encode(t, nil, nil, slog.Any("k", tt.give)))
		if got := string(v.AppendText(nil)); got != tt.want {
			t.Errorf("%v is %q as text, want %q", tt.give, got, tt.want)
		}
	}
}

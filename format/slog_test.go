package format

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/girok/girok/record"
)

// handler is a slog.Handler that writes JSON by way of a frame.
type handler struct {
	out   *bytes.Buffer
	json  Formatter
	bound *record.Bound
}

func (h handler) Enabled(context.Context, slog.Level) bool { return true }

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.bound = h.bound.With(attrs, nil)
	return h
}

func (h handler) WithGroup(name string) slog.Handler {
	h.bound = h.bound.WithGroup(name)
	return h
}

func (h handler) Handle(_ context.Context, r slog.Record) error {
	e := record.NewEncoder(nil)
	defer e.Release()
	e.Begin(&record.Header{Level: record.FromSlog(r.Level), Time: r.Time, Message: r.Message})
	if h.json.NeedsCaller() {
		e.Caller(new(record.Callers).Encoded(r.PC))
	}
	e.Bound(h.bound)
	r.Attrs(func(a slog.Attr) bool { e.Attr(a); return true })
	var v record.View
	if err := v.Parse(e.Finish()); err != nil {
		return err
	}
	h.out.Write(append(h.json.Append(nil, &v), '\n'))
	return nil
}

// choices makes values out of bytes, so that a fuzzer can steer.
type choices struct{ b []byte }

func (c *choices) byte() int {
	if len(c.b) == 0 {
		return 0
	}
	n := c.b[0]
	c.b = c.b[1:]
	return int(n)
}

func (c *choices) n(limit int) int { return c.byte() % limit }

func (c *choices) uint64() uint64 {
	var b [8]byte
	c.b = c.b[copy(b[:], c.b):]
	return binary.LittleEndian.Uint64(b[:])
}

func (c *choices) text() string {
	parts := []string{
		"", "user", "a", "\"", "\\", "\n\r\t\b\f\x00\x1f\x7f", "김 철수", "\xff", "\xed\xa0\x80", "\u2028\u2029", "<&>",
		"=", "😀", "\ufffd", "long enough for words of eight bytes", "1234567", "12345678", "1234567\"",
	}
	s := ""
	for range c.n(4) {
		s += parts[c.n(len(parts))]
	}
	if c.n(3) == 0 {
		n := min(c.n(20), len(c.b))
		s += string(c.b[:n])
		c.b = c.b[n:]
	}
	return s
}

func (c *choices) float() float64 {
	switch c.n(3) {
	case 0:
		return float64(int64(c.uint64())%1e12) / math.Pow10(c.n(10))
	case 1:
		return []float64{0, math.Copysign(0, -1), 1e21, 1e-6, 1e-7, 1e20, math.MaxFloat64, math.SmallestNonzeroFloat64,
			0.1, 1e9, 999999999.999999, 0.000001, 123456.5, -0.25}[c.n(14)]
	}
	if f := math.Float64frombits(c.uint64()); !math.IsNaN(f) && !math.IsInf(f, 0) {
		return f
	}
	return 1
}

func (c *choices) time() time.Time {
	zones := []*time.Location{time.UTC, time.FixedZone("", 9*3600), time.FixedZone("x", -19800), time.FixedZone("s", 3599)}
	const years = 9990 * 365 * 86400
	sec := int64(c.uint64()%years) - 62135596800 + 86400*366
	nanos := []int64{0, 1, 500_000_000, 123456789, 999_999_999}[c.n(5)]
	return time.Unix(sec, nanos).In(zones[c.n(len(zones))])
}

type lazy struct{ v slog.Value }

func (l lazy) LogValue() slog.Value { return l.v }

type panics struct{}

func (panics) LogValue() slog.Value { panic("no") }

func (c *choices) value(depth int) slog.Value {
	switch c.n(16) {
	case 0, 1:
		return slog.StringValue(c.text())
	case 2:
		return slog.Int64Value(int64(c.uint64()))
	case 3:
		return slog.Int64Value(int64(int8(c.byte())))
	case 4:
		return slog.Uint64Value(c.uint64())
	case 5, 6:
		return slog.Float64Value(c.float())
	case 7:
		return slog.BoolValue(c.n(2) == 0)
	case 8:
		return slog.DurationValue(time.Duration(c.uint64()))
	case 9:
		return slog.TimeValue(c.time())
	case 10:
		return slog.AnyValue(errors.New(c.text()))
	case 11:
		return slog.AnyValue(nil)
	case 12:
		return slog.AnyValue([]any{map[string]any{"b": 1.5, "a": []int{1, 2}}, "x\n", nil, struct{ A *int }{}}[c.n(4)])
	case 13:
		return slog.AnyValue([]byte("bytes" + strconv.Itoa(c.byte())))
	case 14:
		if depth > 4 {
			return slog.Value{}
		}
		return slog.AnyValue(lazy{c.value(depth + 1)})
	}
	if depth > 4 {
		return slog.GroupValue()
	}
	return slog.GroupValue(c.attrs(depth+1, 4)...)
}

func (c *choices) attrs(depth, limit int) []slog.Attr {
	var attrs []slog.Attr
	for range c.n(limit) {
		attrs = append(attrs, slog.Attr{Key: c.text(), Value: c.value(depth)})
	}
	return attrs
}

// sameAsSlog logs one record, made out of data, in both ways.
func sameAsSlog(t *testing.T, data []byte) {
	t.Helper()
	c := &choices{data}
	var want, got bytes.Buffer
	at := c.time()
	source := c.n(2) == 0
	rivals := []slog.Handler{
		slog.NewJSONHandler(&want, &slog.HandlerOptions{AddSource: source, Level: slog.Level(math.MinInt)}),
		handler{out: &got, json: NewJSON(JSONOptions{Location: at.Location(), Source: source})},
	}
	if c.n(8) == 0 {
		at = time.Time{}
	}
	var pc uintptr
	if c.n(2) == 0 {
		pc = here
	}
	r := slog.NewRecord(at, slog.Level(c.n(40)-20), c.text(), pc)
	for range c.n(4) {
		if c.n(2) == 0 {
			name := c.text()
			for i, h := range rivals {
				if name != "" { // slog.Logger does not pass on an empty one
					rivals[i] = h.WithGroup(name)
				}
			}
			continue
		}
		attrs := c.attrs(0, 4)
		for i, h := range rivals {
			rivals[i] = h.WithAttrs(attrs)
		}
	}
	r.AddAttrs(c.attrs(0, 9)...)
	for _, h := range rivals {
		if err := h.Handle(context.Background(), r); err != nil {
			t.Fatal(err)
		}
	}
	if !json.Valid(got.Bytes()) {
		t.Errorf("data %q: not valid: %s", data, got.Bytes())
	}
	if !json.Valid(want.Bytes()) || bytes.Contains(want.Bytes(), []byte(":{}")) {
		return // where a group turns out empty, slog may forget a comma, or leave {}
	}
	if !bytes.Equal(want.Bytes(), got.Bytes()) {
		t.Errorf("data %q\nslog %sours %s", data, want.Bytes(), got.Bytes())
	}
}

// here is a program counter in this file.
var here = func() uintptr {
	var pc uintptr
	h := handlerFunc(func(r slog.Record) { pc = r.PC })
	slog.New(h).Info("")
	return pc
}()

type handlerFunc func(slog.Record)

func (handlerFunc) Enabled(context.Context, slog.Level) bool        { return true }
func (f handlerFunc) Handle(_ context.Context, r slog.Record) error { f(r); return nil }
func (f handlerFunc) WithAttrs([]slog.Attr) slog.Handler            { return f }
func (f handlerFunc) WithGroup(string) slog.Handler                 { return f }

func TestSameAsSlog(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	rounds := 20_000
	if testing.Short() {
		rounds = 1000
	}
	for range rounds {
		data := make([]byte, 20+rng.IntN(300))
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		if sameAsSlog(t, data); t.Failed() {
			return
		}
	}
}

func FuzzSameAsSlog(f *testing.F) {
	f.Add([]byte("0123456789abcdefghijklmnopqrstuvwxyz"))
	f.Fuzz(sameAsSlog)
}

func TestPanickingValuer(t *testing.T) {
	v := viewOf(t, record.Header{Level: record.Info, Message: "x"}, slog.Any("p", panics{}), slog.Int("n", 1))
	out := NewJSON(JSONOptions{}).Append(nil, v)
	if !bytes.Contains(out, []byte(`"n":1`)) {
		t.Errorf("got %s", out)
	}
}

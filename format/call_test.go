package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/record"
)

type (
	stringer  struct{ S string }
	texter    struct{ S string }
	marshaler struct{ S string }
	panicky   struct{ A int }
	order     struct {
		ID    int               `json:"id"`
		Name  string            `json:"name,omitempty"`
		Lines map[string]int    `json:"lines"`
		inner fmt.Stringer      // encoding/json leaves it out
		Next  *order            `json:"next,omitempty"`
		Tags  map[string]string `json:"-"`
	}
)

func (s stringer) String() string                { return s.S }
func (s texter) MarshalText() ([]byte, error)    { return []byte(s.S), nil }
func (s marshaler) MarshalJSON() ([]byte, error) { return json.Marshal(s.S) }
func (panicky) String() string                   { panic("String") }

// wild is a value of a kind that slog leaves to others, or that is huge.
func (c *choices) wild() slog.Value {
	switch c.n(16) {
	case 0:
		return slog.AnyValue(panics{})
	case 1:
		return slog.AnyValue(stringer{c.text()})
	case 2:
		return slog.AnyValue(texter{c.text()})
	case 3:
		return slog.AnyValue(marshaler{c.text()})
	case 4:
		return slog.AnyValue(panicky{})
	case 5:
		return slog.AnyValue((*order)(nil))
	case 6:
		return slog.AnyValue(order{ID: c.byte(), Name: c.text(), inner: stringer{"x"}, Next: &order{}})
	case 7:
		return slog.StringValue("bad \xff\xc3( utf8 \xed\xa0\x80" + c.text())
	case 8:
		return slog.StringValue(strings.Repeat("<é\n", 1<<(c.n(8)+9)))
	case 9:
		return slog.AnyValue(make(chan int))
	case 10:
		return slog.AnyValue(func() {})
	case 11:
		return slog.AnyValue(fmt.Errorf("%s: %w", c.text(), errors.ErrUnsupported))
	case 12:
		return slog.AnyValue(json.RawMessage(`{"a": [1, "` + "é" + `"]}`))
	case 13:
		return slog.AnyValue(json.RawMessage(`{broken`))
	case 14:
		return slog.AnyValue([]slog.Attr{slog.Int("in", 1), {}})
	}
	return slog.AnyValue(errors.Join(errors.New(c.text()), errors.New("b")))
}

func (c *choices) wildAttrs(limit int) []slog.Attr {
	attrs := c.attrs(0, limit)
	for range c.n(3) {
		a := slog.Attr{Key: c.text(), Value: c.wild()}
		switch c.n(5) {
		case 0:
			a = slog.Attr{}
		case 1:
			a = slog.Attr{Key: c.text(), Value: slog.GroupValue(a, slog.Attr{}, slog.Group("", a))}
		}
		attrs = append(attrs, a)
	}
	return attrs
}

// stacks is what slog writes for a LogValue that panics: it says who called.
var stacks = regexp.MustCompile(`LogValue panicked[^"]*`)

// sameAsFrame writes one call, made out of data, with and without a frame: the
// bytes are the same, and only open groups and length are reasons for a frame.
func sameAsFrame(t *testing.T, data []byte) {
	t.Helper()
	c := &choices{data}
	at := c.time()
	if c.n(8) == 0 {
		at = time.Time{}
	}
	j := NewJSON(JSONOptions{Location: at.Location()})
	call := record.Call{
		Level: record.Level(c.n(70) - 10), Logger: []string{"", "shop", "shop.orders", c.text()}[c.n(4)],
		Record: slog.NewRecord(at, 0, c.text(), here),
	}
	open := false
	for range c.n(3) {
		if c.n(4) == 0 {
			name := c.text()
			call.Bound, open = call.Bound.WithGroup(name), open || name != ""
			continue
		}
		call.Bound = call.Bound.With(c.wildAttrs(4), nil)
	}
	call.Record.AddAttrs(c.wildAttrs(9)...)

	for range 3 { // from one place in the code
		got, ok := j.AppendCall([]byte("before"), &call)
		want, length := framed(t, j, &call)
		switch {
		case !ok && !open && length < 32<<10:
			t.Errorf("data %q: a frame is asked for without a reason", data)
		case ok && open:
			t.Errorf("data %q: a group is open", data)
		case ok && !bytes.Equal(want, stacks.ReplaceAll(got, nil)):
			t.Errorf("data %q\nframe    %.500s\nstraight %.500s", data, want, got)
		}
		c.again(&call)
	}
}

// framed is the line of a call by a frame, and how long that is.
func framed(t *testing.T, f Formatter, c *record.Call) (line []byte, length int) {
	t.Helper()
	e := record.NewEncoder(nil)
	defer e.Release()
	e.Begin(&record.Header{Level: c.Level, Time: c.Record.Time, Logger: c.Logger, Message: c.Record.Message})
	e.Bound(c.Bound)
	c.Record.Attrs(func(a slog.Attr) bool { e.Attr(a); return true })
	var v record.View
	payload := e.Finish()
	if err := v.Parse(payload); err != nil {
		t.Fatal(err)
	}
	return stacks.ReplaceAll(f.Append([]byte("before"), &v), nil), len(payload)
}

// again makes a call another one from the same place in the code: most of it stays
// mostly.
func (c *choices) again(call *record.Call) {
	r := slog.NewRecord(call.Record.Time.Add(time.Second), 0, c.text(), call.Record.PC)
	switch c.n(8) {
	case 0:
		call.Level++
	case 1:
		call.Logger += "x"
	case 2:
		r.AddAttrs(slog.Int("first", 1))
	}
	skip := c.n(16)
	call.Record.Attrs(func(a slog.Attr) bool {
		switch skip--; {
		case skip == 0 && c.n(2) == 0:
			return true
		case skip == 0:
			a.Key += "x"
		case c.n(4) == 0:
			a.Value = c.value(6)
		}
		r.AddAttrs(a)
		return true
	})
	call.Record = r
}

func TestCallIsTheFrame(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	rounds := 10_000
	if testing.Short() {
		rounds = 1000
	}
	for range rounds {
		data := make([]byte, 20+rng.IntN(300))
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		if sameAsFrame(t, data); t.Failed() {
			return
		}
	}
}

func FuzzCallIsTheFrame(f *testing.F) {
	f.Add([]byte("0123456789abcdefghijklmnopqrstuvwxyz"))
	f.Add(bytes.Repeat([]byte{7, 255}, 100))
	f.Fuzz(sameAsFrame)
}

// With the source, a call needs a frame.
func TestCallWithSource(t *testing.T) {
	c := record.Call{Record: slog.NewRecord(time.Now(), 0, "m", here)}
	if out, ok := NewJSON(JSONOptions{Source: true}).AppendCall([]byte("x"), &c); ok || string(out) != "x" {
		t.Errorf("got %q %v", out, ok)
	}
}

// callFormatter is a formatter that can do without a frame.
type callFormatter interface {
	Formatter
	AppendCall(dst []byte, c *record.Call) (_ []byte, ok bool)
}

// Python's formatters, and those for lines of text, write a call as they write the
// frame, and take a frame only where they must.
func TestPythonCallIsTheFrame(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	var all []callFormatter
	for _, keys := range []string{
		`"()": ` + classJSON2, `"()": ` + classJSON2 + ", format: '%(asctime)s %(levelname)s %(name)s %(message)s %(created)f'", `"()": ` + classJSON2 + ", static_fields: {a: 1}, timestamp: true",
		`"()": ` + classJSON2 + ", version: 4.2, json_ensure_ascii: false, prefix: p", `format: "%(asctime)s | %(levelname)-8s - %(message)s"`, `format: "%(name).3s %(msecs)03d %(created)f %(levelno)r %(args)s"`,
		`format: "{message!r:>5} {relativeCreated}", style: "{"`, `format: "${message} $asctime", style: "$", datefmt: "%H:%M"`,
		`class: logfmt`, `class: ecs`, `class: gcp`, `class: console`, `class: console, color: always`, `format: "%(message)s %(stack_info)s"`, `format: "%(message)s %(user)s"`, `format: "%(message)s %(process)d"`, `format: "%(message)s %(lineno)d"`, `class: uvicorn.logging.DefaultFormatter, format: "%(message)s"`,
	} {
		all = append(all, made(t, keys).(callFormatter))
	}
	const never = 5 // of the last ones may do without
	quick, plain, known := 0, 0, 0
	for pc := range uintptr(10_000) {
		data := make([]byte, 20+rng.IntN(250))
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		c := &choices{data}
		which := c.n(len(all))
		call := record.Call{Level: record.Level(c.n(70) - 10), Logger: []string{"", "shop", c.text()}[c.n(3)], Record: slog.NewRecord(c.time(), 0, c.text(), pc)}
		if c.n(16) == 0 {
			call.Record.Time = time.Time{}
		}
		keys := []string{"user", "order", "a", "score", "이름", "name", "b", "stacked", "errors", "error", "stack", "exc_info", "exc_text", "stack_info", "trace_id", "time", "labels", "url", "host"}
		familiar := func(n int) (attrs []slog.Attr) {
			for i := range c.n(n) {
				attrs = append(attrs, slog.Attr{Key: keys[(c.n(len(keys))+i)%len(keys)], Value: c.value(6)})
			}
			return attrs
		}
		switch c.n(6) {
		case 0:
			call.Bound = call.Bound.With(familiar(3), nil)
		case 1:
			call.Bound = call.Bound.With(c.wildAttrs(2), nil).With(familiar(3), nil)
		case 2:
			call.Bound = call.Bound.With(familiar(3), nil).WithGroup(c.text())
		}
		simple := c.n(3) > 0
		if simple {
			call.Record.AddAttrs(familiar(7)...)
		} else {
			call.Record.AddAttrs(c.wildAttrs(9)...)
		}
		for range 3 { // from one place in the code
			j, isJSON := all[which].(*PyJSON)
			isKnown := isJSON && call.Bound == nil && j.straight.sites.of(&call) != nil
			got, ok := all[which].AppendCall([]byte("before"), &call)
			switch {
			case !ok && string(got) != "before":
				t.Fatalf("data %q: something is left: %s", data, got)
			case ok && which >= len(all)-never:
				t.Fatalf("data %q: without a frame: %s", data, got)
			case ok:
				if quick++; which >= 4 {
					plain++
				}
				if isKnown {
					known++
				}
				if want, _ := framed(t, all[which], &call); !bytes.Equal(want, stacks.ReplaceAll(got, nil)) {
					t.Fatalf("data %q, formatter %d\nframe %.500s\ncall  %.500s", data, which, want, got)
				}
			}
			c.again(&call)
		}
	}
	if quick < 2000 || plain < 1000 || known < 200 {
		t.Errorf("only %d without a frame, %d of them texts, and %d of known places", quick, plain, known)
	}
}

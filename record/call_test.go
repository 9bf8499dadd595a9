package record

import (
	"bytes"
	"errors"
	"log/slog"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"
)

// callOf is a call with these attributes.
func callOf(b *Bound, msg string, attrs ...slog.Attr) *Call {
	c := NewCall()
	c.Level, c.Logger, c.Bound = Info, "app", b
	c.Record = slog.NewRecord(time.Unix(1_700_000_000, 5), slog.LevelInfo, msg, 0)
	c.Record.AddAttrs(attrs...)
	return c
}

// frameMembers is what a frame of the call gives.
func frameMembers(t testing.TB, c *Call) []byte {
	t.Helper()
	e := NewEncoder(nil)
	defer e.Release()
	e.Begin(&Header{Level: c.Level, Time: c.Record.Time, Logger: c.Logger, Message: c.Record.Message})
	e.Bound(c.Bound)
	c.Record.Attrs(func(a slog.Attr) bool { e.Attr(a); return true })
	var v View
	if err := v.Parse(e.Finish()); err != nil {
		t.Fatal(err)
	}
	return v.Attrs().AppendMembers(nil)
}

func repeat(n int, a slog.Attr) []slog.Attr {
	list := make([]slog.Attr, n)
	for i := range list {
		list[i] = a
	}
	return list
}

// Whenever a call can be written without a frame, the bytes are the frame's.
// want says whether it can.
func TestCallIsTheFrame(t *testing.T) {
	long := strings.Repeat("x", MaxString+1)
	zero := slog.Float64("", 0) // takes twice as much of a frame as of JSON
	var root *Bound
	plain := root.With([]slog.Attr{slog.Int("a", 1), slog.String("b", "x\n")}, nil)
	tests := map[string]struct {
		bound  *Bound
		logger string
		msg    string
		attrs  []slog.Attr
		want   bool
	}{
		"nothing":             {want: true},
		"kinds":               {attrs: []slog.Attr{slog.Int("i", -1), slog.Uint64("u", math.MaxUint64), slog.Float64("f", math.NaN()), slog.Bool("b", true), slog.Duration("d", 1), slog.Time("t", time.Unix(1, 2)), slog.Any("n", nil)}, want: true},
		"bound":               {bound: plain, attrs: []slog.Attr{slog.Int("c", 3)}, want: true},
		"bound group inside":  {bound: root.With([]slog.Attr{slog.Group("g", slog.Int("a", 1))}, nil), want: true},
		"open group":          {bound: plain.WithGroup("g"), attrs: []slog.Attr{slog.Int("c", 3)}},
		"open, no attributes": {bound: plain.WithGroup("g")},
		"zero attributes":     {attrs: []slog.Attr{{}, slog.Int("", 1), {}}, want: true},
		"long message":        {msg: long},
		"longest message":     {msg: long[1:], attrs: repeat(9, slog.Int("a", 1)), want: true},
		"long string":         {attrs: []slog.Attr{slog.String("s", long)}, want: true},
		"long key":            {attrs: []slog.Attr{slog.Int(long[:5000], 1)}, want: true},
		"long logger":         {logger: long},
		"many":                {attrs: repeat(100_000, slog.Int("abc", 1))},
		"dense":               {attrs: repeat(25_000, zero), want: true},
		"dense, long message": {msg: long[1:], logger: long[:math.MaxUint16], attrs: repeat(25_000, zero)},
		"bound to the brim":   {bound: root.With(repeat(25_000, zero), nil)},
		"error":               {attrs: []slog.Attr{slog.Any("err", errors.New("no"))}, want: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := callOf(tt.bound, tt.msg, tt.attrs...)
			defer c.Release()
			if tt.logger != "" {
				c.Logger = tt.logger
			}
			got, ok := c.AppendMembers([]byte("before"), nil)
			if ok != tt.want {
				t.Errorf("ok is %v", ok)
			}
			if want := frameMembers(t, c); ok && string(got) != "before"+string(want) {
				t.Errorf("%d bytes, the frame has %d:\n%.300s\n%.300s", len(got)-6, len(want), got[6:], want)
			}
		})
	}
}

// A group bound once is made into JSON once, also when many ask together.
func TestBoundJSONIsShared(t *testing.T) {
	var root *Bound
	b := root.With([]slog.Attr{slog.String("service", "shop")}, nil)
	done := make(chan []byte)
	for range 8 {
		go func() {
			c := callOf(b, "m", slog.Int("n", 1))
			defer c.Release()
			out, _ := c.AppendMembers(nil, nil)
			done <- out
		}()
	}
	for range 8 {
		if got := <-done; string(got) != `,"service":"shop","n":1` {
			t.Errorf("got %s", got)
		}
	}
}

// What a released call held goes with the pool's memory at the latest.
func TestReleasedCallHoldsNothing(t *testing.T) {
	held := new([64]byte)
	w := weak.Make(held)
	c := callOf(nil, "m", slog.Any("held", held))
	c.Release()
	c, held = nil, nil
	for range 2 { // the pool keeps things over one
		runtime.GC()
	}
	if w.Value() != nil {
		t.Error("it is held still")
	}
}

func TestCallAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool forget")
	}
	var root *Bound
	b := root.With([]slog.Attr{slog.String("service", "shop"), slog.Int("shard", 7)}, nil)
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "order placed", 0)
	r.AddAttrs(slog.String("user", "kim"), slog.Int("n", 3), slog.Float64("f", 1.5), slog.Bool("b", true), slog.Duration("d", 9))
	buf := make([]byte, 0, 4096)
	n := testing.AllocsPerRun(200, func() {
		c := NewCall()
		c.Bound, c.Record = b, r
		buf, _ = c.AppendMembers(buf[:0], nil)
		c.Release()
	})
	if n != 0 || !bytes.Contains(buf, []byte(`"f":1.5`)) {
		t.Errorf("%v allocations, %s", n, buf)
	}
}

package record

import (
	"errors"
	"log/slog"
	"testing"
	"time"
)

// A log call allocates nothing for slog's own kinds.
func TestEncodeAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool forget")
	}
	var root *Bound
	bound := root.With([]slog.Attr{
		slog.String("service", "shop"), slog.Int("shard", 7), slog.Bool("beta", true),
		slog.Duration("timeout", time.Second), slog.Float64("rate", 0.5),
	}, nil)
	redact := NewRedactor([]string{"*password*"}, Mask)
	when := time.Now()
	caller := EncodeCaller(Caller{File: "/src/shop/cart.go", Function: "shop.Add", Line: 12})
	group := slog.Group("g", slog.Int("a", 1), slog.String("b", "c"))
	failure := slog.Any("err", errors.New("no"))
	three := []slog.Attr{slog.String("path", "/cart"), slog.Int("status", 200), slog.Duration("took", 1500)}
	tests := map[string]struct {
		redact *Redactor
		bound  *Bound
		attrs  []slog.Attr
	}{
		"nothing":              {},
		"3":                    {attrs: three},
		"5 bound + 3":          {bound: bound, attrs: three},
		"5 bound + 3 redacted": {redact: redact, bound: bound, attrs: three},
		"open group":           {bound: bound.WithGroup("g"), attrs: three},
		"every kind": {attrs: []slog.Attr{
			slog.Int64("i", -1), slog.Uint64("u", 1), slog.Float64("f", 1.5), slog.Bool("b", true), slog.String("s", "x"),
			slog.Time("t", when), slog.Duration("d", 1), group, slog.Any("n", nil),
		}},
		"an error": {attrs: []slog.Attr{failure}},
		"masked":   {redact: redact, attrs: []slog.Attr{slog.String("password", "x")}},
	}
	for name, tt := range tests {
		run := func() {
			e := NewEncoder(tt.redact)
			e.Begin(&Header{Mask: 1, Level: Info, Time: when, Logger: "shop.cart", Message: "added to the cart"})
			e.Caller(caller)
			e.Bound(tt.bound)
			for _, a := range tt.attrs {
				e.Attr(a)
			}
			if len(e.Finish()) == 0 {
				t.Error("no payload")
			}
			e.Release()
		}
		run()
		if n := testing.AllocsPerRun(200, run); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// So does a walk, and a view in JSON into a buffer that is there.
func TestViewAllocatesNothing(t *testing.T) {
	p := encode(t, nil, nil, slog.String("path", "/cart\n"), slog.Int("n", 1), slog.Float64("f", 1.25), slog.Bool("b", true),
		slog.Duration("d", 1), slog.Time("t", time.Unix(1, 2).UTC()), slog.Group("g", slog.Int("a", 1)), slog.Any("j", []int{1}))
	var v View
	buf := make([]byte, 0, 4096)
	n := testing.AllocsPerRun(200, func() {
		if err := v.Parse(p); err != nil {
			t.Error(err)
		}
		a := v.Attrs()
		buf = a.AppendJSON(buf[:0])
		buf = v.AppendID(buf, 7, Place{8, 0})
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

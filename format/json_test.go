package format

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/girok/girok/record"
)

func TestJSON(t *testing.T) {
	seoul := time.FixedZone("KST", 9*3600)
	at := time.Unix(1709646306, 500_000_000)
	caller := record.EncodeCaller(record.Caller{File: "/src/shop/orders.go", Function: "shop.(*Orders).Place", Line: 7})
	tests := []struct {
		name   string
		header record.Header
		caller []byte
		source bool
		attrs  []slog.Attr
		want   string
	}{
		{
			name:   "all parts",
			header: record.Header{Level: record.Info, Time: at, Logger: "shop.orders", Message: "order placed"},
			attrs:  []slog.Attr{slog.String("user", "kim")},
			want:   `{"time":"2024-03-05T22:45:06.5+09:00","level":"INFO","logger":"shop.orders","msg":"order placed","user":"kim"}`,
		},
		{
			name:   "no time, root logger, a level between",
			header: record.Header{Level: record.FromSlog(slog.LevelInfo + 1), Message: "x"},
			want:   `{"level":"INFO+1","msg":"x"}`,
		},
		{
			name:   "below debug",
			header: record.Header{Level: record.FromSlog(-6), Message: ""},
			want:   `{"level":"DEBUG-2","msg":""}`,
		},
		{
			name:   "source asked for and there",
			header: record.Header{Level: record.Warning, Logger: "a", Message: "x"},
			caller: caller, source: true,
			want: `{"level":"WARN","source":{"function":"shop.(*Orders).Place","file":"/src/shop/orders.go","line":7},"logger":"a","msg":"x"}`,
		},
		{
			name:   "source asked for and not there",
			header: record.Header{Level: record.Error, Message: "x"},
			source: true,
			want:   `{"level":"ERROR","msg":"x"}`,
		},
		{
			name:   "source there and not asked for",
			header: record.Header{Level: record.Critical, Message: "x"},
			caller: caller,
			want:   `{"level":"ERROR+4","msg":"x"}`,
		},
		{
			name:   "only a file",
			header: record.Header{Level: record.Info, Message: "x"},
			caller: record.EncodeCaller(record.Caller{File: "a.go"}), source: true,
			want: `{"level":"INFO","source":{"file":"a.go"},"msg":"x"}`,
		},
		{
			name:   "what slog can't write",
			header: record.Header{Level: record.Info, Message: "x"},
			attrs: []slog.Attr{slog.Float64("nan", math.NaN()), slog.Float64("inf", math.Inf(-1)),
				slog.Time("far", time.Date(12024, 1, 2, 3, 4, 5, 0, time.UTC))},
			want: `{"level":"INFO","msg":"x","nan":"NaN","inf":"-Inf","far":"12024-01-02T03:04:05Z"}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := record.NewEncoder(nil)
			defer e.Release()
			e.Begin(&tt.header)
			e.Caller(tt.caller)
			for _, a := range tt.attrs {
				e.Attr(a)
			}
			var v record.View
			if err := v.Parse(e.Finish()); err != nil {
				t.Fatal(err)
			}
			f := NewJSON(JSONOptions{Location: seoul, Source: tt.source})
			if got := string(f.Append(nil, &v)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if f.NeedsCaller() != tt.source {
				t.Error("NeedsCaller is wrong")
			}
		})
	}
}

func TestFraction(t *testing.T) {
	for _, n := range []uint32{0, 1, 10, 123, 500_000_000, 123_456_789, 999_999_999, 100_000_001, 120_000_000, 1_000} {
		want := strings.TrimPrefix(time.Unix(0, int64(n)).UTC().Format(".999999999"), "0")
		if got := string(appendFraction(nil, n)); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

// TestClock asks for seconds in and out of order, together.
func TestClock(t *testing.T) {
	f := NewJSON(JSONOptions{Location: time.UTC})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 500 {
				sec := int64(1709646306 + (i*7+g)%5 - 3*(i%2))
				v := record.View{Seconds: sec, Level: record.Info}
				want := fmt.Sprintf(`{"time":"%s","level":"INFO","msg":""}`, time.Unix(sec, 0).UTC().Format(time.RFC3339))
				if got := string(f.Append(nil, &v)); got != want {
					t.Errorf("got %s, want %s", got, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestJSONZones has zones where the offset is not the same all year, or not whole hours.
func TestJSONZones(t *testing.T) {
	for _, name := range []string{"UTC", "Asia/Seoul", "America/New_York", "Asia/Kolkata", "Europe/London"} {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Skip(err)
		}
		f := NewJSON(JSONOptions{Location: loc})
		for _, sec := range []int64{1709646306, 1720000000, 0, -1, 1710054000, 1710053999} {
			v := record.View{Seconds: sec, Nanos: 7000, Level: record.Info}
			want := time.Unix(sec, 7000).In(loc).Format(time.RFC3339Nano)
			if got := string(f.Append(nil, &v)); !strings.HasPrefix(got, `{"time":"`+want+`"`) {
				t.Errorf("%s %d: got %s, want %s", name, sec, got, want)
			}
		}
	}
}

func TestNothingAllocated(t *testing.T) {
	v := viewOf(t, record.Header{
		Level: record.FromSlog(1), Time: time.Unix(1709646306, 123456789), Logger: "shop.orders", Message: "order \"placed\"",
	}, slog.String("user", "김\n"), slog.Int("items", 3), slog.Uint64("u", math.MaxUint64), slog.Float64("score", 0.9312),
		slog.Float64("full", math.Pi), slog.Bool("gift", true), slog.Duration("took", 1500*time.Microsecond),
		slog.Time("at", time.Unix(1709646306, 5).In(time.FixedZone("", 19800))), slog.Any("err", errors.New("boom")),
		slog.Group("req", slog.String("method", "GET"), slog.Group("deep", slog.Int("n", 1))))
	text, err := New("%(asctime)s|%(levelname)-8s|%(name).3s|%(message)r|%(user)10s|%(items)05d|%(score).2f|%(req.method)s|%(req)s|%(u)x|%(at)s|%(filename)s:%(lineno)d|%(msecs)03d", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	dated, err := New("%(asctime)s %(message)s", "%d.%m.%Y %H:%M", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]Formatter{
		"JSON": NewJSON(JSONOptions{}), "text": text, "default": Default(nil), "dated": dated,
	} {
		buf := f.Append(make([]byte, 0, 2048), v)
		if n := testing.AllocsPerRun(200, func() { buf = f.Append(buf[:0], v) }); n != 0 {
			t.Errorf("%s: %v allocations for %s", name, n, buf)
		}
	}
}

func FuzzJSONIsValid(f *testing.F) {
	f.Add(encoded(f, record.Header{Level: record.Info, Time: time.Unix(1, 2), Logger: "a\xff", Message: "b\x00\u2028"},
		slog.String("k\"", "v\\"), slog.Any("j", map[string]any{"a": []int{1}}), slog.Any("b", []byte{1}),
		slog.Time("t", time.Unix(1<<40, 5)), slog.Group("g", slog.Float64("f", 1e-7), slog.Any("n", nil))))
	f.Add(make([]byte, record.HeaderSize))
	formatter := NewJSON(JSONOptions{Location: time.UTC, Source: true})
	text := Default(time.UTC)
	f.Fuzz(func(t *testing.T, payload []byte) {
		var v record.View
		if v.Parse(payload) != nil {
			return
		}
		text.Append(nil, &v)
		out := formatter.Append(nil, &v)
		if !json.Valid(out) && validInside(v.Attrs()) {
			t.Errorf("not valid: %q", out)
		}
	})
}

// validInside reports whether all JSON that the application vouched for is.
func validInside(a record.Attrs) bool {
	var key []byte
	var v record.Value
	for a.Next(&key, &v) {
		if v.Type == record.JSON && !json.Valid(v.Raw) {
			return false
		}
		if !validInside(v.Attrs()) {
			return false
		}
	}
	return true
}

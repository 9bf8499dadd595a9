package record

import (
	"encoding/json"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// jsonFloat is what AppendJSONFloat has to write.
func jsonFloat(t *testing.T, f float64) string {
	t.Helper()
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAppendJSONFloat(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	floats := []float64{0, math.Copysign(0, -1), 1, -1, 0.1, 0.000001, 0.0000011, 9.999999e-7, 999999999.999999, 1e9, 999999999.9999999,
		0.30000000000000004, 0.3, 123456.123456, 1e21, 1e-7, math.MaxFloat64, math.SmallestNonzeroFloat64}
	for range 200_000 {
		f := rng.Float64()
		floats = append(floats, math.Round(f*1e6)/1e6, math.Round(f*1e15)/1e6, f*1e9, math.Nextafter(math.Round(f*1e10)/1e6, 0), -math.Round(f*1e4)/100)
	}
	for _, f := range floats {
		if got := string(AppendJSONFloat(nil, f)); got != jsonFloat(t, f) {
			t.Fatalf("got %s, want %s", got, jsonFloat(t, f))
		}
	}
}

func FuzzAppendJSONFloat(f *testing.F) {
	f.Add(0.93)
	f.Fuzz(func(t *testing.T, x float64) {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return
		}
		if got := string(AppendJSONFloat(nil, x)); got != jsonFloat(t, x) {
			t.Errorf("got %s, want %s", got, jsonFloat(t, x))
		}
	})
}

// TestIsPlain puts each byte at each place of texts of several lengths.
func TestIsPlain(t *testing.T) {
	for size := range 20 {
		for at := range size {
			for b := range 256 {
				s := []byte(strings.Repeat("a", size))
				s[at] = byte(b)
				if got, want := IsPlain(s), !unsafeJSON[b] && b != 0x7f; got != want {
					t.Fatalf("byte %#x at %d of %d: %v", b, at, size, got)
				}
				want := `"` + strings.Repeat("a", at) + strings.Trim(string(AppendJSONString(nil, s[at:at+1])), `"`) + strings.Repeat("a", size-at-1) + `"`
				if b != '"' && string(AppendJSONString(nil, s)) != want {
					t.Fatalf("got %s, want %s", AppendJSONString(nil, s), want)
				}
			}
		}
	}
}

// TestAppendMembersCut walks attributes that end too early: what is whole comes
// out, and what comes out is JSON.
func TestAppendMembersCut(t *testing.T) {
	e := NewEncoder(nil)
	defer e.Release()
	e.Begin(&Header{})
	start := len(e.buf)
	for _, a := range []slog.Attr{slog.String("s", "text"), slog.Bool("t", true), slog.Int64("i", 1<<40), slog.Float64("f", 1.5),
		slog.Bool("no", false), slog.Duration("d", time.Hour), slog.String("q\"", "\n"), slog.Group("g", slog.Int("x", 1)), slog.Any("n", nil)} {
		e.Attr(a)
	}
	whole := e.Finish()[start:]
	for n := range len(whole) + 1 {
		out := Attrs{b: whole[:n:n]}.AppendJSON(nil)
		if !json.Valid(out) {
			t.Fatalf("%d bytes: %s", n, out)
		}
	}
	want := `{"s":"text","t":true,"i":1099511627776,"f":1.5,"no":false,"d":3600000000000,"q\"":"\n","g":{"x":1},"n":null}`
	if got := string(Attrs{b: whole}.AppendJSON(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAppendTime(t *testing.T) {
	for _, offset := range []int{0, 3600, -3600, 19800, -12600, 50400, 3599, -3599, 59, -59, 26 * 3600, -26 * 3600} {
		for _, sec := range []int64{0, -1, 1709646306, 253402300799, -62135596800 + 200000} {
			at := time.Unix(sec, 120_000_000).In(time.FixedZone("", offset))
			v := Value{Type: Time, Num: uint64(sec), Nanos: 120_000_000, Offset: int32(offset)}
			if got, want := string(v.AppendText(nil)), at.Format(time.RFC3339Nano); got != want {
				t.Errorf("offset %d: got %s, want %s", offset, got, want)
			}
			buf := make([]byte, 0, 64)
			if n := testing.AllocsPerRun(10, func() { buf = v.AppendJSON(buf[:0]) }); n != 0 {
				t.Errorf("offset %d: %v allocations", offset, n)
			}
		}
	}
}

package record

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"
)

func TestAppendInt(t *testing.T) {
	numbers := []int64{math.MinInt64, math.MaxInt64, math.MinInt64 + 1}
	for n := range int64(100_000) {
		numbers = append(numbers, n, -n, n*1e4, 1e8-n)
	}
	for p := int64(1); p > 0 && p <= 1e18; p *= 10 {
		numbers = append(numbers, p-1, p, p+1, -p)
	}
	for range 100_000 {
		numbers = append(numbers, rand.Int64()>>rand.IntN(64))
	}
	for _, n := range numbers {
		if got, want := string(AppendInt([]byte("x"), n)), "x"+strconv.FormatInt(n, 10); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	if got := string(appendUint(nil, math.MaxUint64)); got != strconv.FormatUint(math.MaxUint64, 10) {
		t.Errorf("got %s", got)
	}
}

func TestAppendDuration(t *testing.T) {
	list := []time.Duration{0, 1, math.MinInt64, math.MaxInt64}
	for unit := time.Duration(1); unit > 0 && unit <= 1000*time.Hour; unit *= 10 {
		for _, d := range []time.Duration{unit, unit - 1, unit + 1, 60 * unit, 60*unit - 1, 3600 * unit, 1500 * unit, 36 * unit} {
			list = append(list, d, -d)
		}
	}
	for range 100_000 {
		list = append(list, time.Duration(rand.Int64()>>rand.IntN(64)))
	}
	for _, d := range list {
		if got, want := string(AppendDuration([]byte("x"), d)), "x"+d.String(); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}

func BenchmarkAppendInt(b *testing.B) {
	buf := make([]byte, 0, 64)
	for i := range b.N {
		buf = AppendInt(buf[:0], int64(i))
	}
}

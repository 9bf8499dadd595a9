package record

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
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

func BenchmarkAppendInt(b *testing.B) {
	buf := make([]byte, 0, 64)
	for i := range b.N {
		buf = AppendInt(buf[:0], int64(i))
	}
}

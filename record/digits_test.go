package record

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
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

func TestAppendFraction(t *testing.T) {
	check := func(n uint32) {
		want := strings.TrimRight(fmt.Sprintf("%09d", n), "0")
		if got := string(AppendFraction([]byte("x"), n)); got != "x"+want {
			t.Fatalf("%d: got %s, want %s", n, got, want)
		}
	}
	for p := uint32(1); p < 1e9; p *= 10 {
		for d := range uint32(10) {
			check(min(p*max(d, 1), 1e9-1))
			check(p + d)
		}
	}
	for range 100_000 {
		check(1 + rand.Uint32N(1e9-1))
	}
}

// TestShortVarint reads numbers of every length, followed by more or less.
func TestShortVarint(t *testing.T) {
	for size := range 65 {
		for _, n := range []int64{1<<size - 1, -1 << size, 1<<size - 1 - rand.Int64N(1<<min(size, 62))/3} {
			b := binary.AppendVarint(nil, n)
			for after := range 10 {
				for _, more := range []byte{0, 0x7f, 0x80, 0xff} {
					in := append(b[:len(b):len(b)], bytes.Repeat([]byte{more}, after)...)
					got, rest, ok := shortVarint(in)
					if got != n || !ok || len(rest) != after {
						t.Fatalf("%d with %d bytes of %#x behind it: got %d, %d left, %v", n, after, more, got, len(rest), ok)
					}
				}
			}
			if _, _, ok := shortVarint(b[:len(b)-1]); ok {
				t.Fatalf("%d without its last byte: ok", n)
			}
		}
	}
}

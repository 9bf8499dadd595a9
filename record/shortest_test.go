package record

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

// TestAppendShortest compares with strconv: random numbers of each exponent, those
// next to short decimals, and those next to powers of two.
func TestAppendShortest(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	own := 0
	check := func(f float64) {
		t.Helper()
		for _, f := range []float64{f, -f} {
			got, ok := appendShortest([]byte("x"), f)
			if !ok {
				if string(got) != "x" {
					t.Fatalf("%v left %s", f, got)
				}
				continue
			}
			own++
			if want := "x" + strconv.FormatFloat(f, 'f', -1, 64); string(got) != want {
				t.Fatalf("%b: got %s, want %s", f, got, want)
			}
		}
	}
	n := 500
	if testing.Short() {
		n = 100
	}
	for exp := -12; exp <= 52; exp++ {
		at := math.Ldexp(1, exp)
		check(at)
		for i := range n {
			check(math.Float64frombits(math.Float64bits(at) | rng.Uint64()>>12))
			check(math.Float64frombits(math.Float64bits(at) + uint64(i)))
			check(math.Float64frombits(math.Float64bits(at) - uint64(i)))
			check(at + float64(rng.IntN(1<<20))*math.Ldexp(1, exp-20))
		}
	}
	for range 100 * n {
		d := math.Round(rng.Float64()*1e6) / math.Pow10(rng.IntN(12))
		check(d)
		check(math.Nextafter(d, 0))
		check(math.Nextafter(d, 2*d))
		check(float64(rng.IntN(1e6)) / float64(1+rng.IntN(1e3)))
	}
	if own < 100*n {
		t.Errorf("only %d numbers were written here", own)
	}
}

func BenchmarkAppendShortest(b *testing.B) {
	buf := make([]byte, 0, 64)
	for i := range b.N {
		buf, _ = appendShortest(buf[:0], float64(i+1)/7)
	}
}

func BenchmarkStrconvShortest(b *testing.B) {
	buf := make([]byte, 0, 64)
	for i := range b.N {
		buf = strconv.AppendFloat(buf[:0], float64(i+1)/7, 'f', -1, 64)
	}
}

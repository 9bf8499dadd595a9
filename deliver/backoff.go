package deliver

import (
	"math/rand/v2"
	"time"
)

// backoff grows the waits between tries, with jitter.
type backoff struct {
	pace    Pace
	tries   int
	refused int
}

func (b *backoff) retry() time.Duration {
	d := grow(b.pace.RetryMin, b.pace.RetryMax, b.tries)
	b.tries++
	return d
}

func (b *backoff) refusal() time.Duration {
	d := grow(b.pace.RefuseMin, b.pace.RefuseMax, b.refused)
	b.refused++
	return d
}

// grow doubles lo n times up to hi, and adds up to a quarter at random.
func grow(lo, hi time.Duration, n int) time.Duration {
	d := lo << min(n, 16)
	if d > hi || d <= 0 {
		d = hi
	}
	return min(d+rand.N(d/4+1), hi)
}

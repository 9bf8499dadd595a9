package record

import (
	"math"
	"math/bits"
)

// appendShortest appends the shortest decimal that reads back as f, the closest of
// them, as strconv does in twice the time. ok is false for numbers below 1/512 and
// from 2^50 on, powers of two, and others that strconv has to write.
//
// f is m·2^e with an m of 53 bits, and what reads back as f lies between (m-½)·2^e
// and (m+½)·2^e, the ends included if m is even. All three times 10^k, with k so that
// there are 17 or 18 digits before the point, fit 128 bits and so are exact; between
// the ends lies a whole number at least. Digits are taken off the end as long as that
// stays so.
func appendShortest(dst []byte, f float64) (_ []byte, ok bool) {
	b := math.Float64bits(f)
	exp, m := int(b>>52&0x7ff)-1023, b&(1<<52-1)
	if exp < -9 || exp > 49 || m == 0 {
		return dst, false
	}
	m |= 1 << 52
	k := 16 - exp*1233>>12 // 1233/4096 is the logarithm of 2: exact for these
	unit, shift := powers[k], uint(53-exp)
	hi, lo := bits.Mul64(2*m, unit) // in 2^-shift
	below, borrow := bits.Sub64(lo, unit, 0)
	above, carry := bits.Add64(lo, unit, 0)
	fraction := uint64(1)<<shift - 1
	v := hi<<(64-shift) | lo>>shift
	first, last := (hi-borrow)<<(64-shift)|below>>shift, (hi+carry)<<(64-shift)|above>>shift
	if below&fraction != 0 || m&1 != 0 {
		first++
	}
	if above&fraction == 0 && m&1 != 0 {
		last--
	}
	off := 0 // digits
	for last/10*10 >= first {
		first, last = (first+9)/10, last/10
		off++
	}
	digits, rest, half := v, lo&fraction, uint64(1)<<(shift-1)
	if off > 0 {
		digits, half = v/powers[off], powers[off]/2
		rest = 2*(v-digits*powers[off]) + min(rest, 1) // and whether something is behind
		half *= 2
	}
	switch {
	case rest == half:
		return dst, false
	case rest > half:
		digits++
	}
	digits = min(max(digits, first), last)
	return appendPoint(dst, digits, k-off, f < 0)
}

// appendPoint appends digits of which so many stand after the point.
func appendPoint(dst []byte, digits uint64, after int, negative bool) ([]byte, bool) {
	if after <= 0 {
		return dst, false
	}
	if negative {
		dst = append(dst, '-')
	}
	start := len(dst)
	if whole := powers[after]; digits < whole {
		dst = appendUint(dst, digits+whole) // for the zeros before them
		dst[start] = '0'
	} else {
		dst = appendUint(dst, digits)
	}
	dst = append(dst, 0)
	point := len(dst) - 1 - after
	copy(dst[point+1:], dst[point:])
	dst[point] = '.'
	return dst, true
}

// powers are those of ten that fit 64 bits.
var powers = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = 10 * p[i-1]
	}
	return p
}()

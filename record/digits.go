package record

import (
	"encoding/binary"
	"math/bits"
	"time"
)

// AppendInt appends n in decimal, as strconv.AppendInt does, in half its time.
func AppendInt(dst []byte, n int64) []byte {
	if n < 0 {
		return appendUint(append(dst, '-'), -uint64(n))
	}
	return appendUint(dst, uint64(n))
}

func appendUint(dst []byte, n uint64) []byte {
	if n >= 1e8 {
		dst, n = appendUint(dst, n/1e8), n%1e8
		return binary.LittleEndian.AppendUint64(dst, eightDigits(uint32(n))|zeros)
	}
	digits := eightDigits(uint32(n))
	leading := min(bits.TrailingZeros64(digits)/8, 7)
	dst = binary.LittleEndian.AppendUint64(dst, (digits|zeros)>>(8*leading))
	return dst[:len(dst)-leading]
}

// AppendFraction appends nanos, below 1e9 and not 0, as digits after a point, without
// zeros at the end.
func AppendFraction(dst []byte, nanos uint32) []byte {
	digits := eightDigits(nanos / 10)
	dst = binary.LittleEndian.AppendUint64(dst, digits|zeros)
	if last := nanos % 10; last != 0 {
		return append(dst, '0'+byte(last))
	}
	return dst[:len(dst)-bits.LeadingZeros64(digits)/8]
}

// zeros makes digits of eight numbers below 10.
const zeros = 0x3030303030303030

// eightDigits is the decimal digits of n, which has at most eight, each in a byte:
// the first in the lowest. It halves n three times, the halves side by side in one
// word. 10486/2^20 and 103/2^10 divide by 100 and 10 whatever is below 10,000 and
// 100.
func eightDigits(n uint32) uint64 {
	fours := uint64(n/10_000) | uint64(n%10_000)<<32
	hundreds := fours * 10_486 >> 20 & 0x7f_0000_007f
	twos := hundreds | (fours-hundreds*100)<<16
	tens := twos * 103 >> 10 & 0x000f_000f_000f_000f
	return tens | (twos-tens*10)<<8
}

// AppendDuration appends what String of a time.Duration gives, in half its time.
func AppendDuration(dst []byte, d time.Duration) []byte {
	n := uint64(d)
	if d < 0 {
		dst, n = append(dst, '-'), -n
	}
	const second, minute, hour = uint64(time.Second), uint64(time.Minute), uint64(time.Hour)
	switch {
	case n == 0:
		return append(dst, "0s"...)
	case n < 1e3:
		return append(appendUint(dst, n), "ns"...)
	case n < 1e6:
		return append(appendPointed(dst, n/1e3, uint32(n%1e3*1e6)), "µs"...)
	case n < second:
		return append(appendPointed(dst, n/1e6, uint32(n%1e6*1e3)), "ms"...)
	case n >= hour:
		dst = append(appendUint(dst, n/hour), 'h')
		dst = append(appendUint(dst, n%hour/minute), 'm')
	case n >= minute:
		dst = append(appendUint(dst, n/minute), 'm')
	}
	return append(appendPointed(dst, n%minute/second, uint32(n%second)), 's')
}

// appendPointed appends a whole number and, behind a point, a fraction of it in
// billionths, without zeros at its end.
func appendPointed(dst []byte, whole uint64, billionths uint32) []byte {
	dst = appendUint(dst, whole)
	if billionths == 0 {
		return dst
	}
	return AppendFraction(append(dst, '.'), billionths)
}

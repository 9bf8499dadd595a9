package table

import "math"

// Value is one cell of a row; the zero Value is NULL. Raw aliases the batch or
// the mapper and is good until the mapper's Reset.
type Value struct {
	Type Type
	// Num is the value of an Int; 0 or 1 of a Bool; the bits of a Float;
	// microseconds since 1970 UTC of a Timestamp; of a DateTime the same, as if
	// its wall clock were UTC's; days since 1970 of a Date.
	Num int64
	// Raw is the text of a String, Decimal or JSON, the bytes of Bytes.
	Raw []byte
}

// Float is the value of a Float.
func (v *Value) Float() float64 { return math.Float64frombits(uint64(v.Num)) }

// AppendTimestamp appends microseconds since 1970 UTC, from year 1 to 9999, as
// "2026-11-25T20:32:58.123456Z": always 27 characters, so that text sorts by time.
func AppendTimestamp(dst []byte, micros int64) []byte {
	return append(appendClock(dst, micros), 'Z')
}

// AppendDateTime appends a DateTime's Num as "2026-11-25T20:32:58.123456".
func AppendDateTime(dst []byte, micros int64) []byte { return appendClock(dst, micros) }

// AppendDate appends days since 1970 as "2026-11-25".
func AppendDate(dst []byte, days int64) []byte {
	y, m, d := civil(days)
	return append(dst,
		byte('0'+y/1000), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10), '-',
		byte('0'+m/10), byte('0'+m%10), '-', byte('0'+d/10), byte('0'+d%10))
}

func appendClock(dst []byte, micros int64) []byte {
	days := floorDiv(micros, microsADay)
	us := micros - days*microsADay
	dst = AppendDate(dst, days)
	sec := us / 1e6
	us -= sec * 1e6
	h, m, s := sec/3600, sec/60%60, sec%60
	return append(dst, 'T',
		byte('0'+h/10), byte('0'+h%10), ':', byte('0'+m/10), byte('0'+m%10), ':', byte('0'+s/10), byte('0'+s%10), '.',
		byte('0'+us/100000), byte('0'+us/10000%10), byte('0'+us/1000%10), byte('0'+us/100%10), byte('0'+us/10%10), byte('0'+us%10))
}

const microsADay = 86400 * 1e6

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// civil is the date of a day counted from 1970, by the Gregorian calendar
// (Howard Hinnant's algorithm, with eras of 400 years that begin in March).
func civil(days int64) (y, m, d int64) {
	days += 719468
	era := floorDiv(days, 146097)
	doe := days - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = doy - (153*mp+2)/5 + 1
	m = mp + 3
	if m > 12 {
		m -= 12
	}
	y = yoe + era*400
	if m <= 2 {
		y++
	}
	return y, m, d
}

package record

import (
	"encoding/binary"
	"slices"
)

// IDLength is the length of a record's id, in characters.
const IDLength = 26

// AppendID appends the record's id: the one it brought with it, or 26
// characters of Crockford's base 32 that sort by time: 48 bits of milliseconds
// since 1970, then 80 bits that are hashed from run, position and index. (The form
// is that of a ULID.)
func (v *View) AppendID(dst []byte, run RunID, at Place) []byte {
	if v.ID != nil {
		return append(dst, v.ID...)
	}
	const limit = 1<<48 - 1 // milliseconds; the year 10889
	ms := uint64(min(max(v.Seconds, 0), limit/1000+1)*1000 + int64(v.Nanos)/1e6)
	if v.Seconds < 0 {
		ms = 0
	}
	hi, lo := hashPlace(uint64(run), at)
	return appendULID(dst, min(ms, limit), hi, lo)
}

// hashPlace gives 16 and 64 bits. Two records of one run differ in the 64 for
// certain, unless they lie in requests: what is stirred maps one to one.
func hashPlace(run uint64, at Place) (hi uint16, lo uint64) {
	a, b := stir(stir(run)^at.Position), stir(stir(^run)^at.Position)
	return uint16(stir(b ^ uint64(at.Index))), stir(a ^ uint64(at.Index))
}

// stir is the last step of SplitMix64: each bit of x changes half of its bits.
func stir(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// AppendAgain appends a payload like the one that v views, with another mask, and
// the record's first id in it: so it is the same record wherever it lies.
func (v *View) AppendAgain(dst, payload []byte, mask uint64, run RunID, at Place) []byte {
	start := len(dst)
	dst = append(dst, payload[:HeaderSize]...)
	head := dst[start:]
	SetMask(head, mask)
	binary.LittleEndian.PutUint16(head[offFlags:], uint16(v.Flags|HasID))
	dst = append(dst, v.Logger...)
	dst = append(dst, v.Message...)
	dst = append(dst, v.caller...)
	if v.Source != nil {
		dst = binary.AppendUvarint(dst, uint64(len(v.Source)))
		dst = append(dst, v.Source...)
	}
	dst = v.AppendID(dst, run, at)
	return append(dst, v.attrs...)
}

// appendULID appends 48, 16 and 64 bits as 26 digits of 5 bits, two at a time. The
// 48 have two bits before them that are 0, so that they are ten digits.
func appendULID(dst []byte, ms uint64, hi uint16, lo uint64) []byte {
	n := len(dst)
	dst = slices.Grow(dst, IDLength)[:n+IDLength]
	b := dst[n:]
	for i := range 5 {
		binary.LittleEndian.PutUint16(b[2*i:], digits32[ms>>(40-10*i)&1023])
	}
	binary.LittleEndian.PutUint16(b[10:], digits32[hi>>6])
	binary.LittleEndian.PutUint16(b[12:], digits32[uint64(hi)<<4&1023|lo>>60])
	for i := range 6 {
		binary.LittleEndian.PutUint16(b[14+2*i:], digits32[lo>>(50-10*i)&1023])
	}
	return dst
}

// digits32 are all pairs of digits, the first in the lower byte.
var digits32 = func() (t [1024]uint16) {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	for i := range t {
		t[i] = uint16(digits[i>>5]) | uint16(digits[i&31])<<8
	}
	return t
}()

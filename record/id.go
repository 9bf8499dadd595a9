package record

import (
	"crypto/sha256"
	"encoding/binary"
)

// IDLength is the length of a record's id, in characters.
const IDLength = 26

// AppendID appends the record's id: the one it brought with it, or 26
// characters of Crockford's base 32 that sort by time: 48 bits of milliseconds
// since 1970, then the first 80 bits of SHA-256 over run, position (8 bytes
// each) and index (4), big endian. (The form is that of a ULID.)
func (v *View) AppendID(dst []byte, run RunID, at Place) []byte {
	if v.ID != nil {
		return append(dst, v.ID...)
	}
	var in [20]byte
	binary.BigEndian.PutUint64(in[:], uint64(run))
	binary.BigEndian.PutUint64(in[8:], at.Position)
	binary.BigEndian.PutUint32(in[16:], at.Index)
	sum := sha256.Sum256(in[:])
	const limit = 1<<48 - 1 // milliseconds; the year 10889
	ms := uint64(min(max(v.Seconds, 0), limit/1000+1)*1000 + int64(v.Nanos)/1e6)
	if v.Seconds < 0 {
		ms = 0
	}
	ms = min(ms, limit)
	hi := ms<<16 | uint64(sum[0])<<8 | uint64(sum[1])
	return appendULID(dst, hi, binary.BigEndian.Uint64(sum[2:]))
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

func appendULID(dst []byte, hi, lo uint64) []byte {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	var b [IDLength]byte
	for i := IDLength - 1; i >= 0; i-- {
		b[i] = digits[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return append(dst, b[:]...)
}

// Package spool is the durable log between the call and delivery: runs of
// segments of frames, as docs/spool-format.md describes them. A writer appends
// to a run of its own through a mapping; whoever delivers reads with pread.
package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/girok/girok/record"
)

// The segment's header, little endian. Positions count headers too.
//
//	 0  8  magic "girokseg", written last
//	 8  4  format version
//	12  4  kind of checksum: 1 CRC32C, 2 CRC-32 IEEE
//	16  8  seq: 1, 2, … in the run
//	24  8  size of the segment, header included
//	32  8  base: position of the header's first byte
//	40  8  run id
//	48  8  salt, random
//	56  8  created, nanoseconds since 1970
//	64  4  CRC32C of the bytes before
const (
	headerSize    = 4096
	headerUsed    = 68
	formatVersion = 1
	crc32c        = 1
	crc32ieee     = 2
)

var segmentMagic = [8]byte{'g', 'i', 'r', 'o', 'k', 's', 'e', 'g'}

// The word before each payload. A frame is 8-byte aligned: the word, then the
// payload, filled with zeros.
//
//	bits  0–29  length of the payload
//	bit  30     PAD: nothing here, go on after it
//	bit  31     BUSY: reserved, not committed
//	bits 32–63  checksum of the payload (PAD: of the low 4 bytes) xor mix(salt, position)
const (
	wordSize   = 8
	lengthMask = 1<<30 - 1
	padBit     = 1 << 30
	busyBit    = 1 << 31
)

const (
	firstSegment = 1 << 20
	fullSegment  = 8 << 20
	minSegment   = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// mix ties a checksum to its place: the same bytes anywhere else, or a frame
// inside a record, do not check.
func mix(salt, position uint64) uint32 {
	return uint32(((salt ^ position) * 0x9E3779B97F4A7C15) >> 32)
}

// frameSize is what a payload of n bytes takes, in bytes.
func frameSize(n int) uint64 { return wordSize + (uint64(n)+7)&^7 }

func frameWord(sum uint32, n int, salt, position uint64) uint64 {
	return uint64(sum^mix(salt, position))<<32 | uint64(n)
}

// padWord is the word of a PAD that takes size bytes, the word included.
func padWord(size, salt, position uint64) uint64 {
	low := uint32(size-wordSize) | padBit
	return uint64(padSum(low)^mix(salt, position))<<32 | uint64(low)
}

func padSum(low uint32) uint32 {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], low)
	return crc32.Checksum(b[:], castagnoli)
}

// checkPad reports whether a PAD's word belongs at position.
func checkPad(word, salt, position uint64) bool {
	return uint32(word>>32) == padSum(uint32(word))^mix(salt, position)
}

// header is a segment's header.
type header struct {
	checksum uint32
	seq      uint64
	size     uint64
	base     uint64
	run      record.RunID
	salt     uint64
	created  int64
}

// segmentFile is a segment's header and the name of its file.
type segmentFile struct {
	header
	name string
}

func (h *header) end() uint64  { return h.base + h.size }
func (h *header) data() uint64 { return h.base + headerSize }

// sum is the checksum of a payload in this segment.
func (h *header) sum(payload []byte) uint32 { return crc32.Checksum(payload, h.table()) }

func (h *header) table() *crc32.Table {
	if h.checksum == crc32ieee {
		return crc32.IEEETable
	}
	return castagnoli
}

// encode writes the header.
func (h *header) encode(b []byte) {
	le := binary.LittleEndian
	copy(b, segmentMagic[:])
	le.PutUint32(b[8:], formatVersion)
	le.PutUint32(b[12:], h.checksum)
	le.PutUint64(b[16:], h.seq)
	le.PutUint64(b[24:], h.size)
	le.PutUint64(b[32:], h.base)
	le.PutUint64(b[40:], uint64(h.run))
	le.PutUint64(b[48:], h.salt)
	le.PutUint64(b[56:], uint64(h.created))
	le.PutUint32(b[64:], crc32.Checksum(b[:64], castagnoli))
}

var (
	// ErrNewer says that a newer girok wrote a segment: wait for one that can
	// read it; skip, delete and set aside nothing.
	ErrNewer = errors.New("spool: written in a newer format; use a newer girok to read it")

	errUnborn  = errors.New("spool: segment without a header yet")
	errSpare   = errors.New("spool: segment that was delivered")
	errRubbish = errors.New("spool: not a segment")
)

// decodeHeader reads a header. errUnborn: its writer has not finished it.
// errSpare: what was there is delivered, and nothing new is there.
func decodeHeader(b []byte) (header, error) {
	var h header
	if len(b) < headerUsed {
		return h, errUnborn
	}
	if [8]byte(b[:8]) == [8]byte{} {
		whole := append(segmentMagic[:len(segmentMagic):len(segmentMagic)], b[8:headerUsed]...)
		if _, err := decodeHeader(whole); err == nil {
			return h, errSpare
		}
		return h, errUnborn
	}
	le := binary.LittleEndian
	if [8]byte(b[:8]) != segmentMagic {
		return h, errRubbish
	}
	if v := le.Uint32(b[8:]); v > formatVersion {
		return h, fmt.Errorf("%w (version %d)", ErrNewer, v)
	}
	if le.Uint32(b[8:]) != formatVersion || le.Uint32(b[64:]) != crc32.Checksum(b[:64], castagnoli) {
		return h, errRubbish
	}
	h = header{
		checksum: le.Uint32(b[12:]),
		seq:      le.Uint64(b[16:]),
		size:     le.Uint64(b[24:]),
		base:     le.Uint64(b[32:]),
		run:      record.RunID(le.Uint64(b[40:])),
		salt:     le.Uint64(b[48:]),
		created:  int64(le.Uint64(b[56:])),
	}
	if h.checksum != crc32c && h.checksum != crc32ieee {
		return h, fmt.Errorf("%w (checksum kind %d)", ErrNewer, h.checksum)
	}
	const maxSize = 1 << 30
	if h.size < headerSize+wordSize || h.size > maxSize || h.size%8 != 0 || h.base%8 != 0 || h.base > 1<<62 {
		return h, errRubbish
	}
	return h, nil
}

//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

// #include <stdlib.h>
import "C"

import (
	"math/bits"
	"unsafe"

	"github.com/girok/girok/sink/table"
)

// inlined is how long a text may be that lies in its vector. A longer one lies
// elsewhere, and the vector points to it:
//
//	bytes 0–3   length
//	bytes 4–15  the text, zero-filled; or its first 4 bytes, then the pointer
const inlined = 12

// set writes a value into a row. What it says of the lay-out is DuckDB's C API:
// duckdb_string_t, duckdb_hugeint, the times as microseconds, the dates as days.
func (c *vector) set(row int, v *table.Value, text *arena) {
	if v.Type == table.Null {
		word := (*uint64)(unsafe.Add(c.valid, row/64*8))
		*word &^= 1 << (row % 64)
		return
	}
	switch c.typ.Type {
	case table.Int, table.Float, table.Timestamp, table.DateTime:
		*(*int64)(unsafe.Add(c.data, row*8)) = v.Num
	case table.Date:
		*(*int32)(unsafe.Add(c.data, row*4)) = int32(v.Num)
	case table.Bool:
		*(*uint8)(unsafe.Add(c.data, row)) = uint8(v.Num)
	case table.Decimal:
		c.setDecimal(row, v.Raw)
	default:
		setText(unsafe.Add(c.data, row*16), v.Raw, text)
	}
}

func setText(at unsafe.Pointer, b []byte, text *arena) {
	*(*uint32)(at) = uint32(len(b))
	head := (*[inlined]byte)(unsafe.Add(at, 4))
	if len(b) <= inlined {
		*head = [inlined]byte{}
		copy(head[:], b)
		return
	}
	copy(head[:4], b)
	*(*unsafe.Pointer)(unsafe.Add(at, 8)) = text.put(b)
}

// setDecimal writes digits as a whole number, without the point.
func (c *vector) setDecimal(row int, digits []byte) {
	var hi, lo uint64
	negative := digits[0] == '-'
	for _, d := range digits {
		if d < '0' || d > '9' {
			continue // the sign and the point
		}
		carry, low := bits.Mul64(lo, 10)
		var over uint64
		lo, over = bits.Add64(low, uint64(d-'0'), 0)
		hi = hi*10 + carry + over
	}
	if negative {
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	switch at := unsafe.Add(c.data, row*c.width); c.width {
	case 2:
		*(*int16)(at) = int16(lo)
	case 4:
		*(*int32)(at) = int32(lo)
	case 8:
		*(*int64)(at) = int64(lo)
	default:
		*(*[2]uint64)(at) = [2]uint64{lo, hi}
	}
}

// decimalWidth is how many bytes a decimal of so many digits takes.
func decimalWidth(precision int) int {
	switch {
	case precision <= 4:
		return 2
	case precision <= 9:
		return 4
	case precision <= 18:
		return 8
	}
	return 16
}

// arena is memory for the texts of one chunk. It is C's: vectors point into it,
// and C memory may not point into Go's.
type arena struct {
	bytes []byte
	used  int
}

// arenaSize holds the long texts of a chunk of ordinary logs.
const arenaSize = 1 << 20

func (a *arena) has(n int) bool { return len(a.bytes)-a.used >= n }

// grow makes room for n bytes. Nothing may point into the arena.
func (a *arena) grow(n int) {
	if len(a.bytes) >= max(n, arenaSize) {
		return
	}
	a.free()
	n = max(n, arenaSize)
	a.bytes = unsafe.Slice((*byte)(C.malloc(C.size_t(n))), n)
}

// put copies b to where nothing moves it until the chunk is sent.
func (a *arena) put(b []byte) unsafe.Pointer {
	at := a.bytes[a.used:]
	a.used += copy(at, b)
	return unsafe.Pointer(unsafe.SliceData(at))
}

func (a *arena) free() {
	C.free(unsafe.Pointer(unsafe.SliceData(a.bytes)))
	*a = arena{}
}

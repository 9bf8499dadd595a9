// Package random asks the kernel for random numbers. crypto/rand does so too, and
// brings a tenth of a megabyte into every program; math/rand keeps a state, which is
// the same in the copies of a machine.
package random

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Uint64 is random, and never 0.
func Uint64() uint64 {
	var b [8]byte
	for {
		n, err := unix.Getrandom(b[:], 0)
		if err != nil && err != unix.EINTR {
			panic("girok: the kernel gives no random numbers: " + err.Error())
		}
		if v := binary.LittleEndian.Uint64(b[:]); n == len(b) && v != 0 {
			return v
		}
	}
}

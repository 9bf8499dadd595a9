//go:build !linux

// Package random asks the system for random numbers.
package random

import (
	"crypto/rand"
	"encoding/binary"
)

// Uint64 is random, and never 0.
func Uint64() uint64 {
	var b [8]byte
	for {
		_, _ = rand.Read(b[:]) // never fails
		if v := binary.LittleEndian.Uint64(b[:]); v != 0 {
			return v
		}
	}
}

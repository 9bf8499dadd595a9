//go:build amd64 && !race

package spool

// storeWord stores a frame's word after what was stored before it, and before
// what is stored after it. On amd64 a plain store is a release store, and the
// compiler keeps the order of stores around the copy, which is a call. Go's
// atomic store is an exchange there, a full barrier: it would wait until the
// cache lines of the payload have come from the other processor, twice an append.
// Readers in other processes and in this one use pread; those of the memory ring
// load atomically.
func storeWord(p *uint64, w uint64) { *p = w }

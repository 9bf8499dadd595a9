//go:build !amd64 || race

package spool

import "sync/atomic"

// storeWord stores a frame's word after what was stored before it, and before
// what is stored after it.
func storeWord(p *uint64, w uint64) { atomic.StoreUint64(p, w) }

package spool

// prefetchTail asks for the cache line of the tail, for writing, while the
// checksum is still being made: with several processors appending it is mostly
// in another one's cache, and the atomic add would wait for it.
//
//go:noescape
func prefetchTail(p *uint64)

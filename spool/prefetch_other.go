//go:build !amd64

package spool

func prefetchTail(*uint64) {}

//go:build linux

package main

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// processCPU is the CPU time of all threads of this process so far.
func processCPU() time.Duration { return clock(unix.CLOCK_PROCESS_CPUTIME_ID) }

// threadUsage is the CPU time and the page faults of the calling thread so far.
// getrusage tells the time of a thread only up to its last tick or switch,
// which is too coarse for a turn of a few milliseconds.
func threadUsage() (cpu time.Duration, faults int64) {
	const thread = 1 // RUSAGE_THREAD
	var u syscall.Rusage
	_ = syscall.Getrusage(thread, &u) // fails only for a bad pointer
	return clock(unix.CLOCK_THREAD_CPUTIME_ID), int64(u.Minflt) + int64(u.Majflt)
}

func clock(id int32) time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(id, &t)
	return time.Duration(t.Nano())
}

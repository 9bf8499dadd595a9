//go:build linux

package main

import (
	"fmt"
	"strconv"
	"sync"
)

// steadyLine measures a program that logs 1,000 records a second through slog,
// ten every ten milliseconds, into a spooled SQLite handler, whose rows are
// counted. The control is the same program with slog.JSONHandler to io.Discard:
// what waking and the calls cost by themselves. Both run at the same time.
func steadyLine(b *bench) ([]row, error) {
	program, err := b.build("steady")
	if err != nil {
		return nil, err
	}
	seconds := 60
	if b.quick {
		seconds = 5
	}
	control, ours, err := b.together(program, func(dir, mode string) []string { return []string{dir, strconv.Itoa(seconds), mode} })
	if err != nil {
		return nil, err
	}
	const what, name = "a program that logs 1,000 records/s into SQLite", "with slog.JSONHandler → io.Discard"
	return []row{{
		what: fmt.Sprintf("%s: CPU over %d s", what, seconds), control: name,
		absolute: fmt.Sprintf("%.1f µs a record (control %.1f)", 10*ours.percent(), 10*control.percent()),
		cpu:      fmt.Sprintf("%.2f %% of a CPU (control %.2f)", ours.percent(), control.percent()), bar: "≤ 3 %", met: met(ours.percent() <= 3),
	}, {
		what: what + ": wake-ups a second (context switches of all threads)", control: name,
		absolute: fmt.Sprintf("%.0f/s (control %.0f)", ours.rate(), control.rate()),
	}}, nil
}

// together runs a program twice at the same time: with slog, and with girok.
func (b *bench) together(program string, args func(dir, mode string) []string) (control, ours took, err error) {
	var got [2]took
	var errs [2]error
	var wg sync.WaitGroup
	for i, mode := range []string{"slog", "girok"} {
		dir, err := b.folder()
		if err != nil {
			return control, ours, err
		}
		wg.Go(func() { got[i], errs[i] = child(program, args(dir, mode)...) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return control, ours, err
		}
	}
	return got[0], got[1], nil
}

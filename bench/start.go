//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
)

func (b *bench) remove(dir string) error { return os.RemoveAll(dir) }

// openLine measures the start of a program in whose spool 1 GiB of records of
// killed programs waits for a destination that refuses: from before girok.Open
// until the first call has returned, in a new process each time. The control is
// the same with an empty spool.
func openLine(b *bench) ([]row, error) {
	program, err := b.build("resident")
	if err != nil {
		return nil, err
	}
	full, err := b.folder()
	if err != nil {
		return nil, err
	}
	const runs = 8
	size := b.amount(1<<30) / runs
	for range runs {
		if err := killed(program, "fill", full, strconv.Itoa(size)); err != nil {
			return nil, err
		}
	}
	var times, ratios, cpu []float64
	for range b.turns(15) {
		empty, err := b.folder()
		if err != nil {
			return nil, err
		}
		control, err := child(program, "open", empty)
		if err != nil {
			return nil, err
		}
		ours, err := child(program, "open", full)
		if err != nil {
			return nil, err
		}
		times = append(times, ours.Wall.Seconds()*1000)
		cpu = append(cpu, ours.CPU.Seconds()*1000)
		ratios = append(ratios, ours.Wall.Seconds()/control.Wall.Seconds())
		if err := b.remove(empty); err != nil {
			return nil, err
		}
	}
	t := spreadOf(times)
	return []row{{
		what: fmt.Sprintf("Open to the first call returned, %d MiB of dead runs wait", b.amount(1<<30)>>20), control: "an empty spool",
		ratio: spreadOf(ratios).String(), absolute: t.String() + " ms",
		cpu: fmt.Sprintf("%.2f ms of the process meanwhile", spreadOf(cpu).median), bar: "≤ 5 ms", met: met(t.median <= 5),
	}}, b.remove(full)
}

// idleLine measures a program that has opened girok with one spooled handler,
// logged 1,000 records, delivered them and does nothing since. The control is
// the same program with slog.JSONHandler. Both run at the same time.
func idleLine(b *bench) ([]row, error) {
	program, err := b.build("resident")
	if err != nil {
		return nil, err
	}
	seconds := 60
	if b.quick {
		seconds = 5
	}
	control, ours, err := b.together(program, func(dir, mode string) []string { return []string{"idle", dir, strconv.Itoa(seconds), mode} })
	if err != nil {
		return nil, err
	}
	mb := func(t took) float64 { return float64(t.RssAnon) / 1e6 }
	const name = "the program without girok"
	return []row{{
		what: fmt.Sprintf("wake-ups a second when idle, over %d s (context switches of all threads)", seconds), control: name,
		absolute: fmt.Sprintf("%.1f/s (control %.1f)", ours.rate(), control.rate()), bar: "≤ 20/s", met: met(ours.rate() <= 20),
	}, {
		what: "CPU then", control: name,
		cpu: fmt.Sprintf("%.3f %% of a CPU (control %.3f)", ours.percent(), control.percent()), bar: "≤ 0.2 %", met: met(ours.percent() <= 0.2),
	}, {
		what: "own memory then (RssAnon)", control: name,
		ratio:    fmt.Sprintf("%.2f", mb(ours)/mb(control)),
		absolute: fmt.Sprintf("%.1f MB (control %.1f)", mb(ours), mb(control)), bar: "≤ 16 MB", met: met(mb(ours) <= 16),
	}}, nil
}

//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/girok/girok/bench/rivals"
)

// standing is how one logger did.
type standing struct {
	kind     rivals.Kind
	allocs   uint64
	flat     tally
	steady   tally
	pace     *latencies
	kills    []death
	stripped int64
}

// tally is how many records were logged, and how many of them the logger gave up.
type tally struct{ made, dropped int64 }

// death is one kill: for how many records the call had returned, and how many of
// these were not there afterwards.
type death struct{ returned, lost int }

// rivalsLine sets girok beside other loggers, each with the buffered writer that
// it is meant to be used with, to a file on the same disk; girok's spooled
// records are delivered into a file like the others' meanwhile.
//
//   - Calls flat out, in turns, one goroutine. The CPU of the process has all
//     background work in it, up to the last record being where it belongs.
//   - Calls at 100,000 a second from two goroutines, in bursts every millisecond,
//     each timed.
//   - Kills: a program that logs 100,000 records a second from one goroutine, and
//     is killed between 0.1 and 1.1 s after its first record. Lost is what a call
//     had returned from and is not in the file then; for girok, not after its next
//     start.
//   - The weight of a hello world.
//
// Floors are slog with a handler that does nothing, and slog.JSONHandler to
// io.Discard, which is the control of the ratios.
func rivalsLine(b *bench) ([]row, error) {
	all := make([]*standing, len(rivals.Kinds))
	for i, k := range rivals.Kinds {
		all[i] = &standing{kind: k}
	}
	r, err := b.rivalCalls(all)
	if err != nil {
		return nil, err
	}
	floor, err := b.rivalPaces(all)
	if err != nil {
		return nil, err
	}
	program, err := b.build("rival")
	if err != nil {
		return nil, err
	}
	kills := 24
	if b.quick {
		kills = 3
	}
	for _, s := range all {
		for range kills {
			d, err := b.rivalKill(program, s.kind)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.kind.Name, err)
			}
			s.kills = append(s.kills, d)
		}
		w, err := b.weigh(s.kind.Weight)
		if err != nil {
			return nil, err
		}
		s.stripped = w.stripped
	}
	b.sections = append(b.sections, rivalsTable(r, floor, all))
	var rows []row
	for _, s := range all {
		if strings.HasPrefix(s.kind.Name, "girok") {
			returned, lost, _, _ := s.lost()
			rows = append(rows, row{
				what:     fmt.Sprintf("records lost by %d kills of a program that logs 100,000/s: girok, %s", len(s.kills), s.kind.About),
				absolute: fmt.Sprintf("%d of %d", lost, returned), bar: "0", met: met(lost == 0),
			})
		}
	}
	return rows, nil
}

// nothing is a slog.Handler that does nothing: what slog itself costs.
type nothing struct{}

func (nothing) Enabled(context.Context, slog.Level) bool  { return true }
func (nothing) Handle(context.Context, slog.Record) error { return nil }
func (n nothing) WithAttrs([]slog.Attr) slog.Handler      { return n }
func (n nothing) WithGroup(string) slog.Handler           { return n }

// rivalCalls measures calls flat out. Arms 0 and 1 are the floors.
func (b *bench) rivalCalls(all []*standing) (results, error) {
	control, none := jsonDiscard(), slog.New(nothing{})
	arms := []arm{
		{name: "control", loop: func(n int) { five(control, n) }},
		{name: "nothing", loop: func(n int) { five(none, n) }},
	}
	for _, s := range all {
		c, err := b.contend(s.kind)
		if err != nil {
			return nil, err
		}
		defer c.close()
		s.allocs = allocations(c.loop)
		if err := errors.Join(c.settle(), c.check()); err != nil {
			return nil, fmt.Errorf("%s: %w", s.kind.Name, err)
		}
		c.tally = &s.flat
		arms = append(arms, arm{name: s.kind.Name, loop: c.loop, settle: c.settle, check: c.check})
	}
	return compete(arms, plan{rounds: b.turns(15), slices: 4, calls: b.amount(10_000), chunk: 250, workers: 1})
}

// rivalPaces measures calls at 100,000 a second, and slog with a handler that
// does nothing, which it returns.
func (b *bench) rivalPaces(all []*standing) (floor *latencies, err error) {
	turns, p := 3, pace{workers: 2, burst: 50, warm: time.Second, length: 5 * time.Second, window: 5 * time.Second}
	if b.quick {
		turns, p.length = 1, time.Second
	}
	floor = newLatencies()
	none := slog.New(nothing{})
	for turn := range turns {
		for k := range len(all) + 1 {
			i := (k + turn) % (len(all) + 1)
			if i == len(all) {
				floor.merge(p.run(func(int) { five(none, 1) }).all[0])
				continue
			}
			if err := b.rivalPace(all[i], p); err != nil {
				return nil, fmt.Errorf("%s: %w", all[i].kind.Name, err)
			}
		}
	}
	return floor, nil
}

func (b *bench) rivalPace(s *standing, p pace) error {
	c, err := b.contend(s.kind)
	if err != nil {
		return err
	}
	defer c.close()
	c.tally = &s.steady
	got := p.run(func(int) { c.Log(1) })
	c.made.Add(int64(got.calls))
	if s.pace == nil {
		s.pace = newLatencies()
	}
	s.pace.merge(got.all[0])
	if err := c.settle(); err != nil {
		return err
	}
	return c.check()
}

// contender is a rival whose records are counted.
type contender struct {
	*rivals.Rival
	b     *bench
	dir   string
	made  atomic.Int64
	tally *tally
}

func (b *bench) contend(k rivals.Kind) (*contender, error) {
	dir, err := b.folder()
	if err != nil {
		return nil, err
	}
	r, err := k.Open(dir)
	return &contender{Rival: r, b: b, dir: dir, tally: new(tally)}, err
}

func (c *contender) loop(n int) {
	for i := range n {
		c.Log(i)
	}
	c.made.Add(int64(n))
}

// settle flushes. Of those that only begin with it then, it waits for the file
// to come to rest.
func (c *contender) settle() error {
	if err := c.Flush(); err != nil || !c.Lazy {
		return err
	}
	for size := int64(-1); ; {
		time.Sleep(25 * time.Millisecond)
		st, err := os.Stat(filepath.Join(c.dir, rivals.File))
		if err != nil {
			return err
		}
		if st.Size() == size {
			return nil
		}
		size = st.Size()
	}
}

// check looks whether every record has arrived; of a lossy logger, how many have
// not.
func (c *contender) check() error {
	arrived, err := c.Arrived()
	if err != nil {
		return err
	}
	made := c.made.Load()
	if int64(arrived) != made && !c.Lossy {
		return fmt.Errorf("%d records were logged, %d arrived", made, arrived)
	}
	*c.tally = tally{made, made - int64(arrived)}
	return nil
}

func (c *contender) close() {
	_ = c.Close()
	_ = c.b.remove(c.dir)
}

// rivalKill kills a program once.
func (b *bench) rivalKill(program string, k rivals.Kind) (d death, err error) {
	dir, err := b.folder()
	if err != nil {
		return d, err
	}
	defer b.remove(dir)
	marks := filepath.Join(dir, "marks")
	if err := os.WriteFile(marks, make([]byte, 8), 0o600); err != nil {
		return d, err
	}
	mark, err := rivals.MapMark(marks)
	if err != nil {
		return d, err
	}
	var errs bytes.Buffer
	cmd := exec.Command(program, k.Name, dir, marks)
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		return d, err
	}
	for end := time.Now().Add(10 * time.Second); mark.Load() == 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(100*time.Millisecond + rand.N(time.Second))
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if cmd.ProcessState.ExitCode() != -1 {
		return d, fmt.Errorf("the program ended by itself: %s", errs.Bytes())
	}
	got, err := k.Numbers(dir)
	d.returned = int(mark.Load())
	for i := range d.returned {
		if got[i] == 0 {
			d.lost++
		}
	}
	for i, n := range got {
		if n > 1 {
			return d, fmt.Errorf("record %d is there %d times", i, n)
		}
	}
	if err == nil && d.returned == 0 {
		err = errors.New("no record was logged")
	}
	return d, err
}

// lost sums the kills up.
func (s *standing) lost() (returned, lost, worst, with int) {
	for _, d := range s.kills {
		returned += d.returned
		lost += d.lost
		worst = max(worst, d.lost)
		with += min(d.lost, 1)
	}
	return returned, lost, worst, with
}

func rivalsTable(r results, floor *latencies, standings []*standing) string {
	var s strings.Builder
	s.WriteString("## Beside other loggers\n\n" +
		"Five fields, one line of JSON a record. Ratios are to slog.JSONHandler → io.Discard in the same rounds.\n\n" +
		"| logger | a call flat out: ratio (quartiles) | ns; mean | CPU ns: caller; all | allocations | given up flat out " +
		"| at 100,000/s: p50 / p99 / p99.9 / p99.99 | given up then | lost by kills: records; worst; kills | hello world, -s -w |\n" +
		"|---|---|---|---|---|---|---|---|---|---|\n")
	line := func(i int, name, allocs, dropped, pace, pacedDropped, kills, weight string) {
		fmt.Fprintf(&s, "| %s | %v | %.0f; %.0f | %.0f; %.0f | %s | %s | %s | %s | %s | %s |\n", name, r.ratios(i, wall),
			r.absolute(i, wall).median, r.absolute(i, mean).median, r.absolute(i, caller).median, r.absolute(i, all).median,
			allocs, dropped, pace, pacedDropped, kills, weight)
	}
	line(0, jsonDiscardName, "", "", "", "", "", "")
	line(1, "slog, a handler that does nothing", "", "", floor.String(), "", "", "")
	for i, st := range standings {
		returned, lost, worst, with := st.lost()
		line(i+2, st.kind.Name+": "+st.kind.About, fmt.Sprint(st.allocs), st.flat.String(), st.pace.String(), st.steady.String(),
			fmt.Sprintf("%d of %d; %d; %d of %d", lost, returned, worst, with, len(st.kills)), fmt.Sprintf("%.2f MB", float64(st.stripped)/1e6))
	}
	return s.String()
}

// String is the part of the records that the logger gave up.
func (t tally) String() string {
	if t.dropped == 0 {
		return "0"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(t.dropped)/float64(t.made))
}

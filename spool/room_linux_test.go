package spool

import (
	"math/rand/v2"
	"testing"
	"time"
)

// killFull is the limit of a child that is killed while it makes room.
const killFull = 6 << 20

// A process is killed at any moment while it makes room in dead runs and its own.
// In each run what is there and what counts as lost are together what was appended.
func TestKillWhileMakingRoom(t *testing.T) {
	kills, fell := 12, 0
	if testing.Short() {
		kills = 2
	}
	for range kills {
		dir := t.TempDir()
		var dead []*Run
		for range 3 {
			s, _ := openSpool(t, Options{Dir: dir, MaxBytes: 1 << 30, segment: minSegment})
			fillSpool(t, s.Writer(), 0, 20, func(int) uint64 { return 3 })
			s.Seal()
			s.Release()
			r, err := openRun(s.Writer().Run().Path())
			must(t, err)
			dead = append(dead, r)
		}
		c := startChild(t, dir, false, false, killEnv+"_FULL=1")
		last := dead[rand.IntN(3)]
		eventually(t, "it makes room", func() bool { n, _, _ := last.Counters().Slot(0).Lost(); return n > 0 })
		time.Sleep(time.Duration(rand.IntN(20_000)) * time.Microsecond)
		c.kill(t)
		for i, r := range dead {
			for bit, lost := range settled(t, r) {
				n := len(presentIn(t, r).refs)
				if n+int(lost) != 20 {
					t.Errorf("run %d, handler %d: %d records are there and %d count as lost, of 20", i, bit, n, lost)
				}
				fell += int(lost)
			}
		}
		own, err := openRun(c.path)
		must(t, err)
		acked, there := 0, len(presentIn(t, own).refs)
		for g := range killWriters {
			acked += int(ackOf(c.page, g).Load())
		}
		for bit, lost := range settled(t, own) {
			if sum := there + int(lost); sum < acked || sum > acked+killWriters {
				t.Errorf("own run, handler %d: %d records are there and %d count as lost, of %d", bit, there, lost, acked)
			}
		}
	}
	if fell == 0 {
		t.Error("no dead run lost anything")
	}
}

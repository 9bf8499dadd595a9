package deliver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

// One destination of two is down while the spool is full of dead runs and a living
// one: the oldest records go, the good destination gets every record, and what the
// other one misses is what counts as lost, run by run.
func TestFullWithOneDestinationDown(t *testing.T) {
	dir := t.TempDir()
	stores := map[string]*store{"a": newStore(), "b": newStore()}
	down := true
	stores["b"].before = func(*sink.Batch) error {
		if down {
			return errors.New("down")
		}
		return nil
	}
	n, of := 0, map[string]int{} // which program wrote a record
	var pages []*spool.Counters
	begin := func(who int, limit int64) (p *program, append10 func()) {
		p = start(t, dir, limit, stores, "a", "b")
		pages = append(pages, p.spool.Writer().Run().Counters())
		return p, func() {
			for range 10 {
				name := fmt.Sprintf("m%d", n)
				of[name] = who
				p.append(3, name+" "+strings.Repeat("x", 60_000))
				n++
			}
		}
	}
	for who := range 3 {
		p, append10 := begin(who, 1<<30)
		for range 5 {
			append10()
		}
		p.spool.Seal()
		p.spool.Release()
	}
	p, append10 := begin(3, 8<<20)
	p.d.Start()
	eventually(t, "the good destination has what dead runs had", func() bool { return stores["a"].count() == n })
	for range 25 {
		append10()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		if err := p.d.Flush(ctx, "h0"); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
	stores["b"].set(func() { down = false })
	p.flush()
	eventually(t, "dead runs are drained", func() bool { return len(runFolders(t, dir)) == 1 })
	p.stop()
	once(t, stores["a"], n)
	var missing [4]uint64
	has := map[string]bool{}
	for _, row := range stores["b"].rows {
		if has[nameOf(row)] {
			t.Errorf("%s is in b twice", nameOf(row))
		}
		has[nameOf(row)] = true
	}
	for name, who := range of {
		if !has[name] {
			missing[who]++
		}
	}
	for who, page := range pages {
		good, _, _ := page.Slot(0).Lost()
		lost, _, _ := page.Slot(1).Lost()
		if good != 0 || lost != missing[who] {
			t.Errorf("run %d: %d and %d count as lost, b misses %d", who, good, lost, missing[who])
		}
	}
	// The batch that is tried again and again has pinned the beginning of the first.
	if !has["m0"] || missing[1] != 50 || missing[2] != 50 || missing[3] == 0 {
		t.Errorf("what went is not the oldest: %v", missing)
	}
}

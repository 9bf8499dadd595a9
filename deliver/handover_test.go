package deliver

import (
	"fmt"
	"testing"
	"time"

	"github.com/girok/girok/sink"
)

// A process that wants a destination gets it from one that lives, also while that
// waits for a destination that is down; when it ends, the other goes on. Each
// record is in once, and one process at a time delivers.
func TestHandOver(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	first := start(t, dir, 0, one(s), "a")
	first.d.Start()
	first.appendN(1, 100)
	first.flush()
	n := 100
	holds := func(p *program) bool {
		for _, st := range p.d.Stats() {
			if st.Holds {
				return true
			}
		}
		return false
	}
	for round := range 3 {
		if round == 1 { // in the middle of trying again and again
			s.set(func() { s.before = func(*sink.Batch) error { return fmt.Errorf("down") } })
			first.appendN(1, 10)
			n += 10
			time.Sleep(5 * fast.RetryMax)
		}
		second := start(t, dir, 0, one(s), "a")
		second.n = 1000 * (round + 1)
		second.d.opts.Want = true
		second.d.Start()
		eventually(t, "the second has it", func() bool { return holds(second) && !holds(first) })
		s.set(func() { s.before = nil })
		first.appendN(1, 50)
		second.appendN(1, 50)
		n += 100
		eventually(t, "the second delivers what both write", func() bool { return s.count() == n })
		second.stop()
		eventually(t, "the first has it again", func() bool { return holds(first) })
		first.appendN(1, 50)
		n += 50
		first.flush()
		once(t, s, n)
	}
	first.stop()
	once(t, s, n)
	if len(s.positions) > 0 {
		t.Errorf("positions are left: %v", s.positions)
	}
	if left := runFolders(t, dir); len(left) > 0 {
		t.Errorf("runs are left: %v", left)
	}
}

// Two that want it take turns only when one of them ends.
func TestTwoThatWant(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	var all []*program
	for i := range 3 {
		p := start(t, dir, 0, one(s), "a")
		p.n = 1000 * i
		p.d.opts.Want = i > 0
		p.d.Start()
		p.appendN(1, 20)
		all = append(all, p)
	}
	eventually(t, "all is delivered", func() bool { return s.count() == 60 })
	for i, p := range all {
		begin := time.Now()
		p.stop()
		if took := time.Since(begin); took >= patience {
			t.Errorf("program %d waits for who has the destination", i)
		}
	}
	once(t, s, 60)
}

// A destination is handed over while nobody knows whether the last batch is in, and
// other runs wait whose rows have another shape: what was set aside for it stays so.
func TestHandOverWithoutAnAnswer(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	s.reject = func(msg string) (string, bool) { return "bad", msg == "m103" }
	old := start(t, dir, 0, one(s), "a")
	cfg := old.spool.Writer().Run().Config
	cfg.Timezone = "Asia/Seoul"
	retire, err := old.spool.Renew(cfg)
	if err != nil {
		t.Fatal(err)
	}
	retire()
	old.appendN(1, 10)
	old.spool.Seal()
	old.spool.Release()
	s.after = func(*sink.Batch) error { // and then it is down
		s.before = func(*sink.Batch) error { return fmt.Errorf("down") }
		return fmt.Errorf("connection reset")
	}
	first := start(t, dir, 0, one(s), "a")
	first.n = 100
	first.appendN(1, 10)
	first.d.Start()
	eventually(t, "a batch is in", func() bool { return s.count() > 0 })
	second := start(t, dir, 0, one(s), "a")
	second.d.opts.Want = true
	second.d.Start()
	eventually(t, "the second has it", func() bool { st := second.d.Stats(); return len(st) == 1 && st[0].Holds })
	s.set(func() { s.before, s.after = nil, nil })
	eventually(t, "all is delivered", func() bool { return s.count() == 19 })
	second.stop()
	first.stop()
	once(t, s, 19)
	if letters, err := Letters(first.spool.Dir()); err != nil || len(letters) != 1 {
		t.Errorf("%d letters, %v", len(letters), err)
	}
}

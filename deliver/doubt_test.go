package deliver

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/spool"
)

// Records come one by one, and the table refuses every one: none becomes a dead
// letter, the handler is paused once there are enough to tell, and all go in when the
// table is mended.
func TestFewRowsRefusedAlike(t *testing.T) {
	for _, at := range []string{"a", "a#"} {
		t.Run(at, func(t *testing.T) {
			dir, s := t.TempDir(), newStore()
			broken := true
			s.reject = func(string) (string, bool) { return "no column", broken }
			p := start(t, dir, 0, one(s), at)
			p.d.pace.Doubt = patience
			p.d.Start()
			state := func(want spool.State) func() bool {
				return func() bool { st := p.d.Stats(); return len(st) == 1 && st[0].State == want }
			}
			for p.n = range alikeLimit - 1 {
				p.append(1, fmt.Sprint("m", p.n))
				eventually(t, "it is in doubt", state(spool.Retrying))
			}
			if cause := p.d.Stats()[0].Cause; !strings.Contains(cause, "more rows will tell") {
				t.Errorf("the cause is %q", cause)
			}
			p.append(1, "the last")
			p.n += 2
			eventually(t, "it is paused", state(spool.Refused))
			if l, err := Letters(p.spool.Dir()); err != nil || len(l) > 0 {
				t.Errorf("%d letters (%v)", len(l), err)
			}
			s.set(func() { broken = false })
			p.flush()
			p.stop()
			once(t, s, p.n)
		})
	}
}

// A bad row that stays alone becomes a letter after a while; together with a good one
// at once.
func TestOneBadRowInDoubt(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	s.reject = func(msg string) (string, bool) { return "bad", strings.HasPrefix(msg, "bad") }
	p := start(t, dir, 0, one(s), "a")
	p.d.pace.Doubt = 30 * time.Millisecond
	p.d.Start()
	letters := func(n int) func() bool {
		return func() bool { l, _ := Letters(p.spool.Dir()); return len(l) == n }
	}
	p.append(1, "bad 1")
	eventually(t, "it is a letter", letters(1))
	p.stop()
	p = start(t, dir, 0, one(s), "a")
	p.d.pace.Doubt = patience
	p.d.Start()
	p.append(1, "bad 2")
	eventually(t, "it is in doubt", func() bool { st := p.d.Stats(); return len(st) == 1 && st[0].State == spool.Retrying })
	p.append(1, "good")
	eventually(t, "it is a letter, and the good one is in", letters(2))
	p.flush()
	p.stop()
	once(t, s, 1)
}

// Many bad rows one after the other, each in a batch of its own, are as good as many
// in one batch: it is the table. But a good one that comes later shows that it was
// not, and none is held up for it.
func TestRefusedAlikeOverBatches(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	s.reject = func(msg string) (string, bool) { return "bad", strings.HasPrefix(msg, "bad") }
	p := start(t, dir, 0, one(s), "a")
	p.d.Start()
	for i := range alikeLimit - 1 {
		p.append(1, fmt.Sprint("bad ", i))
		p.flush()
	}
	p.append(1, "bad again")
	eventually(t, "it is paused", func() bool { return p.d.Stats()[0].State == spool.Refused })
	if l, err := Letters(p.spool.Dir()); err != nil || len(l) != alikeLimit-1 {
		t.Errorf("%d letters (%v)", len(l), err)
	}
	p.append(1, "good")
	p.flush()
	if l, err := Letters(p.spool.Dir()); err != nil || len(l) != alikeLimit {
		t.Errorf("%d letters (%v)", len(l), err)
	}
	p.stop()
	once(t, s, 1)
}

// A batch that has no room for more is not waited with.
func TestNoRoomForDoubt(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	s.reject = func(string) (string, bool) { return "bad", true }
	p := start(t, dir, 0, one(s), "a")
	cfg := p.spool.Writer().Run().Config.Handlers
	cfg[0].Keys = []byte(`{"class":"fake","at":"a","batch":{"records":3}}`)
	p.d.pace.Doubt = patience
	p.d.Start()
	p.append(1, "1", "2", "3")
	eventually(t, "they are letters", func() bool { l, _ := Letters(p.spool.Dir()); return len(l) == 3 })
	p.stop()
}

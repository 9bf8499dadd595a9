package deliver

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/girok/girok/spool"
)

// What a living program had written when a Mark was taken goes out, from a batch that
// may be open for an hour, and is done with although the program writes on.
func TestMarkOfALivingRun(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	cfg := spool.RunConfig{Service: "svc", Host: "host", Dir: dir, Handlers: []spool.HandlerConfig{
		{Name: "h0", Class: "fake", Keys: []byte(`{"class":"fake","at":"a","batch":{"age":"1h"}}`)},
	}}
	sp, err := spool.Open(spool.Options{Dir: dir, Config: cfg, WriteOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	w := &program{t: t, spool: sp}
	p := start(t, dir, 0, one(s), "a")
	p.d.Start()
	w.appendN(1, 40)
	eventually(t, "p delivers", func() bool { return p.holds() && s.count() == 0 })
	w.appendN(1, 10) // of which its page does not tell for some 100 ms
	m := p.d.Mark()
	for r, end := range m.ends {
		if want := sp.Writer().Tail(); r.ID == sp.Writer().Run().ID && end != want {
			t.Errorf("the run ends at %d, want %d", end, want)
		}
	}
	ended, stopped := make(chan struct{}), make(chan int)
	go func() { stopped <- w.appendUntil(ended) }()
	eventually(t, "what was there is delivered", func() bool { return len(m.Backlog()) == 0 && s.count() >= 50 })
	close(ended)
	more := <-stopped
	sp.Seal()
	sp.Release()
	eventually(t, "the dead run is drained", func() bool { return len(runFolders(t, dir)) == 1 })
	p.stop()
	once(t, s, 50+more)
}

// holds reports whether the program delivers for its one handler.
func (p *program) holds() bool {
	s := p.d.Stats()
	return len(s) == 1 && s[0].Holds
}

// What waits for its next try is tried at once.
func TestMarkTriesAtOnce(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	s.fails(false, nth(1, fmt.Errorf("down")))
	p := start(t, dir, 0, one(s), "a")
	p.d.pace.RetryMin, p.d.pace.RetryMax = time.Hour, time.Hour
	p.d.Start()
	p.appendN(1, 10)
	eventually(t, "it has failed", func() bool { return p.holds() && p.d.Stats()[0].Retries == 1 })
	m := p.d.Mark()
	if left := m.Backlog(); len(left) > 0 && left[0].Holder != "" {
		t.Errorf("%+v", left)
	}
	eventually(t, "all is delivered", func() bool { return len(m.Backlog()) == 0 })
	p.stop()
	once(t, s, 10)
}

// What another process delivers is told with its number.
func TestMarkOfWhatOthersDeliver(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	s.stall = make(chan struct{})
	w := start(t, dir, 0, one(s), "a")
	w.appendN(1, 10)
	first, second := start(t, dir, 0, one(s), "a"), start(t, dir, 0, one(s), "a")
	first.d.Start()
	eventually(t, "the first delivers", first.holds)
	second.d.Start()
	m := second.d.Mark()
	if left := m.Backlog(); len(left) != 1 || left[0].Holder != fmt.Sprint("pid ", os.Getpid()) || left[0].Bytes == 0 {
		t.Errorf("%+v", left)
	}
	if left := first.d.Mark().Backlog(); len(left) != 1 || left[0].Holder != "" {
		t.Errorf("of the first: %+v", left)
	}
	close(s.stall)
	eventually(t, "all is delivered", func() bool { return len(m.Backlog()) == 0 })
	w.die2()
	first.stop()
	second.stop()
	once(t, s, 10)
}

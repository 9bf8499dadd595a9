package deliver

import (
	"testing"
	"time"

	"github.com/girok/girok/spool"
)

// Nobody looks for an hour, and what another process writes is delivered when it
// comes: its writer tells of it, of a Flush, and of its end.
func TestOthersAreHeard(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	cfg := spool.RunConfig{Service: "svc", Host: "host", Dir: dir, Handlers: []spool.HandlerConfig{
		{Bit: 0, Name: "h0", Class: "fake", Keys: fakeKeys("a")},
		{Bit: 1, Name: "h1", Class: "fake", Keys: []byte(`{"class":"fake","at":"b","batch":{"age":"1h"}}`)},
	}}
	sp, err := spool.Open(spool.Options{Dir: dir, Config: cfg, WriteOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Seal()
	w := &program{t: t, spool: sp}
	slow := newStore()
	p := start(t, dir, 0, map[string]*store{"a": s, "b": slow}, "a", "b")
	p.d.pace.Scan, p.d.pace.Idle = time.Hour, time.Hour
	p.d.Start()
	for n := range 5 {
		w.appendN(3, 1)
		eventually(t, "the record is delivered", func() bool { return s.count() == n+1 })
	}
	if n := slow.count(); n != 0 {
		t.Errorf("%d records are in b, whose batch may wait for an hour", n)
	}
	run := sp.Writer().Run()
	run.WantFlush(run.Tail())
	eventually(t, "somebody has asked for it", func() bool { return slow.count() == 5 })
	w.appendN(3, 1)
	sp.Seal()
	sp.Release()
	eventually(t, "the dead run is drained", func() bool { return slow.count() == 6 && len(runFolders(t, dir)) == 1 })
	p.stop()
	once(t, s, 6)
	once(t, slow, 6)
}

// Who is asked to hand over, and who hears no more of a run, does not listen to it.
func TestWhoDeliversListens(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	w := start(t, dir, 0, one(s), "a")
	first, second := start(t, dir, 0, one(s), "a"), start(t, dir, 0, one(s), "a")
	first.d.Start()
	listens := func(p *program) bool {
		for _, l := range p.d.lanes() {
			if l.listens.Load() {
				return true
			}
		}
		return false
	}
	eventually(t, "the first listens", func() bool { return listens(first) })
	second.d.opts.Want = true
	second.d.Start()
	eventually(t, "the second listens alone", func() bool { return listens(second) && !listens(first) })
	second.stop()
	eventually(t, "the first listens again", func() bool { return listens(first) })
	w.appendN(1, 10)
	eventually(t, "all is delivered", func() bool { return s.count() == 10 })
	first.stop()
	w.spool.Seal()
	w.spool.Release()
	once(t, s, 10)
}

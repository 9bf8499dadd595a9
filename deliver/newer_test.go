package deliver

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/girok/girok/sink"
)

// older is a program that can't read records that say v2.
func (p *program) older() (told *safeLog) {
	p.d.readable = func(payload []byte) bool { return !bytes.Contains(payload, []byte("v2")) }
	told = &safeLog{}
	p.d.opts.Log = slog.New(slog.NewTextHandler(told, nil))
	return told
}

// A program of before delivers what it can read, and waits at what a newer one wrote,
// and says so: nothing is skipped, nothing becomes a dead letter, other runs go on. A
// newer one that comes gets the destination, also if it did not come for that.
func TestOlderWaitsForNewer(t *testing.T) {
	for _, at := range []string{"a", "a#"} {
		t.Run(at, func(t *testing.T) {
			dir, s := t.TempDir(), newStore()
			writer := start(t, dir, 0, one(s), at)
			writer.append(1, "1", "2", "3 v2", "4")
			writer.appendRequest([]uint64{1}, "5", "6 v2")
			old := start(t, dir, 0, one(s), at)
			told := old.older()
			old.d.Start()
			old.append(1, "7", "8")
			old.flush()
			eventually(t, "what it can read is in", func() bool { return s.count() == 4 })
			eventually(t, "it is told", func() bool { return strings.Contains(told.String(), "a newer girok wrote this run") })
			if st := old.d.Stats(); st[0].Letters != 0 || !st[0].Holds {
				t.Errorf("%+v", st)
			}
			newer := start(t, dir, 0, one(s), at)
			newer.d.Start()
			eventually(t, "all are in", func() bool { return s.count() == 8 })
			if st := old.d.Stats(); st[0].Holds {
				t.Error("the older one has the destination")
			}
			old.append(1, "9")
			newer.append(1, "10 v2")
			newer.flush()
			eventually(t, "those too", func() bool { return s.count() == 10 })
			newer.stop() // it ends: the older one takes its place
			old.append(1, "11")
			old.flush()
			old.stop()
			writer.die2()
			once(t, s, 11)
		})
	}
}

// An older program meets a batch that a newer one had begun: it waits with it, says
// so, and the newer one that comes brings it in under the name that it had.
func TestOlderMeetsABegunBatch(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	p := start(t, dir, 0, one(s), "a#")
	died := make(chan struct{})
	dies := sync.OnceFunc(func() { close(died) })
	s.before = func(*sink.Batch) error { dies(); return errors.New("the answer never came") }
	p.append(1, "1", "2 v2", "3")
	p.d.Start()
	<-died
	p.die()
	s.set(func() { s.before = nil })
	old := start(t, dir, 0, one(s), "a#")
	told := old.older()
	old.d.Start()
	old.append(1, "4")
	eventually(t, "it is told", func() bool { return strings.Contains(told.String(), "a newer girok wrote this run") })
	if n := s.count(); n != 0 {
		t.Errorf("%d rows are in before the batch that was begun", n)
	}
	newer := start(t, dir, 0, one(s), "a#")
	newer.d.Start()
	eventually(t, "all are in", func() bool { return s.count() == 4 })
	newer.stop()
	old.stop()
	once(t, s, 4)
	if got := fmt.Sprint(s.rows[:3]); got != "[1 2 v2 3]" {
		t.Errorf("the batch that was begun is %s", got)
	}
}

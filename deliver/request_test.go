package deliver

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// appendRequest appends one frame with a record for each message; the masks take
// turns.
func (p *program) appendRequest(masks []uint64, msgs ...string) {
	p.t.Helper()
	var req record.RequestEncoder
	req.Begin("request", "", nil)
	for i, msg := range msgs {
		e := record.NewEncoder(nil)
		e.Begin(&record.Header{Mask: masks[i%len(masks)], Level: record.Info, Time: time.Now(), Message: msg})
		if !req.Add(e.Finish()) {
			p.t.Fatal("no room in the frame")
		}
		e.Release()
	}
	if _, err := p.spool.Appender().TryAppend(req.Finish()); err != nil {
		p.t.Fatal(err)
	}
}

// Of a request each handler gets its records; a bad one among them is set aside
// alone, and a process that dies between the parts of the split batch goes on
// within the frame.
func TestRequests(t *testing.T) {
	t.Run("position", func(t *testing.T) { testRequests(t, "a", "b") })
	t.Run("file", func(t *testing.T) { testRequests(t, "a#", "b#") })
}

func testRequests(t *testing.T, at ...string) {
	dir := t.TempDir()
	a, b := newStore(), newStore()
	stores := map[string]*store{"a": a, "b": b}
	a.blind = true
	a.reject = func(msg string) (string, bool) { return "bad", strings.HasSuffix(msg, "7") }
	written := 0
	died := make(chan struct{})
	a.after = func(*sink.Batch) error {
		if written++; written == 3 {
			close(died)
		}
		if written >= 3 {
			return errors.New("the answer never came")
		}
		return nil
	}
	p := start(t, dir, 0, stores, at...)
	var msgs []string
	for i := range 40 {
		msgs = append(msgs, fmt.Sprint("r", i))
	}
	p.append(3, "first")
	p.appendRequest([]uint64{1, 2, 3}, msgs...)
	p.append(3, "last")
	p.d.Start()
	<-died
	p.die()
	a.set(func() { a.after = nil })
	p = start(t, dir, 0, stores, at...)
	p.d.Start()
	forA, forB, bad := 2, 2, 0
	for i := range 40 {
		if i%3 != 1 {
			if i%10 == 7 {
				bad++
			} else {
				forA++
			}
		}
		if i%3 != 0 {
			forB++
		}
	}
	eventually(t, "drained", func() bool { return len(runFolders(t, dir)) == 1 })
	once(t, a, forA)
	once(t, b, forB)
	p.stop()
	letters, err := Letters(p.spool.Dir())
	if err != nil || len(letters) != bad {
		t.Errorf("%d letters, want %d (%v)", len(letters), bad, err)
	}
	for _, l := range letters {
		var v record.View
		if err := v.Parse(l.Frame); err != nil || !strings.HasSuffix(string(v.Message), "7") {
			t.Errorf("letter %q (%v)", v.Message, err)
		}
	}
}

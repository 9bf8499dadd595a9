package tree

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/girok/girok/filter"
	"github.com/girok/girok/record"
)

var errMoved = errors.New("moved")

// appender is that of one configuration, whose frames all have one mask. After some
// frames it lets another configuration be applied, between the routing of a record
// and its storing.
type appender struct {
	frames
	mask  uint64
	calls atomic.Int32
	apply func(after *appender)
	gate  sync.RWMutex
	moved bool
}

func (a *appender) Append(p []byte) (uint64, error) {
	if a.calls.Add(1) == 5 {
		a.apply(a)
	}
	a.gate.RLock()
	defer a.gate.RUnlock()
	if a.moved {
		return 0, errMoved
	}
	return a.frames.Append(p)
}

func (a *appender) TryAppend(p []byte) (uint64, error) { return a.Append(p) }

func (a *appender) retire() {
	a.gate.Lock()
	defer a.gate.Unlock()
	a.moved = true
}

// Calls, entries and requests go on while one configuration after the other is
// applied: each record comes to one appender, with the mask of its configuration,
// and once to the direct handler.
func TestApplyWhileLogging(t *testing.T) {
	out := &lines{}
	var all []*appender
	var tr *Tree
	var config func() Config
	apply := func(after *appender) {
		tr.Apply(config())
		after.retire()
	}
	config = func() Config { // one at a time: the next is made by the fifth call of the last
		bit := len(all) % 64
		a := &appender{mask: 1 << bit, apply: apply}
		all = append(all, a)
		return Config{Appender: a, Moved: errMoved, Loggers: []LoggerConfig{logger("", 10, directTo(out, 0), spooledAt(bit, 0))}}
	}
	tr = New(config())
	var wg sync.WaitGroup
	var logged [3][]string
	work := func(g int, do func(msg string)) {
		wg.Go(func() {
			for n := range 500 {
				msg := fmt.Sprint(g, "-", n)
				do(msg)
				logged[g] = append(logged[g], msg)
			}
		})
	}
	held := slogger(tr, "a.b").With("k", 1)
	work(0, func(msg string) { held.WithGroup("g").With("n", 2).Info(msg) })
	work(1, func(msg string) {
		if spooled, err := tr.Node("c").Emit(&Entry{Level: record.Info, Time: time.Now(), Message: msg}); !spooled || err != nil {
			t.Error(spooled, err)
		}
	})
	work(2, func(msg string) {
		r := NewRequest("id", "")
		r.Add(tr.Node("d"), &Entry{Level: record.Info, Time: time.Now(), Message: msg})
		r.Add(tr.Node("e"), &Entry{Level: record.Info, Time: time.Now(), Message: msg + " too"})
		if spooled, err := r.Commit(); !spooled || err != nil {
			t.Error(spooled, err)
		}
	})
	wg.Wait()
	if len(all) < 100 {
		t.Errorf("only %d configurations", len(all))
	}
	want := map[string]int{}
	for g, list := range logged {
		for _, msg := range list {
			if want[msg]++; g == 2 {
				want[msg+" too"]++
			}
		}
	}
	spooled, direct := map[string]int{}, map[string]int{}
	for _, a := range all {
		for _, p := range a.got {
			for _, one := range recordsOf(t, p) {
				if spooled[string(one.Message)]++; one.Mask != a.mask {
					t.Fatalf("%s has mask %b in the run of %b", one.Message, one.Mask, a.mask)
				}
			}
		}
	}
	for _, msg := range out.take() {
		direct[msg]++
	}
	for name, got := range map[string]map[string]int{"spooled": spooled, "direct": direct} {
		if len(got) != len(want) {
			t.Errorf("%s: %d records of %d", name, len(got), len(want))
		}
		for msg, n := range got {
			if n != 1 || want[msg] != 1 {
				t.Errorf("%s: %s comes %d times", name, msg, n)
			}
		}
	}
}

// recordsOf parses the records of a frame.
func recordsOf(t *testing.T, payload []byte) (list []*record.View) {
	t.Helper()
	parse := func(p []byte) {
		v := new(record.View)
		if err := v.Parse(p); err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	var r record.Request
	if r.Parse(payload) != nil {
		parse(payload)
		return list
	}
	for p, ok := r.Next(nil); ok; p, ok = r.Next(nil) {
		parse(p)
	}
	return list
}

// A request in whose middle another configuration is applied becomes two frames:
// a frame has the masks of one.
func TestApplyWithinARequest(t *testing.T) {
	old, next := &frames{}, &frames{}
	var tr *Tree
	first := spooledAt(3, 0)
	first.Filters = []filter.Filter{filter.Func(func(*record.View) bool {
		tr.Apply(Config{Appender: next, Moved: errMoved, Loggers: []LoggerConfig{logger("", 10, spooledAt(7, 0))}})
		return true
	})}
	tr = New(Config{Appender: old, Moved: errMoved, Loggers: []LoggerConfig{logger("", 10, first)}})
	r := NewRequest("id", "")
	for _, msg := range []string{"one", "two", "three"} {
		r.Add(tr.Node(msg), &Entry{Level: record.Info, Message: msg})
	}
	if spooled, err := r.Commit(); !spooled || err != nil || len(old.got) != 1 || len(next.got) != 1 {
		t.Fatalf("%v, %v: %d frames and %d", spooled, err, len(old.got), len(next.got))
	}
	got := append(recordsOf(t, old.got[0]), recordsOf(t, next.got[0])...)
	for i, want := range []struct {
		msg string
		bit int
	}{{"one", 3}, {"two", 7}, {"three", 7}} {
		if string(got[i].Message) != want.msg || got[i].Mask != 1<<want.bit {
			t.Errorf("%q has mask %b, want %q and bit %d", got[i].Message, got[i].Mask, want.msg, want.bit)
		}
	}
}

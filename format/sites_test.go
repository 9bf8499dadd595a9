package format

import (
	"log/slog"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/girok/girok/record"
)

// callAt is a call from a place in the code.
func callAt(pc uintptr, keys ...string) *record.Call {
	c := &record.Call{Level: record.Info, Logger: "shop", Record: slog.NewRecord(time.Unix(1709646306, 0), 0, "m", pc)}
	for _, k := range keys {
		c.Record.AddAttrs(slog.Int(k, 1))
	}
	return c
}

// Calls by one function of a program's own are told apart by how many attributes they have.
func TestSitesOfAWrapper(t *testing.T) {
	j := NewJSON(JSONOptions{Location: time.UTC})
	words := strings.Fields("user order amount gift took path status bytes method host query table rows cache key ttl retries error_code region zone")
	for range 2 {
		for i := range words {
			if _, ok := j.AppendCall(nil, callAt(1, words[i:]...)); !ok {
				t.Fatal("it takes a frame")
			}
		}
	}
	known := 0
	for i := range words {
		if s := j.sites.of(callAt(1, words[i:]...)); s != nil && len(s.keys) == len(words)-i {
			known++
		}
	}
	if known < 12 { // those with more than 16 keys are not, and two may have one place
		t.Errorf("%d of %d calls are known", known, len(words))
	}
}

// A place that has other keys each time is left alone after a while.
func TestSitesGiveUp(t *testing.T) {
	j := NewJSON(JSONOptions{Location: time.UTC})
	for i := range 10_000 {
		_, _ = j.AppendCall(nil, callAt(uintptr(i+1), "k"))
	}
	for i := range j.sites {
		if n := j.sites[i].times.Load(); n != mostTimes {
			t.Fatalf("place %d was given away %d times", i, n)
		}
	}
}

// What was remembered is not used once it is wrong: another level has the name, and a
// key lies in memory that changes.
func TestSitesForget(t *testing.T) {
	j := made(t, `"()": `+classJSON2+`, format: "%(levelname)s"`).(*PyJSON)
	line := func(level record.Level, key string) string {
		c := callAt(1, key)
		c.Level = level
		out, ok := j.AppendCall(nil, c)
		if !ok {
			t.Fatal("it takes a frame")
		}
		return string(out)
	}
	key := []byte("first")
	changing := unsafe.String(&key[0], len(key))
	const level = 73
	for range 2 {
		if got := line(level, changing); got != `{"levelname": "Level 73", "first": 1}` {
			t.Fatal(got)
		}
	}
	copy(key, "fifth")
	if got := line(level, changing); got != `{"levelname": "Level 73", "fifth": 1}` {
		t.Fatal(got)
	}
	record.AddLevelName(level, "LOUD")
	if got := line(level, changing); got != `{"levelname": "LOUD", "fifth": 1}` {
		t.Fatal(got)
	}
}

package deliver

import (
	"context"
	"testing"
)

// A Flush leaves the open batch of a handler alone whose batches may be old, unless
// it is named.
func TestFlushLeavesSlowHandlers(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	p := start(t, dir, 0, map[string]*store{"a": s, "b": newStore()}, "a", "b")
	p.spool.Writer().Run().Config.Handlers[0].Keys = []byte(`{"class":"fake","at":"a","batch":{"age":"1h"}}`)
	p.d.Start()
	p.append(3, "1", "2")
	p.flush()
	if n := p.stores["b"].count(); n != 2 {
		t.Errorf("%d records are in b", n)
	}
	p.append(3, "3")
	p.flush()
	if n := s.count(); n != 0 {
		t.Errorf("%d records are in a, whose batch may wait for an hour", n)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.d.Flush(ctx, "h0"); err != nil {
		t.Fatal(err)
	}
	if s.writes != 1 {
		t.Errorf("%d batches", s.writes)
	}
	p.append(1, "4")
	p.stop() // Close waits for nothing
	once(t, s, 4)
}

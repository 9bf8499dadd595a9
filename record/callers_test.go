package record

import (
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestCallers(t *testing.T) {
	var c Callers
	if c.Encoded(0) != nil {
		t.Error("pc 0 has a caller")
	}
	var pcs [1]uintptr
	runtime.Callers(1, pcs[:])
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { c.Encoded(pcs[0]) })
	}
	wg.Wait()
	e := NewEncoder(nil)
	defer e.Release()
	e.Begin(&Header{})
	e.Caller(c.Encoded(pcs[0]))
	got, ok := parse(t, e.Finish()).Caller()
	if !ok || !strings.HasSuffix(got.File, "record/callers_test.go") || !strings.HasSuffix(got.Function, "record.TestCallers") || got.Line == 0 {
		t.Errorf("caller %+v, %v", got, ok)
	}
	if n := testing.AllocsPerRun(100, func() { c.Encoded(pcs[0]) }); n != 0 {
		t.Errorf("a known caller costs %v allocations", n)
	}
}

func TestCallersAreBounded(t *testing.T) {
	var c Callers
	full := map[uintptr][]byte{}
	for i := range uintptr(maxCallers) {
		full[i+1] = nil
	}
	c.m.Store(&full)
	for i := range uintptr(100) {
		if len(c.Encoded(1<<30+i)) == 0 {
			t.Fatal("no caller")
		}
	}
	if n := len(*c.m.Load()); n > maxCallers {
		t.Errorf("%d callers are kept", n)
	}
}

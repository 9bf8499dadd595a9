package record

import (
	"encoding/binary"
	"maps"
	"runtime"
	"sync"
	"sync/atomic"
)

// Callers caches what program counters stand for. It is safe for concurrent
// use. A program has few call sites, so the map is copied when one is added.
type Callers struct {
	mu sync.Mutex
	m  atomic.Pointer[map[uintptr][]byte]
}

// maxCallers bounds the cache: generated code can have very many call sites.
const maxCallers = 1 << 14

// Encoded returns the caller at pc in the form that Encoder.Caller takes; nil
// for pc 0. The slice must not be changed.
func (c *Callers) Encoded(pc uintptr) []byte {
	if pc == 0 {
		return nil
	}
	if m := c.m.Load(); m != nil {
		if b, ok := (*m)[pc]; ok {
			return b
		}
	}
	f, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	b := EncodeCaller(Caller{File: f.File, Function: f.Function, Line: f.Line})
	c.add(pc, b)
	return b
}

func (c *Callers) add(pc uintptr, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := map[uintptr][]byte{}
	if m := c.m.Load(); m != nil {
		if len(*m) >= maxCallers {
			return
		}
		maps.Copy(next, *m)
	}
	next[pc] = b
	c.m.Store(&next)
}

// EncodeCaller makes the form that Encoder.Caller takes.
func EncodeCaller(c Caller) []byte {
	b := binary.AppendUvarint(nil, uint64(max(c.Line, 0)))
	b = appendText(b, c.File[max(0, len(c.File)-maxKey):])
	return appendText(b, c.Function[max(0, len(c.Function)-maxKey):])
}

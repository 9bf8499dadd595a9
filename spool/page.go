package spool

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"unsafe"
)

// page is the counters page as 8-byte words.
type page [countersSize / 8]atomic.Uint64

func pageOf(mem []byte) *page { return (*page)(unsafe.Pointer(&mem[0])) }

// A number is stored with a checksum in its top 16 bits: of the number, the run,
// and where in the page it stands. One that does not check reads as 0, "not
// known": whatever wrote over the page deletes no record and skips none. 0 is
// stored as 0, and more than 2^48-1 as that.
const (
	numberBits = 48
	maxNumber  = 1<<numberBits - 1
)

func (c *Counters) encode(off int, n uint64) uint64 {
	if n = min(n, maxNumber); n == 0 {
		return 0
	}
	sum := ((n ^ uint64(c.id)) + uint64(off)) * 0x9E3779B97F4A7C15
	return n | sum>>numberBits<<numberBits
}

func (c *Counters) decode(off int, word uint64) uint64 {
	n := word & maxNumber
	if c.encode(off, n) != word {
		return 0
	}
	return n
}

// load reads a number.
func (c *Counters) load(off int) (n uint64) {
	c.touch(off, func(w *atomic.Uint64) { n = c.decode(off, w.Load()) })
	return n
}

// grown reads a number that only grows. Where the page says less than this process
// knows, it was cut off: then that is put back.
func (c *Counters) grown(off int) uint64 {
	n := c.load(off)
	known := c.known(off)
	if n >= known {
		return n
	}
	if n == 0 && c.isCut(off) {
		c.mend(c.page.Load(), false)
	}
	c.raise(off, known)
	return known
}

// isCut reports whether a page that has no number at off, which this process knows,
// was cut off: then its beginning or other numbers are gone too, without a fault. A
// number that is alone may be on its way.
func (c *Counters) isCut(off int) (cut bool) {
	kept := c.kept.Load()
	c.touch(0, func(w *atomic.Uint64) { cut = w.Load() == 0 })
	for i := range kept {
		if 8*i != off && !cut && kept[i].Load() != 0 {
			c.touch(8*i, func(w *atomic.Uint64) { cut = w.Load() == 0 })
		}
	}
	return cut
}

// known is the number as this process keeps it; 0 if it does not.
func (c *Counters) known(off int) uint64 {
	if kept := c.kept.Load(); kept != nil {
		return c.decode(off, kept[off/8].Load())
	}
	return 0
}

// store writes a number that is good for a moment only: it is not kept.
func (c *Counters) store(off int, n uint64) {
	c.touch(off, func(w *atomic.Uint64) { w.Store(c.encode(off, n)) })
}

// raise sets a number to at least n.
func (c *Counters) raise(off int, n uint64) {
	c.limit(off, func(old uint64) uint64 { return max(old, n) })
}

// lower sets a number to at most n; 0 stands for nothing.
func (c *Counters) lower(off int, n uint64) {
	c.limit(off, func(old uint64) uint64 {
		if old != 0 {
			return min(old, n)
		}
		return n
	})
}

// limit steps a number by what may be done twice. What is kept goes first: whenever
// the page is cut off, the whole step can be put back.
func (c *Counters) limit(off int, to func(old uint64) uint64) {
	if kept := c.keep(); kept != nil {
		c.step(off, &kept[off/8], to)
	}
	c.touch(off, func(w *atomic.Uint64) { c.step(off, w, to) })
}

// add adds to a number. A page that is cut off in between may lose n.
func (c *Counters) add(off int, n uint64) {
	kept := c.keep()
	c.touch(off, func(w *atomic.Uint64) {
		c.step(off, w, func(old uint64) uint64 { return max(old, c.known(off)) + n })
	})
	if kept != nil {
		c.step(off, &kept[off/8], func(old uint64) uint64 { return old + n })
	}
}

func (c *Counters) step(off int, w *atomic.Uint64, to func(old uint64) uint64) {
	for {
		word := w.Load()
		next := c.encode(off, to(c.decode(off, word)))
		if next == word || w.CompareAndSwap(word, next) {
			return
		}
	}
}

// change does the same to the page and to what is kept of it.
func (c *Counters) change(off int, do func(*atomic.Uint64)) {
	kept := c.keep()
	c.touch(off, do)
	if kept != nil {
		do(&kept[off/8])
	}
}

// keep is the copy of the page from which it can be made anew; nil for one that has
// no file.
func (c *Counters) keep() *page {
	kept := c.kept.Load()
	if kept != nil || c.path == "" {
		return kept
	}
	kept = &page{}
	for i := committedOffset / 8; i < len(kept); i++ {
		c.touch(8*i, func(w *atomic.Uint64) { kept[i].Store(w.Load()) })
	}
	if !c.kept.CompareAndSwap(nil, kept) {
		return c.kept.Load()
	}
	return kept
}

// touch does something to a word of the page. Where its storage fails (the file was
// cut off under the mapping, the disk is broken) the page is made anew.
func (c *Counters) touch(off int, do func(*atomic.Uint64)) {
	for try := 0; ; try++ {
		p := c.page.Load()
		if guarded(func() { do(&p[off/8]) }) {
			break
		}
		c.mend(p, try > 0)
	}
	runtime.KeepAlive(c) // the mapping stays until here
}

// mend makes the page p anew from what this process has put there: in its file if
// that is possible, so that other processes see it too, or else in memory.
func (c *Counters) mend(p *page, inMemory bool) {
	c.mending.Lock()
	defer c.mending.Unlock()
	if c.page.Load() != p {
		return
	}
	err := errors.New("its storage fails again and again")
	if !inMemory {
		if err = extend(c.path); err == nil && guarded(func() { c.restore(p) }) {
			c.say(fmt.Errorf("%s was cut off while it was in use: it is made anew", c.path))
			return
		}
	}
	fresh := &page{}
	c.restore(fresh)
	c.alone.Store(true)
	c.page.Store(fresh)
	c.say(fmt.Errorf("%s can't be read any more, its numbers are kept in memory: %w", c.path, err))
}

// restore puts what is kept where p has nothing.
func (c *Counters) restore(p *page) {
	p.begin()
	if kept := c.kept.Load(); kept != nil {
		for i := range kept {
			if n := kept[i].Load(); n != 0 {
				p[i].CompareAndSwap(0, n)
			}
		}
	}
}

// begin writes what each page begins with.
func (p *page) begin() {
	b := (*[16]byte)(unsafe.Pointer(p))
	b[8] = countersVersion
	copy(b[:], countersMagic[:])
}

// extend gives a counters file its length again. Nothing is written, since another
// process may do the same and go on.
func extend(path string) error { return os.Truncate(path, countersSize) }

// guarded runs do, and reports false if memory faulted in it.
func guarded(do func()) (ok bool) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		if !ok {
			onlyFault(recover())
		}
	}()
	do()
	return true
}

// raise sets v to at least n.
func raise(v *atomic.Uint64, n uint64) {
	for {
		old := v.Load()
		if old >= n || v.CompareAndSwap(old, n) {
			return
		}
	}
}

package format

import (
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/girok/girok/record"
)

// sites remembers what stands around the values of a line, by where its call stands
// in the code: there a call has the same keys each time, and they need not be looked
// at, quoted and compared with one another again. It is safe for concurrent use.
type sites [256]struct {
	site  atomic.Pointer[site]
	times atomic.Uint32 // that another was put there
}

// site is the text of one call. It never changes.
type site struct {
	pc     uintptr
	level  record.Level
	logger string
	names  uint64 // of levels: record.LevelNames

	head []hole // each with the text before it
	rest []byte // the text between the head and the attributes
	keys []record.Key
	end  []byte
}

// hole is a field of the head that is another one in each line.
type hole struct {
	text  []byte
	field *piece
}

// mostTimes is how often a place is given to another call: some calls have other keys
// each time.
const mostTimes = 8

// of returns what is known of a call, whose keys may be others; nil if that is nothing.
func (s *sites) of(c *record.Call) *site {
	t := s[place(c)].site.Load()
	if t == nil || t.pc != c.Record.PC || t.level != c.Level || t.logger != c.Logger || t.names != record.LevelNames() {
		return nil
	}
	return t
}

// place is where a call is kept. Programs that log by a function of their own have
// many calls in one place of the code, which the number of attributes tells apart.
func place(c *record.Call) uint8 {
	return uint8((uint64(c.Record.PC) + uint64(c.Record.NumAttrs())<<32) * 0x9E3779B97F4A7C15 >> 56)
}

// learns begins what is to be remembered of a call; nil if that is nothing. names are
// those that levels had before the line was written.
func (s *sites) learns(c *record.Call, names uint64) *site {
	front, back := c.Attrs()
	if c.Record.PC == 0 || s[place(c)].times.Load() >= mostTimes {
		return nil
	}
	t := &site{pc: c.Record.PC, level: c.Level, logger: c.Logger, names: names}
	for _, attrs := range [...][]slog.Attr{front, back} {
		for i := range attrs {
			key := attrs[i].Key
			if key == "" || len(key) >= longKey || len(t.keys) == mostKeys {
				return nil
			}
			t.keys = append(t.keys, record.Key{Name: strings.Clone(key)}) // some keys lie in memory that changes
		}
	}
	return t
}

// keep remembers it.
func (s *sites) keep(c *record.Call, t *site) {
	p := &s[place(c)]
	p.times.Add(1)
	p.site.Store(t)
}

package deliver

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"

	"github.com/girok/girok/record"
	"github.com/girok/girok/spool"
)

// fill reads frames of g into the builder until it is full, old enough, or
// somebody waits for a flush.
func (l *lane) fill(ctx context.Context, g []*cursor) bool {
	for hurry := false; ; {
		for _, c := range g {
			if !l.read(ctx, c) {
				return false
			}
			if l.b.full() {
				return true
			}
		}
		left := max(l.b.left(), l.doubts(g))
		if l.b.len() == 0 || left <= 0 || hurry || l.b.crowds() {
			return true
		}
		if hurry = l.hurry(g); hurry {
			continue // once more: what was there when somebody asked goes in one batch
		}
		if slices.ContainsFunc(g, func(c *cursor) bool { return !c.run.Own() && !c.ended }) {
			left = min(left, foreignRest) // nobody rings while a batch is open
		}
		l.rest(ctx, left)
		if ctx.Err() != nil {
			return false
		}
	}
}

// hurry reports whether the open batch must be cut now: somebody waits for a
// flush, the program ends or is about to, or all of g is dead.
func (l *lane) hurry(g []*cursor) bool {
	if l.dest.d.isClosing() || l.dest.d.hastens() || l.dest.yields() {
		return true
	}
	dead := true
	for _, c := range g {
		if w := c.run.Counters().FlushWanted(); w > c.slot().Delivered() && !c.ended && !(c.run.Own() && l.unasked()) {
			return true
		}
		dead = dead && c.ended
	}
	return dead
}

// read takes frames of one run until there are no more, or the batch is full.
func (l *lane) read(ctx context.Context, c *cursor) bool {
	if c.ended || c.newer.Load() {
		return true
	}
	if c.reader == nil {
		if !l.atHand(c) {
			return true
		}
		c.open()
	}
	var ref spool.Ref
	for limit := c.tail(); !l.b.full(); {
		if at := c.reader.Position(); at >= limit {
			if limit = c.tail(); limit < at+chase {
				return true
			}
		}
		st := c.reader.Read(&ref)
		if c.reader.Damaged != c.damaged {
			l.damage(c)
		}
		switch st {
		case spool.Frame:
			if c.redirected || ref.Mask()&(1<<c.bit) == 0 {
				continue
			}
			if !l.dest.d.canRead(&ref, c.bit) {
				l.tooNew(c)
				c.reader.Close()
				c.reader, c.damaged = c.run.Reader(ref.Position), 0
				return true
			}
			if !c.claimed() {
				if !l.claim(ctx, c) {
					return false
				}
				continue // the reader stands elsewhere now
			}
			l.addFrame(c, &ref)
		case spool.Wait:
			l.unread(c)
			return true
		case spool.End:
			l.unread(c)
			c.ended = true
			c.deafen()
			c.reader.Close() // of many dead runs not all files stay open
			l.trim(c)
			return true
		case spool.Gap:
			l.gap(c)
		case spool.Newer:
			l.tooNew(c)
			return true
		}
	}
	return true
}

// addFrame takes a frame's records for the handler, but for those that are in: a part
// of a batch may have ended behind them.
func (l *lane) addFrame(c *cursor, ref *spool.Ref) {
	in := uint32(0)
	if ref.Position == c.stored.Position {
		in = c.stored.Index
	}
	if !record.IsRequest(ref.Payload) {
		if in == 0 {
			l.b.add(c, ref, 0, ref.Payload, ref.Sum)
		}
		return
	}
	for i, p := range ref.Records() {
		if i >= in && binary.LittleEndian.Uint64(p)&(1<<c.bit) != 0 {
			l.b.add(c, ref, i, p, crc32.Checksum(p, castagnoli))
		}
	}
}

// open begins to read where the destination stands.
func (c *cursor) open() {
	c.reader, c.damaged = c.run.Reader(c.stored.Position), 0
}

// damage counts and tells what the reader had to step over: once, also when it is
// read again.
func (l *lane) damage(c *cursor) {
	n := c.reader.Damaged - c.damaged
	c.damaged = c.reader.Damaged
	at := c.reader.Position()
	if at <= c.damagedTo {
		return
	}
	c.damagedTo = at
	l.stats.damaged.Add(n)
	l.dest.d.opts.Log.Error("a part of a run was damaged: what was there is lost, the rest is delivered",
		"handler", l.handler, "run", c.run.ID.String(), "damaged_bytes", n, "before", at)
}

// chase is how much must be new, in bytes, for a reader that has come to where its
// own run ended when it began to go on at once. A reader that follows every
// append would take the cache lines that the appends need.
const chase = 64 << 10

// tail is where the own run ends while it lives; for others nothing is known.
func (c *cursor) tail() uint64 {
	if c.run.Own() && c.run.Alive() {
		return c.run.Tail()
	}
	return math.MaxUint64
}

// trim gives back what a dead run had allocated ahead.
func (l *lane) trim(c *cursor) {
	if c.run.Own() || c.reader.Damaged > 0 {
		return // an own one was cut off when it was let go
	}
	if err := c.run.Trim(c.reader.FramesEnd()); err != nil {
		l.dest.d.opts.Log.Warn("a dead run can't be cut off at its end", "run", c.run.Path(), "error", err)
	}
}

// gap goes on behind segments that went before the handler had read them.
func (l *lane) gap(c *cursor) {
	if l.b.find(c) != nil {
		l.b.cut = true // a batch has one range a run
	}
	if c.gapTo == c.reader.GapTo {
		return // told already
	}
	c.gapTo = c.reader.GapTo
	l.state.lost(c.run.ID, c.reader.GapFrom, c.reader.GapTo)
	if to := min(c.had, c.reader.GapTo); c.reader.GapFrom < to {
		l.dest.d.opts.Log.Error("the destination had records that it has lost and that the spool no longer has",
			"handler", l.handler, "run", c.run.ID.String(), "bytes", to-c.reader.GapFrom, "from", c.reader.GapFrom, "to", to)
	}
	l.sayLost(c)
}

// sayLost tells what a run lost because the spool was full.
func (l *lane) sayLost(c *cursor) {
	c.run.SettleLosses()
	n, first, last := c.slot().Lost()
	if n <= c.lostTold {
		return
	}
	if !c.run.Own() {
		l.stats.lost.Add(n - c.lostTold)
	}
	c.lostTold = n
	l.dest.d.opts.Log.Error("records were lost: the spool was full before this handler had read them",
		"handler", l.handler, "run", c.run.ID.String(), "records", n, "first", first, "last", last)
}

// pin holds what the batch was read from, and looks whether it is still there.
func (l *lane) pin(g []*cursor) bool {
	for _, m := range l.b.moves {
		c := m.c
		c.slot().Pin(m.lo, m.to.Position)
		if !c.stillThere(m.lo, m.to.Position) {
			for _, m := range l.b.moves {
				m.c.slot().Unpin()
			}
			l.rewind(g)
			return false
		}
	}
	return true
}

func (c *cursor) stillThere(from, to uint64) bool {
	if c.reader != nil {
		return c.reader.StillThere(from, to)
	}
	return c.run.StillThere(from, to)
}

// rewind makes the runs of g be read again from where the destination stands.
func (l *lane) rewind(g []*cursor) {
	for _, c := range g {
		if c.reader != nil {
			c.reader.Close()
			c.reader = nil
		}
		c.ended = false
	}
}

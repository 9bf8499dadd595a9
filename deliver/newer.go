package deliver

import (
	"encoding/binary"
	"slices"

	"github.com/girok/girok/record"
	"github.com/girok/girok/spool"
)

// What a newer girok wrote is never skipped and never set aside: the run waits from
// there on, and the holder says in its lock that it can't read it. A process that
// can asks for the destination, as `girok run` does.

// canRead reports whether this program knows how the records of a frame for a
// handler are written.
func (d *Deliverer) canRead(ref *spool.Ref, bit int) bool {
	if !record.IsRequest(ref.Payload) {
		return d.readable(ref.Payload)
	}
	for _, p := range ref.Records() {
		if binary.LittleEndian.Uint64(p)&(1<<bit) != 0 && !d.readable(p) {
			return false
		}
	}
	return true
}

// tooNew leaves a run to a newer girok.
func (l *lane) tooNew(c *cursor) {
	if c.newer.Swap(true) {
		return
	}
	c.slot().SetState(spool.Refused, "a newer girok wrote it")
	l.dest.d.once("newer "+c.run.ID.String(), "a newer girok wrote this run; it waits for one that can read it", "handler", l.handler, "run", c.run.Path())
	l.dest.cannotRead(c.run.ID)
}

// cannotRead says in the lock that the holder can't read a run.
func (dest *destination) cannotRead(id record.RunID) {
	dest.d.mu.Lock()
	defer dest.d.mu.Unlock()
	if dest.lock == nil || slices.Contains(dest.unread, id) {
		return
	}
	dest.unread = append(dest.unread, id)
	dest.sign(dest.lock)
}

// knowsMore reports whether this process can read what the holder says it can't.
func (dest *destination) knowsMore() bool {
	h, err := HolderOf(dest.d.opts.Spool.Dir(), dest.kind, dest.endpoint)
	if err != nil || h == nil || len(h.Unread) == 0 {
		return false
	}
	for _, l := range dest.all() {
		for _, c := range l.all() {
			if slices.Contains(h.Unread, c.run.ID) && dest.d.readsOn(c) {
				return true
			}
		}
	}
	return false
}

// readsOn reports whether this process can read the next frame for the handler that
// is not delivered.
func (d *Deliverer) readsOn(c *cursor) bool {
	r := c.run.Reader(c.slot().Delivered())
	defer r.Close()
	for {
		switch ref, st := r.Next(); {
		case st == spool.Gap:
		case st != spool.Frame:
			return false
		case ref.Mask()&(1<<c.bit) != 0:
			return d.canRead(&ref, c.bit)
		}
	}
}

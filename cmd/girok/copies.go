package main

import "github.com/girok/girok/record"

// remembered is how many records that were shown are kept in mind: as many may lie
// between a record and its copy.
const remembered = 4096

// copies finds copies: the frames that a program appends for one record, one for each
// handler that takes it, where it can't know the handlers beforehand, as Python's
// package can't. All of them have the id of the first, and no handler in common; a
// record that a handler has twice is there twice. For one goroutine.
type copies struct {
	masks map[identity]uint64 // of the handlers that have the records that were shown
	ring  []identity          // the same records, so that the oldest is forgotten
	next  int
}

// identity is what the copies of a record have in common. Of a record that came from
// another program, this one's own is not a copy.
type identity struct {
	service string
	pid     int
	id      [record.IDLength]byte
}

// of reports whether a record was shown already for other handlers; one that was not
// counts as shown from now on.
func (c *copies) of(it *item) bool {
	var v record.View
	if v.Parse(it.payload) != nil {
		return false
	}
	of := identity{service: it.run.Config.Service, pid: it.run.Config.PID}
	copy(of.id[:], v.AppendID(nil, it.run.ID, it.place))
	mask, met := c.masks[of]
	switch {
	case met && mask&v.Mask == 0:
		c.masks[of] = mask | v.Mask
		return true
	case met:
		c.masks[of] = v.Mask
		return false
	case c.masks == nil:
		c.masks = map[identity]uint64{}
	}
	if len(c.ring) < remembered {
		c.ring = append(c.ring, of)
	} else {
		delete(c.masks, c.ring[c.next])
		c.ring[c.next] = of
		c.next = (c.next + 1) % remembered
	}
	c.masks[of] = v.Mask
	return false
}

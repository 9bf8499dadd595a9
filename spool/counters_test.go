package spool

import (
	"strings"
	"testing"
)

// TestCountersTexts wants each text and number of the page to stay where it
// belongs.
func TestCountersTexts(t *testing.T) {
	c := memoryCounters()
	socket := "/run/user/1000/girok/" + strings.Repeat("x", controlSize-21)
	c.SetControl(socket)
	for bit := range MaxHandlers {
		s := c.Slot(bit)
		for range bit {
			s.AddRetry()
		}
		s.SetState(Refused, strings.Repeat("why", 20))
	}
	if c.Control() != socket {
		t.Errorf("the socket is %q", c.Control())
	}
	for bit := range MaxHandlers {
		s := c.Slot(bit)
		state, why := s.State()
		if lost, _, _ := s.Lost(); s.Retries() != uint64(bit) || state != Refused || why != strings.Repeat("why", 20)[:32] || s.Delivered() != 0 || s.Letters() != 0 || lost != 0 {
			t.Errorf("bit %d: %d retries, %s %q, delivered %d", bit, s.Retries(), state, why, s.Delivered())
		}
	}
	c.SetControl("/short")
	if c.Control() != "/short" || c.Committed() != 0 {
		t.Errorf("the socket is %q", c.Control())
	}
	c.SetControl(strings.Repeat("x", controlSize+1))
	if c.Control() != "/short" {
		t.Errorf("half a path: %q", c.Control())
	}
}

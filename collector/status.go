package collector

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/girok/girok"
)

// status tells how things stand: on a terminal in one line that changes.
type status struct {
	out  io.Writer
	live bool // out is a terminal

	mu   sync.Mutex
	open bool // the line is there
}

func newStatus(out io.Writer) *status {
	return &status{out: out, live: IsTerminal(out)}
}

// say writes a line that stays.
func (s *status) say(text string) {
	s.clear()
	fmt.Fprintf(s.out, "girok: %s\n", text)
}

// set changes the line; only a terminal has one.
func (s *status) set(text string) {
	if !s.live {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, "\r\x1b[Kgirok: %s", text)
	s.open = true
}

// stopped says that what is left is waited for, and for how long.
func (s *status) stopped(left []girok.Backlog, limit time.Duration) {
	s.say(fmt.Sprintf("stopped: %s wait for delivery, for %s at most; another signal ends that", Bytes(waiting(left)), limit))
}

func (s *status) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open {
		fmt.Fprint(s.out, "\r\x1b[K")
		s.open = false
	}
}

// show sets the line to how things stand.
func (c *collector) show(left []girok.Backlog) {
	if !c.out.live {
		return
	}
	var read, delivered uint64
	for _, n := range c.count {
		read += n.Read.Load()
	}
	for _, h := range c.logs.Stats().Handlers {
		delivered += h.Records
	}
	text := fmt.Sprintf("delivered %d", delivered)
	if !c.opts.DrainOnly {
		text = fmt.Sprintf("read %d lines, %s", read, text)
	}
	if n := waiting(left); n > 0 {
		text += ", waiting " + Bytes(n)
	}
	c.out.set(text)
}

// IsTerminal reports whether a reader or writer is a terminal.
func IsTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && f != nil && terminal(f)
}

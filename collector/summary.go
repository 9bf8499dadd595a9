package collector

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/spool"
)

// Summary is what came of a Run.
type Summary struct {
	Read       uint64               // lines or requests that the sources took
	Spooled    uint64               // records of them that came into the spool
	Handlers   []girok.HandlerStats // delivery by handler, of other runs' records too
	Lost       uint64               // records that the spool could not keep, of earlier runs too
	Failed     uint64               // records that a direct handler could not write
	Damaged    uint64               // bytes of the spool that could not be read any more
	Unreadable int                  // runs that this program can't read; they stay
	Left       []girok.Backlog      // what still waits
	Elsewhere  []girok.Backlog      // what waits too, and another process delivers
	Took       time.Duration

	// Spool is the folder of Options.Spool, whole, and Service that of Options. Where there is a Spool no source was read,
	// each handler's name has its service's and a slash before it, and what waits is of
	// what there was when Run was stopped.
	Spool, Service string
}

// Letters is how many records went to the dead letters.
func (s *Summary) Letters() (n uint64) {
	for _, h := range s.Handlers {
		n += h.Letters
	}
	return n
}

func (c *collector) summary(took time.Duration) *Summary {
	stats := c.logs.Stats()
	s := &Summary{Handlers: stats.Handlers, Lost: c.logs.Lost(), Failed: c.logs.Failed(), Left: c.logs.Backlog(), Took: took}
	if stats.Spool != nil {
		s.Unreadable = stats.Spool.Unreadable
	}
	for _, n := range c.count {
		s.Read += n.Read.Load()
		s.Spooled += n.Spooled.Load()
	}
	for _, h := range s.Handlers {
		s.Lost += h.Earlier
		s.Damaged += h.Damaged
	}
	return s
}

// WriteTo writes the summary as lines for the operator.
func (s *Summary) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	if s.Spool != "" {
		b.WriteString("girok: " + s.delivered())
	} else {
		fmt.Fprintf(&b, "girok: read %d lines, %d records to the spool", s.Read, s.Spooled)
		for _, h := range s.Handlers {
			fmt.Fprintf(&b, "; %s: delivered %d", h.Handler, h.Records)
		}
	}
	fmt.Fprintf(&b, "; dead letters %d, lost %d", s.Letters(), s.Lost)
	if s.Damaged > 0 {
		b.WriteString(", damaged in the spool " + Bytes(s.Damaged))
	}
	if s.Failed > 0 {
		fmt.Fprintf(&b, ", not written by a direct handler %d", s.Failed)
	}
	fmt.Fprintf(&b, " (%.1f s)\n", s.Took.Seconds())
	if s.Spool != "" {
		for _, line := range s.left() {
			b.WriteString("girok: " + line + "\n")
		}
	} else {
		for _, l := range s.Left {
			b.WriteString("girok: " + Left(l) + "\n")
		}
	}
	if s.Unreadable > 0 {
		fmt.Fprintf(&b, "girok: %d runs can't be read by this program; they stay in the spool\n", s.Unreadable)
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

// Waits says what waits of one run, and why.
func Waits(l girok.Backlog) string {
	return fmt.Sprintf("%s of run %s wait for %s", Bytes(l.Bytes), l.Run, l.Handler) + why(l)
}

// why is the reason in parentheses; "" if there is none.
func why(l girok.Backlog) string {
	cause := oneLine(l.Cause)
	switch {
	case l.State != spool.Delivering:
		return fmt.Sprintf(" (%s: %s)", l.State, cause)
	case cause != "":
		return " (" + cause + ")"
	}
	return ""
}

// Left says what waits of one run, why, and what to do.
func Left(l girok.Backlog) string {
	text := Waits(l)
	if l.Memory {
		return text + "; they were in memory only and are gone"
	}
	return text + "; they are safe in the spool" + next(l, "`girok run`")
}

// next goes on with what is to be done about what waits, where command delivers it.
func next(l girok.Backlog, command string) string {
	if l.Remedy != "" {
		return ": " + l.Remedy
	}
	switch l.State {
	case spool.Refused:
		return ", and a " + command + " delivers them once that is mended, or `girok spool redirect` gives them to another place"
	case spool.Fenced:
		return ", and a " + command + " delivers them once that is mended"
	}
	return ", and the next " + command + " delivers them"
}

// oneLine writes a text of several lines, such as all mistakes of a file, in one.
func oneLine(text string) string {
	var parts []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			parts = append(parts, line)
		}
	}
	return strings.ReplaceAll(strings.Join(parts, "; "), ":; ", ": ")
}

// Bytes writes a size as people read it.
func Bytes(n uint64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

// stuck reports whether nothing of what is left moves by itself soon, and after
// how long of that it is not waited for.
func stuck(left []girok.Backlog) (is bool, after time.Duration) {
	after = stuckTried
	for _, l := range left {
		if l.State != spool.Refused && l.State != spool.Fenced {
			return false, 0
		}
		if !l.Tried {
			after = stuckTold
		}
	}
	return true, after
}

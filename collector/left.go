package collector

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/girok/girok"
)

// delivered says what was delivered from a spool, in sum and by handler.
func (s *Summary) delivered() string {
	var sum uint64
	var names []string
	of := map[string]uint64{} // a handler may have several targets
	for _, h := range s.Handlers {
		if _, known := of[h.Handler]; !known {
			names = append(names, h.Handler)
		}
		of[h.Handler] += h.Records
		sum += h.Records
	}
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, of[name])
	}
	text := fmt.Sprintf("delivered %d records", sum)
	if len(names) > 0 {
		text += ": " + strings.Join(names, ", ")
	}
	return text
}

// alike is what waits for a handler, for one reason, in as many runs.
type alike struct {
	girok.Backlog
	runs int
}

// together joins what is alike, in the order of the first of each.
func together(list []girok.Backlog) (all []*alike) {
	known := map[girok.Backlog]*alike{}
	for _, l := range list {
		key := l
		key.Run, key.Bytes, key.Tried = 0, 0, false
		a := known[key]
		if a == nil {
			a = &alike{Backlog: l}
			a.Bytes = 0
			known[key] = a
			all = append(all, a)
		}
		a.runs++
		a.Bytes += l.Bytes
	}
	return all
}

// left says what waits in the spool: where, why, and what delivers it, a line each.
func (s *Summary) left() (lines []string) {
	where := func(a *alike) string {
		runs := "run " + a.Run.String()
		if a.runs > 1 {
			runs = fmt.Sprintf("%d runs", a.runs)
		}
		return fmt.Sprintf("%s of %s in %s wait for %s", Bytes(a.Bytes), runs, filepath.Join(s.Spool, a.Service), a.Handler)
	}
	again := "`girok run --spool " + s.Spool + "`"
	if s.Service != "" {
		again = "`girok run --spool " + s.Spool + " --service " + s.Service + "`"
	}
	for _, a := range together(s.Left) {
		lines = append(lines, where(a)+why(a.Backlog)+"; they are safe there"+next(a.Backlog, again))
	}
	for _, a := range together(s.Elsewhere) {
		lines = append(lines, where(a)+"; "+a.Holder+" delivers them")
	}
	return lines
}

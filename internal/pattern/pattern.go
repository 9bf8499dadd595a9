// Package pattern has regular expressions that are compiled when somebody first asks
// for them. A program that logs needs few of ours, and pays for the others neither time
// nor memory at its start.
package pattern

import (
	"regexp"
	"sync"
)

// Lazy is a regular expression. It is safe for concurrent use.
type Lazy struct {
	Expr string // as package regexp reads it

	once sync.Once
	re   *regexp.Regexp
}

// Get gives it compiled, and panics when it can't be.
func (l *Lazy) Get() *regexp.Regexp {
	l.once.Do(func() { l.re = regexp.MustCompile(l.Expr) })
	return l.re
}

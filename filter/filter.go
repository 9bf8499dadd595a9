// Package filter decides which records a handler or a logger lets through.
package filter

import "github.com/girok/girok/record"

// Filter lets records through. It is safe for concurrent use, keeps nothing of
// v and does not panic.
type Filter interface {
	Pass(v *record.View) bool
}

// Name is Python's logging.Filter: it lets the records of one logger and of
// those below it through: "a.b" takes a.b and a.b.c, not a.bc, a or A.b. The
// empty name takes all. "root" takes what the root logger itself logs and
// root.x, as in Python.
type Name string

// Pass implements Filter.
func (n Name) Pass(v *record.View) bool { return takes(n, v.Logger) }

// Takes reports whether the records of a logger pass.
func (n Name) Takes(logger string) bool { return takes(n, logger) }

func takes[T string | []byte](n Name, logger T) bool {
	if len(logger) == 0 {
		return n == "" || n == "root"
	}
	if len(logger) < len(n) || string(logger[:len(n)]) != string(n) {
		return false
	}
	return n == "" || len(logger) == len(n) || logger[len(n)] == '.'
}

// Func is a function as a Filter.
type Func func(v *record.View) bool

// Pass implements Filter.
func (f Func) Pass(v *record.View) bool { return f(v) }

// All lets a record through that every filter lets through; without filters,
// every record.
type All []Filter

// Pass implements Filter.
func (a All) Pass(v *record.View) bool {
	for _, f := range a {
		if !f.Pass(v) {
			return false
		}
	}
	return true
}

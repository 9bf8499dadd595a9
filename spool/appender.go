package spool

import (
	"errors"
	"sync/atomic"
)

// ErrMoved is what appends of a configuration that another one has taken the
// place of return: nothing is stored and nothing is counted, and whoever logs
// finds out anew where the record goes.
var ErrMoved = errors.New("spool: another configuration has taken its place")

// Appender appends to the run of one configuration: to one after the other where
// the first is in memory, or its folder is removed. Its methods are safe for
// concurrent use.
type Appender struct {
	s      *Spool
	config RunConfig
	cur    atomic.Pointer[Writer]
	moved  atomic.Bool
}

// Append is Writer.Append to the run of the moment.
func (a *Appender) Append(payload []byte) (pos uint64, err error) {
	for {
		w := a.cur.Load()
		pos, err = w.commit(payload, true)
		if err == nil {
			return pos, nil
		}
		if a.goesOn(w, err) {
			continue
		}
		if err == ErrClosed && a.moved.Load() {
			return 0, ErrMoved
		}
		return 0, w.lose(payload, pos, err)
	}
}

// TryAppend is Writer.TryAppend to the run of the moment.
func (a *Appender) TryAppend(payload []byte) (pos uint64, err error) {
	for {
		w := a.cur.Load()
		pos, err = w.commit(payload, false)
		if err == nil {
			return pos, nil
		}
		if a.goesOn(w, err) {
			continue
		}
		if err == ErrClosed && a.moved.Load() {
			return 0, ErrMoved
		}
		a.s.refused.Add(1)
		return pos, err
	}
}

// goesOn reports whether a record that w did not take can go to another run.
func (a *Appender) goesOn(w *Writer, err error) bool {
	switch {
	case err == ErrClosed:
		return a.cur.Load() != w
	case isGone(err):
		return a.s.rescue(w)
	}
	return false
}

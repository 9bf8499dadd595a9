package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/girok/girok"
	"github.com/girok/girok/deliver"
	"github.com/girok/girok/record"
	"github.com/girok/girok/spool"
)

// waitingRecords counts the records of a run that a handler has not passed. It
// reads them.
func waitingRecords(r *spool.Run, bit int) (n uint64) {
	rd := r.Reader(r.Counters().Slot(bit).Delivered())
	defer rd.Close()
	for {
		ref, st := rd.Next()
		switch st {
		case spool.Frame:
			record.Masks(ref.Payload, func(mask uint64) {
				n += mask >> bit & 1
			})
		case spool.Gap:
		default:
			return n
		}
	}
}

// standing is how a handler of a run fares, and who sees to it.
type standing struct {
	state  string // delivering, retrying, refused, fenced; waiting: nobody delivers; delivered; unknown
	cause  string
	holder *deliver.Holder // nil: nobody delivers, or it is not known
	files  string          // a pattern of the files that keep how far it is; "" if it is not known
}

// String is it in a line.
func (s standing) String() string {
	text := s.state
	if s.holder == nil && (s.state == spool.Refused.String() || s.state == spool.Retrying.String()) {
		text += ", nobody tries"
	}
	if s.cause != "" {
		cause, _, _ := strings.Cut(s.cause, "\n")
		text += ": " + strings.TrimSuffix(strings.ToValidUTF8(cause, "…"), ":")
	}
	return text
}

// standingOf reads the page, and what its deliverer left. What the page says is
// as old as the last deliverer.
func standingOf(r *spool.Run, h *spool.HandlerConfig, waits bool) standing {
	st, beginning := r.Counters().Slot(h.Bit).State()
	who, err := deliver.StandingOf(serviceOf(r), girok.Deliverable(kinds...), r, h)
	s := standing{state: st.String(), holder: who.Holder}
	if who.State != "" {
		s.files = who.State + ".*"
	}
	switch {
	case err != nil:
		s.state, s.cause = "unknown", err.Error()
	case !waits:
		s.state = "delivered"
	case st != spool.Delivering:
		s.cause = cmp.Or(who.Cause, beginning)
	case who.Holder == nil:
		s.state, s.cause = "waiting", "nobody delivers"
	}
	return s
}

// matching lists the runs whose ids begin with one of the words; each word must
// mean one run.
func matching(runs []*spool.Run, words []string) (list []*spool.Run, err error) {
	for _, word := range words {
		var found []*spool.Run
		for _, r := range runs {
			if idBegins(r, word) {
				found = append(found, r)
			}
		}
		switch len(found) {
		case 0:
			err = errors.Join(err, fmt.Errorf("there is no run %s; `girok spool ls` lists them", word))
		case 1:
			list = append(list, found[0])
		default:
			err = errors.Join(err, fmt.Errorf("%d runs begin with %s: give more of the id", len(found), word))
		}
	}
	return list, err
}

package sink

import (
	"context"
	"errors"
)

// Looker is a Config that can look at where its sink would write. `girok check
// --connect` asks it.
type Looker interface {
	Config
	// Look logs in as the sink does, looks at tables, rights and limits, and
	// compares them with what the configuration wants. It changes nothing: no
	// folder, file, table or column is made, whatever `create` says, and no lock is
	// held that a writer would wait for. It may be called while the sink is open,
	// in this process or another one, and gives up when ctx ends.
	//
	// What it finds is in the order in which somebody would want to read it. The
	// error says why it could not look, or not to the end; it is like those of
	// Write.
	Look(ctx context.Context, env Env) ([]Finding, error)
}

// Finding is one thing that a Looker has seen.
type Finding struct {
	Grade  Grade
	Text   string // one line, without a full stop; it holds no password
	Remedy string // what to do; "" if nothing is to be done
}

// Grade says what a finding means for delivery.
type Grade uint8

// The grades.
const (
	Fine  Grade = iota // it is as it is wanted
	Note               // it differs, and works: something is made later, or some rows may be rejected
	Wrong              // nothing will be delivered as it is
)

func (g Grade) String() string { return [...]string{"fine", "note", "wrong"}[g] }

// CouldNotLook is the finding that an error of Look is.
func CouldNotLook(err error) Finding {
	f := Finding{Grade: Wrong, Text: err.Error()}
	var refused *Refused
	var retry *Retry
	switch {
	case errors.As(err, &refused):
		f.Text, f.Remedy = refused.Err.Error(), refused.Remedy
	case errors.As(err, &retry):
		f.Text = retry.Err.Error()
	}
	return f
}

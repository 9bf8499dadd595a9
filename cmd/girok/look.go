package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/sink"
)

// found is what was seen where a handler writes.
type found struct {
	Grade  string `json:"grade"` // fine, note or wrong
	Text   string `json:"text"`
	Remedy string `json:"remedy,omitempty"`
}

// look logs in to the stores, one after the other.
func (r *report) look(ctx context.Context, c *girok.Checked, patience time.Duration) {
	for i, h := range c.Handlers {
		l, ok := h.Config.(sink.Looker)
		if !ok {
			continue
		}
		for _, f := range lookAt(ctx, l, h.Env, patience) {
			r.OK = r.OK && f.Grade != sink.Wrong
			r.Handlers[i].Found = append(r.Handlers[i].Found, found{f.Grade.String(), f.Text, f.Remedy})
		}
	}
}

func lookAt(ctx context.Context, l sink.Looker, env sink.Env, patience time.Duration) []sink.Finding {
	limited, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("it gave no answer within %v", patience))
	defer cancel()
	list, err := l.Look(limited, env)
	if err != nil && limited.Err() != nil {
		err = context.Cause(limited)
	}
	if err != nil {
		list = append(list, sink.CouldNotLook(err))
	}
	return list
}

func writeFound(w io.Writer, list []found) {
	for _, f := range list {
		grade := f.Grade
		if grade == "wrong" {
			grade = "WRONG"
		}
		fmt.Fprintf(w, "      %-5s  %s\n", grade, f.Text)
		if f.Remedy != "" {
			fmt.Fprintf(w, "             → %s\n", strings.ReplaceAll(strings.TrimSpace(f.Remedy), "\n", "\n               "))
		}
	}
}

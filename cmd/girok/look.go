package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/file"
)

// found is what was seen where a handler writes.
type found struct {
	Grade  string `json:"grade"` // fine, note or wrong
	Text   string `json:"text"`
	Remedy string `json:"remedy,omitempty"`
}

// look logs in to the stores, one after the other, and looks at the files of direct
// handlers.
func (r *report) look(ctx context.Context, c *girok.Checked, patience time.Duration) {
	for i, h := range c.Handlers {
		var list []sink.Finding
		if l, ok := h.Config.(sink.Looker); ok {
			list = lookAt(ctx, l, h.Env, patience)
		} else if h.File != "" {
			list = []sink.Finding{file.LookAt(h.File, h.FileRefused)}
		}
		for _, f := range list {
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

// writeFound writes findings behind an indentation.
func writeFound(w io.Writer, indent string, list []found) {
	for _, f := range list {
		grade := f.Grade
		if grade == "wrong" {
			grade = "WRONG"
		}
		fmt.Fprintf(w, "%s%-5s  %s\n", indent, grade, f.Text)
		if f.Remedy != "" {
			fmt.Fprintf(w, "%s       → %s\n", indent, strings.ReplaceAll(strings.TrimSpace(f.Remedy), "\n", "\n         "+indent))
		}
	}
}

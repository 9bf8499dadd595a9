package sinktest_test

// The tests of the sink of docs/adding-a-sink.md: TestPage holds the page to
// this file.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
)

// newPlace is an empty place, and another client that reads it.
func newPlace(t *testing.T) sinktest.Place {
	path := filepath.Join(t.TempDir(), "rows.json")
	load := func(t testing.TB) (all struct {
		Rows      []map[string]any
		Positions map[string]any
	}) {
		text, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(text, &all)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		return all
	}
	return sinktest.Place{
		Config: fmt.Sprintf("path: %q\n", path),
		Rows:   func(t testing.TB) []map[string]any { return load(t).Rows },
		DropPositions: func(t testing.TB) {
			all := load(t)
			clear(all.Positions)
			text, _ := json.Marshal(all)
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
		},
	}
}

func TestConformance(t *testing.T) {
	sinktest.Run(t, sinktest.Subject{Kind: Kind, New: newPlace})
}

func TestLongMessageIsRejected(t *testing.T) {
	place, run := newPlace(t), sinktest.NewRun(1)
	s, err := Kind.Open(context.Background(), sink.Env{}, sinktest.Decode(t, Kind, place.Config+"longest: 4B\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.(sink.Positioned).Claim(context.Background(), "me", []sink.Claim{{Run: 1, Start: run.Start}}); err != nil {
		t.Fatal(err)
	}
	part := run.Part(sinktest.Log("good"), sinktest.Log("too long"))
	var reject *sink.Reject
	err = s.Write(context.Background(), sinktest.Batch("h", part))
	if !errors.As(err, &reject) || len(reject.Rows) != 1 || reject.Rows[0].Index != 1 {
		t.Fatalf("got %v", err)
	}
	if rows := place.Rows(t); len(rows) != 0 {
		t.Fatalf("after a Reject %d rows are in", len(rows))
	}
	if err := s.Write(context.Background(), sinktest.Batch("h", part.Without(1))); err != nil || len(place.Rows(t)) != 1 {
		t.Fatalf("the rest: %v, %v", err, place.Rows(t))
	}
}

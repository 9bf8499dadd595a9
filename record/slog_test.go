package record

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"
)

// With any number of attributes they are those that slog hands out. When this says
// that the layout is another, write the new one down in slog.go.
func TestAttrsOfSlogRecord(t *testing.T) {
	if !sameLayout {
		t.Error("slog.Record has another layout than layout: calls are slower than they could be")
	}
	for n := range 13 {
		r := slog.NewRecord(time.Now(), slog.LevelInfo, "m", 0)
		for i := range n {
			r.AddAttrs(slog.Int(fmt.Sprint(i), i))
		}
		front, back := attrsOf(&r)
		if got, want := slices.Concat(front, back), collect(&r); !slices.EqualFunc(got, want, slog.Attr.Equal) || len(got) != n {
			t.Errorf("%d: %v, want %v", n, got, want)
		}
	}
}

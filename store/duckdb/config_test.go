//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
)

var (
	ctx   = context.Background()
	seoul = time.FixedZone("KST", 9*3600)
)

func testEnv(dir string) sink.Env {
	return sink.Env{Service: "svc", Handler: "warehouse", Location: seoul, Dir: dir, Log: slog.New(slog.DiscardHandler)}
}

// opened is a sink on a new database with the table logs, and a run it owns.
func opened(t testing.TB, more string) (s *store, r *sinktest.Spool, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "a.duckdb")
	s, r = reopened(t, path, "create: true\n"+more)
	return s, r, path
}

func reopened(t testing.TB, path, more string) (*store, *sinktest.Spool) {
	t.Helper()
	c := sinktest.Decode(t, Kind, "path: '"+path+"'\ntable: logs\n"+more)
	opened, err := Kind.Open(ctx, testEnv(""), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	s, r := opened.(*store), sinktest.NewRun(7)
	if _, err := s.Claim(ctx, "me", []sink.Claim{{Run: 7, Start: r.Start}}); err != nil {
		t.Fatal(err)
	}
	return s, r
}

func batch(r *sinktest.Spool, messages ...string) *sink.Batch {
	var records []sinktest.Record
	for _, m := range messages {
		records = append(records, sinktest.Log(m))
	}
	return sinktest.Batch("warehouse", r.Part(records...))
}

func count(t testing.TB, path string) int {
	t.Helper()
	return len(run(t, path, "select 1 from logs"))
}

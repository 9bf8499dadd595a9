package bigquery

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/sink"
)

// impatient is Kind with little time for an append.
func impatient(limit time.Duration) sink.Kind {
	return sink.Define("bigquery", "in a hurry", sink.Offset, *Kind.Defaults().(*Config), func(ctx context.Context, env sink.Env, c Config) (sink.Sink, error) {
		s, err := open(ctx, env, c)
		if err == nil {
			s.(*store).pace.first = limit
		}
		return s, err
	})
}

// TestSlowServer: a server that comes to no end with a large append in the time that it
// has gets smaller ones, and each row once, in order.
func TestSlowServer(t *testing.T) {
	f := fake(t)
	f.MostRows = 5
	p := newPlace(f.REST(), f.GRPC())
	yaml := "version: 1\nservice: slow\nspool: {dir: " + t.TempDir() + "}\nroot: {level: INFO, handlers: [warehouse]}\nhandlers:\n  warehouse:\n    class: bigquery\n    create: true\n    batch: {records: 150} # appends of 19\n    " +
		strings.ReplaceAll(strings.TrimSpace(p.keys()), "\n", "\n    ") + "\n"
	logs, err := girok.OpenBytes("slow", []byte(yaml), impatient(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	var want []string
	for i := range 300 {
		want = append(want, fmt.Sprint("m", i))
		logs.Logger("slow").LogAttrs(ctx, slog.LevelInfo, want[i])
	}
	patient, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := logs.Flush(patient); err != nil {
		t.Fatal(err)
	}
	if got := p.messages(t); got != strings.Join(want, " ") {
		t.Errorf("the table has %s", got)
	}
}

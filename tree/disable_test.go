package tree

import (
	"context"
	"log/slog"
	"testing"

	"github.com/girok/girok/record"
)

// TestOthers: what becomes of loggers that are there and that a configuration does
// not name.
func TestOthers(t *testing.T) {
	h := &Handler{Name: "h", Accepts: Takes(record.Log, record.Row), Direct: counter{new(int)}}
	with := func(others Others, names ...string) Config {
		c := Config{Others: others, Loggers: []LoggerConfig{{Level: record.Debug, Handlers: []*Handler{h}}}}
		for _, name := range names {
			c.Loggers = append(c.Loggers, LoggerConfig{Name: name, Propagate: true})
		}
		return c
	}
	tr := New(with(ResetOthers))
	for _, name := range []string{"", "a", "a.b", "ab", "x.y"} { // x is a place-holder
		tr.Node(name)
	}
	for i, step := range []struct {
		cfg  Config
		want string // of "", a, a.b, ab, x.y, x
	}{
		{with(DisableOthers, "a"), "111001"},
		{with(LeaveOthers, "x.y"), "111011"},
		{with(DisableOthers), "100000"},
		{with(LeaveOthers), "100000"},
		{with(ResetOthers, "a"), "110111"}, // what lies below a named one stays
		{with(ResetOthers), "111111"},
	} {
		tr.Apply(step.cfg)
		got := ""
		for _, name := range []string{"", "a", "a.b", "ab", "x.y", "x"} {
			if tr.Node(name).Handler().Enabled(context.Background(), slog.LevelError) {
				got += "1"
			} else {
				got += "0"
			}
		}
		if got != step.want {
			t.Errorf("step %d: got %s, want %s", i, got, step.want)
		}
	}
}

// counter counts records.
type counter struct{ n *int }

func (c counter) Handle(*record.View) error {
	*c.n++
	return nil
}

// TestDisabledTakesRows: only logs are silenced, and nothing is told as not shown.
func TestDisabledTakesRows(t *testing.T) {
	c := counter{new(int)}
	h := &Handler{Name: "h", Accepts: Takes(record.Log, record.Row), Direct: c}
	cfg := Config{Loggers: []LoggerConfig{{Level: record.Debug, Handlers: []*Handler{h}}}}
	tr := New(cfg)
	n := tr.Node("a")
	cfg.Others = DisableOthers
	tr.Apply(cfg)
	for _, kind := range []record.Kind{record.Log, record.Row} {
		if _, err := n.Emit(&Entry{Kind: kind, Level: record.Error}); err != nil {
			t.Fatal(err)
		}
	}
	if *c.n != 1 || tr.Unshown() != 0 {
		t.Errorf("%d records, %d not shown", *c.n, tr.Unshown())
	}
}

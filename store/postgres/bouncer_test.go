//go:build unix

package postgres

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
)

// TestBouncer writes through PgBouncer, two handlers in turns so that they share
// its connections.
func TestBouncer(t *testing.T) {
	for _, mode := range []string{"session", "transaction"} {
		t.Run(mode, func(t *testing.T) {
			direct := newPlace(t)
			p := direct.behind(t, mode)
			a, r := p.open(t, "create: true\nnew_columns: add\n")
			b, q := p.other(t)
			for i := range 20 {
				one, two := batch(r, fmt.Sprint("a", i)), batch(q, fmt.Sprint("b", i))
				if err := errors.Join(a.Write(ctx, one), b.Write(ctx, two), a.Write(ctx, one)); err != nil {
					t.Fatal(err)
				}
			}
			if got := direct.run(t, "select count(*), count(distinct message) from logs"); got != "40|40" {
				t.Error(got)
			}
			if got := look(t, p.keys()); strings.Contains(got, "wrong") {
				t.Error(got)
			}
		})
	}
}

// other is another handler's sink on the table, and a run that it owns.
func (p *place) other(t testing.TB) (*store, *sinktest.Spool) {
	t.Helper()
	env := testEnv()
	env.Handler = "other"
	opened, err := Kind.Open(ctx, env, sinktest.Decode(t, Kind, p.keys()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	s, r := opened.(*store), sinktest.NewRun(8)
	claim(t, s, r)
	return s, r
}

// behind is the place as it is reached through PgBouncer.
func (p *place) behind(t testing.TB, mode string) *place {
	t.Helper()
	s := *p.Server
	s.Port = p.Bouncer(t, mode)
	return &place{&s, p.schema}
}

// TestBouncerByStatement: this mode has no transactions, so nothing can be written.
func TestBouncerByStatement(t *testing.T) {
	p := newPlace(t).behind(t, "statement")
	_, err := Kind.Open(ctx, testEnv(), sinktest.Decode(t, Kind, p.keys()+"create: true"))
	var refused *sink.Refused
	if !errors.As(err, &refused) || !strings.Contains(refused.Remedy, "pool_mode") {
		t.Errorf("got %v", err)
	}
}

//go:build unix

package killtest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/internal/pgtest"
)

// pg is the server of -store postgres, and the proxy that children reach it by.
var pg postgresServer

type postgresServer struct {
	server *pgtest.Server
	proxy  *pgtest.Proxy
	killed int
	cuts   [pgtest.After + 1]int
}

// cutEvery: of so many commits one breaks its connection, in one way or another.
const cutEvery = 25

// killEvery: in one of so many lives the server is killed too.
const killEvery = 8

func (p *postgresServer) start(t *testing.T, seed uint64) {
	p.server = pgtest.Own(t)
	var err error
	if p.proxy, err = pgtest.NewProxy(p.server); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.proxy.Close)
	rng := rand.New(rand.NewPCG(seed, 2))
	p.proxy.At(func() pgtest.Cut {
		if rng.IntN(cutEvery) > 0 {
			return pgtest.Whole
		}
		c := pgtest.Before + pgtest.Cut(rng.IntN(3))
		p.cuts[c]++
		return c
	})
}

// place is the keys of where it is.
func (p *postgresServer) place() string {
	return fmt.Sprintf("host: 127.0.0.1\n    port: %d\n    user: %s\n    password: %s\n    database: postgres\n    sslmode: disable", p.proxy.Port, pgtest.User, pgtest.Password)
}

// trouble kills the server at some moment of a life, in some lives, and starts it
// again. What it returns waits for that.
func (p *postgresServer) trouble(a *arena) func() {
	if a.rng.IntN(killEvery) > 0 {
		return func() {}
	}
	after := time.Duration(a.rng.IntN(400)) * time.Millisecond
	done := make(chan error)
	go func() {
		time.Sleep(after)
		p.server.Kill()
		done <- p.server.Start()
	}()
	p.killed++
	return func() {
		if err := <-done; err != nil {
			a.t.Fatal(err)
		}
	}
}

func (p *postgresServer) told() string {
	return fmt.Sprintf("the server was killed %d times; connections broke before a COMMIT %d, during it %d, after it %d times",
		p.killed, p.cuts[pgtest.Before], p.cuts[pgtest.During], p.cuts[pgtest.After])
}

// rows asks with psql.
func (p *postgresServer) rows(_, query string) (rows [][]string, err error) {
	out, err := p.server.SQL("postgres", query)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(out) {
		rows = append(rows, strings.Split(strings.TrimSpace(line), "|"))
	}
	return rows, nil
}

//go:build unix

package bigquery

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/girok/girok/internal/bqtest"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
)

// TestKey: with the key of a service account, over TLS, through an exchange of what it
// has signed for a token; then tokens are worth nothing any more, then the key is
// another one.
func TestKey(t *testing.T) {
	f := fake(t)
	front := bqtest.NewFront(t, f.REST(), f.GRPC())
	p := newPlace(f.REST(), f.GRPC())
	secure := *p
	secure.way = fmt.Sprintf("endpoint: %s/bigquery/v2\ngrpc_endpoint: %s\ninsecure: true\n", front.REST, front.GRPC)
	keys := strings.Replace(secure.keys(), "insecure: true", "key_file: "+front.KeyFile+"\nca_file: "+front.CAFile, 1)
	s, err := Kind.Open(ctx, testEnv(), sinktest.Decode(t, Kind, keys+"create: true\n"))
	if err != nil {
		t.Fatal(err)
	}
	c := &client{T: t, p: p, s: s.(sink.Journaled), run: sinktest.NewRun(7)}
	defer s.Close()
	c.send(c.batch("a"))
	if front.Given() != 1 {
		t.Errorf("%d tokens, want one for both interfaces", front.Given())
	}
	front.Expire()
	c.s.(*store).leave() // a call under way is not asked again who it is
	b := c.batch("b")
	c.wantRefused(b)
	c.send(b)
	old, err := os.ReadFile(front.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := front.NewKey(tokensOf(t, old)); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.ReadFile(front.KeyFile)
	if err == nil {
		err = os.WriteFile(front.KeyFile, old, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.s.(*store).leave()
	b = c.batch("c")
	c.wantRefused(b) // the token
	c.wantRefused(b) // and the key
	if err := os.WriteFile(front.KeyFile, fresh, 0o600); err != nil {
		t.Fatal(err)
	}
	c.send(b)
	c.want("a", "b", "c")
}

// wantRefused tries a batch: who girok is, is not accepted; that is told with what to
// do, and without the key.
func (c *client) wantRefused(b *sink.Batch) {
	c.Helper()
	err := c.try(b)
	var refused *sink.Refused
	if !errors.As(err, &refused) || refused.Remedy != login {
		c.Fatalf("got %T: %v", err, err)
	}
	if strings.Contains(err.Error(), "PRIVATE KEY") {
		c.Errorf("the key is told: %v", err)
	}
}

// tokensOf is where a key has its tokens from.
func tokensOf(t testing.TB, key []byte) string {
	var k struct {
		URI string `json:"token_uri"`
	}
	if err := json.Unmarshal(key, &k); err != nil {
		t.Fatal(err)
	}
	return k.URI
}

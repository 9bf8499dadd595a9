package null

import (
	"context"
	"errors"
	"testing"

	"github.com/girok/girok/sink"
)

func TestNull(t *testing.T) {
	c := *Kind.Defaults().(*Config)
	if c.Limits().Records == 0 || c.Limits().Bytes == 0 || c.Limits().Age == 0 {
		t.Errorf("limits %+v", c.Limits())
	}
	a, b := c.Endpoint(sink.Env{Handler: "a"}), c.Endpoint(sink.Env{Handler: "b"})
	if a == b {
		t.Error("two handlers share an endpoint")
	}
	opened, err := Kind.Open(context.Background(), sink.Env{}, c)
	if err != nil {
		t.Fatal(err)
	}
	s := opened.(*Sink)
	batch := sink.NewBatch("h", "n", nil, make([]sink.Item, 3))
	for range 2 {
		if err := s.Write(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
	}
	if s.Batches() != 2 || s.Records() != 6 {
		t.Errorf("%d batches, %d records", s.Batches(), s.Records())
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Write(ctx, batch); !errors.Is(err, context.Canceled) || s.Batches() != 2 {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

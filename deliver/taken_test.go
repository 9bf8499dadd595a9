package deliver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// countedSink is a destination of class offset: a batch goes in by pieces of two records,
// each whole or not at all, and the destination counts the rows of its streams.
type countedSink struct {
	s    *store
	name string // what was prepared
	mark countedMark
}

type countedMark struct {
	Stream, Offset, Rows int
	Ended                bool
}

// countedStream is one of a store.
type countedStream struct {
	rows  int
	ended bool
}

func countedKind(stores map[string]*store) sink.Kind {
	return sink.Define("counted", "streams in memory", sink.Offset, fakeDefaults, func(_ context.Context, _ sink.Env, c fakeConfig) (sink.Sink, error) {
		return &countedSink{s: stores[c.At]}, nil
	})
}

func (c *countedSink) Close() error { return nil }

func (c *countedSink) Prepare(_ context.Context, b *sink.Batch, last sink.Mark) (sink.Mark, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	var m countedMark
	if b.Mark != nil {
		if err := json.Unmarshal(b.Mark, &m); err != nil {
			return nil, err
		}
		if !m.Ended {
			c.s.streams[m.Stream].ended = true
			in := c.s.streams[m.Stream].rows - m.Offset
			if b.Partial && in > 0 {
				in = c.s.has(b)
			}
			if m.Ended = in > 0; m.Ended && in < b.Len() {
				m.Rows = in
				return nil, &sink.Taken{Items: in, Mark: marked(m)}
			}
		}
	} else if last != nil {
		if err := json.Unmarshal(last, &m); err != nil {
			return nil, err
		}
		m = countedMark{Stream: m.Stream, Offset: m.Offset + m.Rows}
	}
	if !m.Ended {
		if b.Mark != nil || last == nil || c.s.streams[m.Stream].ended {
			c.s.streams = append(c.s.streams, &countedStream{})
			m = countedMark{Stream: len(c.s.streams) - 1}
		}
		m.Rows = b.Len()
	}
	c.name, c.mark = b.Name, m
	return marked(m), nil
}

func marked(m countedMark) sink.Mark {
	text, _ := json.Marshal(m)
	return text
}

// has is how many records of a batch are in.
func (s *store) has(b *sink.Batch) (n int) {
	var v record.View
	for i := range b.Len() {
		if b.At(i, &v) == nil {
			n += s.ids[string(b.AppendID(nil, i, &v))]
		}
	}
	return n
}

func (c *countedSink) Write(_ context.Context, b *sink.Batch) error {
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.Name != c.name || string(b.Mark) != string(marked(c.mark)) {
		return fmt.Errorf("batch %s comes with the mark %s after %s was prepared", b.Name, b.Mark, c.name)
	}
	if c.mark.Ended {
		return nil
	}
	at := s.streams[c.mark.Stream]
	for from := 0; from < b.Len(); from += 2 {
		if at.ended || at.rows != c.mark.Offset+from {
			return fmt.Errorf("a stream of %d rows, and the batch begins at %d+%d", at.rows, c.mark.Offset, from)
		}
		err := s.piece(b, from, at)
		var reject *sink.Reject
		var refused *sink.Refused
		if sure := errors.As(err, &reject) || errors.As(err, &refused); sure && from > 0 {
			return &sink.Taken{Items: from, Mark: marked(countedMark{Stream: c.mark.Stream, Offset: c.mark.Offset, Rows: from}), Err: err}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// piece takes two records of a batch.
func (s *store) piece(b *sink.Batch, from int, to *countedStream) error {
	if err := s.before.ask(b); err != nil {
		return err
	}
	var items []sink.Item
	for i := from; i < min(from+2, b.Len()); i++ {
		items = append(items, b.Item(i))
	}
	msgs, ids, err := s.check(sink.NewBatch(b.Handler, b.Name, b.Moves, items), false)
	if err != nil {
		return err
	}
	to.rows += len(items)
	s.keep(msgs, ids)
	return s.after.ask(b)
}

// A batch is in up to some piece when the destination fails, in one way or another, or
// the program dies: each record is in once, in order; those that are bad are letters.
func TestTaken(t *testing.T) {
	for _, how := range []string{"busy", "lost", "refused", "none"} {
		for _, blind := range []bool{false, true} {
			for at := range 8 {
				t.Run(fmt.Sprintf("%s at %d, blind %v", how, at, blind), func(t *testing.T) {
					dir, s := t.TempDir(), newStore()
					s.blind, s.reject = blind, badSevens
					switch how {
					case "busy":
						s.before = nth(at+1, errors.New("busy"))
					case "lost":
						s.after = nth(at+1, errors.New("connection reset"))
					case "refused":
						s.before = nth(at+1, &sink.Refused{Err: errors.New("no right")})
					}
					start(t, dir, 0, one(s), "a%").delivers(30)
					once(t, s, 27)
					if !slices.IsSortedFunc(s.rows, func(a, b string) int { return len(a) - len(b) }) {
						t.Errorf("not in order: %v", s.rows)
					}
					lettersAre(t, dir, 3)
				})
			}
		}
	}
}

// The same with programs that die at random moments and go on with the batch of the
// one before.
func TestTakenDies(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	dir, s := t.TempDir(), newStore()
	s.reject = badSevens
	total := 0
	for life := range 20 {
		died := make(chan struct{})
		left := max(rng.IntN(25), 1)
		fails := func(*sink.Batch) error {
			if left--; left == 0 {
				close(died)
			}
			if left <= 0 || rng.IntN(20) == 0 {
				return errors.New("the answer never came")
			}
			return nil
		}
		s.fails(life%2 == 0, fails)
		p := startLife(t, dir, life, one(s), "a%")
		p.d.Start()
		total += p.appendUntil(died)
		p.die()
	}
	s.heal()
	drain(t, dir, one(s), "a%")
	once(t, s, total-total/10)
	lettersAre(t, dir, total/10)
}

// A sink that says that all or none of a batch is in, as a part of it, is not believed.
func TestTakenOfNothing(t *testing.T) {
	for _, n := range []int{-1, 0, 5, 6} {
		dir, s := t.TempDir(), newStore()
		s.before = nth(1, &sink.Taken{Items: n})
		start(t, dir, 0, one(s), "a%").delivers(5)
		once(t, s, 5)
	}
}

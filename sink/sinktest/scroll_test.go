package sinktest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
)

// scroll is a store of class file in the test's memory: a list of messages, of
// which the last can be torn off. The suite is tried on it, whole and with one thing
// broken at a time.
var scroll = sink.Define("scroll", "messages in memory", sink.File, scrollConfig{}, openScroll)

type scrollConfig struct {
	Name string `yaml:"name,required" doc:"the name of the place"`
}

func (c scrollConfig) Endpoint(sink.Env) string { return c.Name }
func (c scrollConfig) Target() string           { return "" }
func (c scrollConfig) Limits() sink.Limits      { return sink.Limits{} }
func (c scrollConfig) Guarantee() string        { return "until the test ends" }

type scrollPlace struct {
	sync.Mutex
	broken string
	rows   []string
}

// scrollSink is one process. Its mark is how long the list was before the batch.
type scrollSink struct {
	place *scrollPlace
	left  []string
}

func openScroll(_ context.Context, _ sink.Env, c scrollConfig) (sink.Sink, error) {
	p, _ := places.Load(c.Name)
	return &scrollSink{place: p.(*scrollPlace)}, nil
}

func (s *scrollSink) Close() error {
	if s.place.broken == "writes on Close" {
		s.place.rows = append(s.place.rows, s.left...)
	}
	return nil
}

func (s *scrollSink) Prepare(ctx context.Context, b *sink.Batch, _ sink.Mark) (sink.Mark, error) {
	p := s.place
	p.Lock()
	defer p.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var v record.View
	s.left = nil
	for i := range b.Len() {
		if err := b.At(i, &v); err != nil {
			return nil, err
		}
		s.left = append(s.left, strings.ReplaceAll(strings.ToValidUTF8(string(v.Message), "\uFFFD"), "\x00", "\uFFFD"))
	}
	if b.Mark == nil {
		return json.Marshal(len(p.rows))
	}
	var at int
	if err := json.Unmarshal(b.Mark, &at); err != nil {
		return nil, err
	}
	switch p.broken {
	case "mark is not looked at":
		return b.Mark, nil
	case "torn is whole":
		if len(p.rows) > at {
			s.left = nil
		}
		return b.Mark, nil
	}
	have := p.rows[min(at, len(p.rows)):]
	switch {
	case !b.Partial:
		s.left = s.left[min(len(have), len(s.left)):]
	case p.broken == "partial is the whole":
		p.rows = p.rows[:at]
	default:
		for len(s.left) > 0 && strings.Contains("\n"+strings.Join(have, "\n")+"\n", "\n"+s.left[0]+"\n") {
			s.left = s.left[1:]
		}
	}
	return b.Mark, nil
}

func (s *scrollSink) Write(ctx context.Context, _ *sink.Batch) error {
	s.place.Lock()
	defer s.place.Unlock()
	for len(s.left) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.place.rows, s.left = append(s.place.rows, s.left[0]), s.left[1:]
	}
	return nil
}

func newScroll(t *testing.T) sinktest.Place {
	p := &scrollPlace{broken: os.Getenv(breakVariable)}
	places.Store(t.Name(), p)
	return sinktest.Place{
		Config: fmt.Sprintf("name: %q\n", t.Name()),
		Rows: func(testing.TB) (rows []map[string]any) {
			p.Lock()
			defer p.Unlock()
			for _, r := range p.rows {
				rows = append(rows, map[string]any{"message": r})
			}
			return rows
		},
		Tear: func(_ testing.TB, n int) {
			p.Lock()
			defer p.Unlock()
			p.rows = p.rows[:len(p.rows)-min(n/100, len(p.rows))]
		},
	}
}

func TestScroll(t *testing.T) {
	sinktest.Run(t, sinktest.Subject{Kind: scroll, New: newScroll})
}

// TestFaultsOfJournaledAreFound is TestFaultsAreFound for the class file.
func TestFaultsOfJournaledAreFound(t *testing.T) {
	if os.Getenv(breakVariable) != "" {
		t.Skip("this is the child")
	}
	for fault, says := range map[string]string{
		"mark is not looked at": "nothing is doubled",
		"torn is whole":         "is there once",
		"writes on Close":       "is there once",
		"partial is the whole":  "what was in stays",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestScroll$")
			cmd.Env = append(os.Environ(), breakVariable+"="+fault)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatal("the suite passes")
			}
			if !strings.Contains(string(out), says) {
				t.Errorf("the suite fails, but does not say %q:\n%.2000s", says, out)
			}
		})
	}
}

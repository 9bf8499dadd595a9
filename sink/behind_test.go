package sink

import (
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
)

// wire is the other side: it fails as it is told, once for each message.
type wire struct {
	fails  map[string]error
	got    []string
	opened int
	closed int
}

type wireConfig struct {
	To string `yaml:"to"`
}

func (c wireConfig) Place() string { return "wire " + c.To }

// wireWriter is what a process's records are sent with.
type wireWriter struct {
	w   *wire
	env DirectEnv
}

func (w *wireWriter) Handle(v *record.View) error {
	msg := string(v.Message)
	if msg == "panics" {
		panic("no")
	}
	err := w.w.fails[msg]
	delete(w.w.fails, msg)
	if partly := (*Partly)(nil); err == nil || errors.As(err, &partly) {
		w.w.got = append(w.w.got, string(w.env.Append(nil, v)))
	}
	return err
}

func (w *wireWriter) Close() error {
	w.w.closed++
	return nil
}

// behindWire is a sink behind w, and a batch of messages, each of a process of its own
// if apart.
func behindWire(t *testing.T, w *wire, keys string, apart bool, messages ...string) (Sink, *Batch) {
	t.Helper()
	d := DefineDirect("x.Wire", "", wireConfig{}, func(env DirectEnv, _ wireConfig) Writer {
		w.opened++
		return &wireWriter{w, env}
	})
	doc, err := config.Parse("test", []byte(keys))
	if err != nil {
		t.Fatal(err)
	}
	var ps config.Problems
	kind := d.Behind()
	c := kind.Decode(doc.Root, &ps, new(Common))
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	s, err := kind.Open(t.Context(), Env{Location: time.UTC, Log: slog.New(slog.DiscardHandler)}, c)
	if err != nil {
		t.Fatal(err)
	}
	var items []Item
	origin := &Origin{PID: 1}
	for i, m := range messages {
		if apart {
			origin = &Origin{PID: i + 1}
		}
		e := record.NewEncoder(nil)
		e.Begin(&record.Header{Level: record.Info, Time: time.Unix(0, 0), Message: m})
		items = append(items, Item{Origin: origin, Place: record.Place{Position: uint64(i)}, Payload: slices.Clone(e.Finish())})
		e.Release()
	}
	return s, NewBatch("h", "n", nil, items)
}

func TestBehindGoesOnWhereItWas(t *testing.T) {
	busy := errors.New("busy")
	w := &wire{fails: map[string]error{"b": busy, "c": &Partly{errors.New("half")}, "d": &Reject{Err: errors.New("bad")}}}
	s, b := behindWire(t, w, "{class: x.Wire, to: a, spooled: true}", false, "a", "b", "c", "d", "panics", "e")
	if err := s.Write(t.Context(), b); err != busy {
		t.Errorf("got %v", err)
	}
	var rejected *Reject
	if err := s.Write(t.Context(), b); !errors.As(err, &rejected) || len(rejected.Rows) != 2 || rejected.Rows[0].Index != 3 || rejected.Rows[1].Index != 4 {
		t.Errorf("got %v", err)
	}
	rest := NewBatch("h", "other", nil, append(slices.Clone(b.items[:3]), b.items[5])) // as deliver makes it then
	if err := s.Write(t.Context(), rest); err != nil {
		t.Error(err)
	}
	if want := []string{"a", "b", "c", "e"}; !slices.Equal(w.got, want) {
		t.Errorf("got %q, want each once: %q", w.got, want)
	}
	if err := s.Write(t.Context(), rest); err != nil || len(w.got) != 8 {
		t.Errorf("what was taken is remembered for ever: %q", w.got)
	}
	if err := s.Close(); err != nil || w.opened != 1 || w.closed != 1 {
		t.Errorf("%v, opened %d, closed %d", err, w.opened, w.closed)
	}
}

// Each process's records show that one; not more connections are kept than some.
func TestBehindShowsTheProcess(t *testing.T) {
	w := &wire{}
	var messages []string
	for range 2*maxWriters + 1 {
		messages = append(messages, "m")
	}
	s, b := behindWire(t, w, "{class: x.Wire, formatter: {format: '%(process)d %(message)s'}}", true, messages...)
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if w.got[0] != "1 m" || w.got[16] != "17 m" {
		t.Errorf("got %q", w.got)
	}
	if w.opened-w.closed > maxWriters {
		t.Errorf("%d are open", w.opened-w.closed)
	}
	if err := s.Close(); err != nil || w.opened != w.closed {
		t.Errorf("%v, opened %d, closed %d", err, w.opened, w.closed)
	}
}
